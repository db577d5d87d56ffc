//! Made-up bytes for `tests/fuzzed/oracles/elf.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flameload_fuzz::check("elf", bytes));
