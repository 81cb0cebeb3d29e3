//! Drives `weir_testkit::fuzz` target `amf3`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("amf3", data));
