//! Made-up bytes for `tests/fuzzed/oracles/bench.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flameload_fuzz::check("bench", bytes));
