//! Drives `weir_testkit::fuzz` target `chat`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("chat", data));
