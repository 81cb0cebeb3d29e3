//! Drives `weir_testkit::fuzz` target `relay`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("relay", data));
