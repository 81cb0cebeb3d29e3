//! Drives `weir_testkit::fuzz` target `timeline`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("timeline", data));
