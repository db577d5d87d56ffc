//! Made-up bytes for `tests/fuzzed/oracles/manifest.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flameload_fuzz::check("manifest", bytes));
