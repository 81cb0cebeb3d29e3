//! Drives `weir_testkit::fuzz` target `chat_bus`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_testkit::fuzz::run("chat_bus", data));
