//! One request of a script, and what a good response to it is.

use std::num::NonZeroU32;

/// One request of a script. Path, header values and body are templates: `{name}` stands for a
/// value of the variable `name`, `{{` and `}}` for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptRequest {
    /// Its name in reports.
    pub name: String,
    /// How often it is sent, in relation to the others.
    pub weight: NonZeroU32,
    /// The method.
    pub method: String,
    /// Path and query, as they go over the wire once variables are filled in.
    pub path: String,
    /// Headers besides `Host`, `Content-Length` and `Authorization`, which the engine adds.
    pub headers: Vec<(String, String)>,
    /// The body, empty for none.
    pub body: Body,
    /// What a good response is.
    pub expect: Expect,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Bytes as they are; empty for no body.
    Fixed(Vec<u8>),
    /// Text with variables.
    Template(String),
}

/// What a good response is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// The statuses that are good; if empty, any 2xx.
    pub status: Vec<u16>,
    /// What the decoded body must contain.
    pub body_contains: Option<String>,
    /// The most bytes that the decoded body may have.
    pub max_bytes: Option<u64>,
}
