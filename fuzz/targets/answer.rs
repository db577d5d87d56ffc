#![no_main]
#![doc = "Made-up bytes for `tests/fuzzed/oracles/answer.rs`."]

include!("../target.rs");

fuzz!("answer");
