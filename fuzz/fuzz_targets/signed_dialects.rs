//! Drives `weir_testkit::fuzz` target `signed_dialects`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("signed_dialects", data));
