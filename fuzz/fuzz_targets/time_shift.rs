//! Drives `weir_testkit::fuzz` target `time_shift`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("time_shift", data));
