//! Drives `weir_testkit::fuzz` target `site_target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("site_target", data));
