//! Drives `weir_testkit::fuzz` target `site_markdown`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("site_markdown", data));
