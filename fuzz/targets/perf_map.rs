//! Made-up bytes for `tests/fuzzed/oracles/perf_map.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flameload_fuzz::check("perf_map", bytes));
