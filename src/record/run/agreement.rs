//! How far two profiles of one run agree.

use serde::{Deserialize, Serialize};

/// How far two backends agree about which functions the time is in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgreementFacts {
    /// The two.
    pub backends: Vec<String>,
    /// How many functions are compared: the hottest of either.
    pub functions: u32,
    /// The part of the self time in these functions that both give to the same one: 1 where they
    /// agree in all.
    pub self_overlap: Option<f64>,
    /// What that would be on average for two samples as large as these of one and the same truth.
    pub by_chance: Option<f64>,
    /// The share of all self time that is in these functions, in each of the two.
    pub covers: Vec<f64>,
    /// The functions on which they differ most.
    pub differing: Vec<ShareFacts>,
}

/// What two backends say of one function.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShareFacts {
    /// The function's name, as far as both have it.
    pub name: String,
    /// Its share of the self time in the functions compared, in each of the two.
    pub shares: Vec<f64>,
}
