//! The rules that the code keeps about itself and that no compiler checks, held as tests.
//!
//! Each rule has a function that finds what breaks it in a text, golden cases for that function,
//! and one test that applies it to the project. A list of exceptions is a ratchet: an entry that is
//! no longer needed, or allows more than is there, fails as well, so the list can only shrink.

mod tidy {
    mod cargo;
    mod dependencies;
    mod imports;
    mod panics;
    mod ratchet;
    mod sizes;
    mod source;
    mod tokens;
    mod words;
}
