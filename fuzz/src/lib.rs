//! The oracles of the tests, for targets that libFuzzer drives.

#[path = "../../tests/fuzzed"]
mod fuzzed {
    pub(crate) mod oracles;
}

/// Holds `bytes` against the oracle of this name.
///
/// # Panics
/// When it does not hold.
pub fn check(name: &str, bytes: &[u8]) {
    for (known, check) in fuzzed::oracles::ALL {
        if known == name {
            fuzzed::oracles::hold(check, bytes);
        }
    }
}
