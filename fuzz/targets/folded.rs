#![no_main]
#![doc = "Made-up bytes for `tests/fuzzed/oracles/folded.rs`."]

include!("../target.rs");

fuzz!("folded");
