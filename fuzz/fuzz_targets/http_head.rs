//! Drives `weir_testkit::fuzz` target `http_head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("http_head", data));
