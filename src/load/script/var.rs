//! Variables: values that differ from request to request.

/// A variable. Its values are chosen before the load starts, so that they cost nothing in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Var {
    /// Its name in templates.
    pub name: String,
    /// What it may be.
    pub values: Values,
    /// Which of them comes next.
    pub pick: Pick,
}

/// The values that a variable may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Whole numbers.
    Integers {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// Random UUIDs, version 4 (RFC 9562).
    Uuids,
    /// Texts from a file's column; never empty.
    List(Vec<String>),
}

/// Which of a variable's values comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Pick {
    /// Any, all equally likely.
    #[default]
    Random,
    /// One after the other, and again from the first.
    Sequential,
    /// Any, the k-th of them with a probability in proportion to 1 / k^exponent.
    Zipf {
        /// How unequal they are; 1 is Zipf's law.
        exponent: f64,
    },
}
