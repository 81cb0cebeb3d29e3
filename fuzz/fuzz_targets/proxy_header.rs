//! Drives `weir_testkit::fuzz` target `proxy_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("proxy_header", data));
