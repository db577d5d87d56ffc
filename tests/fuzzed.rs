//! Made-up bytes for everything that reads foreign ones, as many as a test has time for.
//!
//! The oracles are those of `fuzz/`, which makes up more of them, and better ones, for as long as
//! it is let.

mod fuzzed {
    mod mutants;
    mod oracles;
    mod seeds;
}
