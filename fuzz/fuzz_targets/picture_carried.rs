//! Drives `weir_testkit::fuzz` target `picture_carried`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("picture_carried", data));
