#![no_main]
#![doc = "Made-up bytes for `tests/fuzzed/oracles/record.rs`."]

include!("../target.rs");

fuzz!("record");
