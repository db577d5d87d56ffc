//! Made-up bytes for `tests/fuzzed/oracles/run.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flameload_fuzz::check("run", bytes));
