//! Drives `weir_testkit::fuzz` target `rtmp_server`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("rtmp_server", data));
