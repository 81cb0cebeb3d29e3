//! Drives `weir_testkit::fuzz` target `flv_reader`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("flv_reader", data));
