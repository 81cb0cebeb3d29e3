//! Drives `weir_testkit::fuzz` target `codec_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("codec_frame", data));
