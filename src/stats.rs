//! The distributions that intervals and tests are made of.

mod chance;
pub(crate) mod student;

pub(crate) use chance::{Confidence, is_more_than_chance};
