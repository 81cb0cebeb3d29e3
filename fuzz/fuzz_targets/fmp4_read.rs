//! Drives `weir_testkit::fuzz` target `fmp4_read`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("fmp4_read", data));
