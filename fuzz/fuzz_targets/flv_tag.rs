//! Drives `weir_testkit::fuzz` target `flv_tag`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("flv_tag", data));
