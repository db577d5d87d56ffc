#![no_main]
#![doc = "Made-up bytes for `tests/fuzzed/oracles/response.rs`."]

include!("../target.rs");

fuzz!("response");
