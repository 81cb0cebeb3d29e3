//! Drives `weir_testkit::fuzz` target `hls_name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("hls_name", data));
