#![no_main]
#![doc = "Made-up bytes for `tests/fuzzed/oracles/script.rs`."]

include!("../target.rs");

fuzz!("script");
