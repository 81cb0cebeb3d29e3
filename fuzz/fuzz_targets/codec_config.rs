//! Drives `weir_testkit::fuzz` target `codec_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("codec_config", data));
