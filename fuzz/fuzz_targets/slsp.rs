//! Drives `weir_testkit::fuzz` target `slsp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("slsp", data));
