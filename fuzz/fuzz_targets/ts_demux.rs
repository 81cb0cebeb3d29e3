//! Drives `weir_testkit::fuzz` target `ts_demux`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("ts_demux", data));
