//! Measurements that the machine can spoil: a virtual CPU that is taken away for a while, or a
//! thread that waits for its turn, changes how many samples come and when.

use std::{
    fmt::Display,
    io::{self, Write as _},
    thread,
};

/// A measurement is believed to be wrong when so many in a row came out wrong: a fault of the code
/// spoils each of them, a busy machine hardly does.
const ATTEMPTS: usize = 3;

/// Whether a measurement came out right, or what is wrong with it.
pub(crate) type Measured = Result<(), String>;

/// Says what is wrong unless `is_right`. Only for what depends on the machine; what the code alone
/// decides is asserted.
pub(crate) fn holds(is_right: bool, what: impl Display) -> Measured {
    if is_right { Ok(()) } else { Err(what.to_string()) }
}

/// Measures until it comes out right.
///
/// # Panics
/// With the last reason, where it never does.
#[track_caller]
pub(crate) fn repeated(mut measure: impl FnMut() -> Measured) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    for attempt in 1..=ATTEMPTS {
        let Err(why) = measure() else { return };
        assert!(attempt < ATTEMPTS, "{why}, after {ATTEMPTS} attempts");
        // Shown even where the test passes: a machine that spoils many is worth knowing of.
        let _ = writeln!(io::stderr(), "REPEATED {name}: {why}");
    }
}
