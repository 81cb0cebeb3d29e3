//! Drives `weir_testkit::fuzz` target `rtmp_url`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("rtmp_url", data));
