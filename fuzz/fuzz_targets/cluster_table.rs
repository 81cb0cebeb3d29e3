//! Drives `weir_testkit::fuzz` target `cluster_table`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("cluster_table", data));
