#![no_main]
#![doc = "Made-up bytes for `tests/fuzzed/oracles/procfs.rs`."]

include!("../target.rs");

fuzz!("procfs");
