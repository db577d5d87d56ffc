//! What sends the requests: flameload itself, or a tool that is installed.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The engine of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Engine {
    /// Which one.
    pub kind: EngineKind,
    /// A script of the user's own in that engine's language: Lua for wrk and wrk2, JavaScript for
    /// k6. It decides what is requested; what it takes over may not be in the load script too.
    pub own_script: Option<PathBuf>,
}

/// What sends the requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the tools")]
pub enum EngineKind {
    #[default]
    Builtin,
    Wrk,
    Wrk2,
    K6,
    Hey,
    Oha,
    Bombardier,
}

impl EngineKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Builtin, Self::Wrk, Self::Wrk2, Self::K6, Self::Hey, Self::Oha, Self::Bombardier];

    /// The name in scripts, which is also the program's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Wrk => "wrk",
            Self::Wrk2 => "wrk2",
            Self::K6 => "k6",
            Self::Hey => "hey",
            Self::Oha => "oha",
            Self::Bombardier => "bombardier",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
