//! Drives `weir_testkit::fuzz` target `live_demux`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("live_demux", data));
