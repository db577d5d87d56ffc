//! The command line of flameload.
fn main() {}
