//! Drives `weir_testkit::fuzz` target `admission_snapshot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("admission_snapshot", data));
