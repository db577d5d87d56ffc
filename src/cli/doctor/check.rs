//! [`Check`]: one finding about this machine.

use serde_json::{Value, json};

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing is in the way.
    Ok,
    /// Good to know; a profile shows everything all the same.
    Note,
    /// A profile shows less, or is wrong in a way that can be lifted.
    Limit,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Limit => "limit",
        }
    }
}

/// One finding about this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    /// What was looked at.
    pub(super) name: &'static str,
    pub(super) state: State,
    /// What is there.
    pub(super) found: String,
    /// What that means for a profile.
    pub(super) means: String,
    /// The one command that lifts the limit, if one does.
    pub(super) command: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>, means: &str) -> Self {
        Self::new(name, State::Ok, found.into(), means)
    }

    pub(super) fn note(name: &'static str, found: impl Into<String>, means: &str) -> Self {
        Self::new(name, State::Note, found.into(), means)
    }

    pub(super) fn limit(name: &'static str, found: impl Into<String>, means: &str) -> Self {
        Self::new(name, State::Limit, found.into(), means)
    }

    /// A finding about a file that is not there, or is not what its documentation says.
    pub(super) fn unknown(name: &'static str, text: Option<&str>, means: &str) -> Self {
        let found = match text {
            None => "not there".to_owned(),
            Some(text) => format!("not understood: {:?}", text.trim()),
        };
        Self::note(name, found, means)
    }

    fn new(name: &'static str, state: State, found: String, means: &str) -> Self {
        Self { name, state, found, means: means.to_owned(), command: None }
    }

    pub(super) fn lifted_by(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "state": self.state.as_str(),
            "found": self.found,
            "means": self.means,
            "command": self.command,
        })
    }

    /// For golden tests.
    #[cfg(test)]
    pub(super) fn golden(&self) -> String {
        let Self { state, found, means, .. } = self;
        let command = self.command.as_ref().map(|command| format!("    $ {command}\n"));
        format!("{}: {found}\n    {means}\n{}", state.as_str(), command.unwrap_or_default())
    }
}
