// What every target consists of: the oracles of the tests, and one of them chosen by its name.

#[path = "../../tests/fuzzed/oracles.rs"]
mod oracles;

macro_rules! fuzz {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            for (name, check) in oracles::ALL {
                if name == $name {
                    check(bytes);
                }
            }
        });
    };
}
