//! Drives `weir_testkit::fuzz` target `preferences`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("preferences", data));
