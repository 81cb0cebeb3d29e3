//! Drives `weir_testkit::fuzz` target `record_manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("record_manifest", data));
