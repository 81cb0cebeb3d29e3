//! Drives `weir_testkit::fuzz` target `fmp4_stream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("fmp4_stream", data));
