//! Drives `weir_testkit::fuzz` target `ws_client`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("ws_client", data));
