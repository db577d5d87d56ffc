//! [`Row`]: a request, and what has to come of it.

use std::time::Duration;

use super::{
    client::{Answer, Request},
    shape::Shape,
};

/// A request, and what has to come of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) request: Request<'static>,
    pub(super) status: Status,
    pub(super) headers: &'static [(&'static str, Value)],
    pub(super) body: Body,
    /// The answer takes this long at least.
    pub(super) least: Duration,
}

/// The status of an answer, where needed in the words of the target's ecosystem.
#[derive(Debug, Clone, Copy)]
pub(super) enum Status {
    Is(u16),
    /// What was sent is now kept.
    Created,
    /// The request is understood, but its values are out of bounds or no values at all.
    Refused,
    /// The body is no such thing as is asked for.
    BadBody,
    /// There is such a path, but not for this method.
    WrongMethod,
}

/// The value of a header.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Is(&'static str),
    /// This, perhaps with parameters.
    Type(&'static str),
    /// The name of the target's ecosystem.
    Engine,
    /// A time as HTTP has it.
    Date,
}

/// The body of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body {
    /// Nobody relies on it.
    Any,
    Empty,
    Text(&'static str),
    /// The 20 users as compact JSON, in their order.
    Users,
    Json(Shape),
}

/// In what targets may differ, each in the way of its ecosystem.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// What the header `engine` says.
    pub(super) engine: &'static str,
    pub(super) created: u16,
    pub(super) refused: u16,
    pub(super) wrong_method: u16,
}

impl Row {
    pub(super) const fn get(path: &'static str, status: Status, body: Body) -> Self {
        let request = Request { method: "GET", path, body: None };
        Self { request, status, headers: &[], body, least: Duration::ZERO }
    }

    /// The same request with another method.
    pub(super) const fn method(mut self, method: &'static str) -> Self {
        self.request.method = method;
        self
    }

    /// As a `POST` with this body.
    pub(super) const fn post(mut self, body: &'static str) -> Self {
        self.request.method = "POST";
        self.request.body = Some(body);
        self
    }

    pub(super) const fn headers(mut self, headers: &'static [(&'static str, Value)]) -> Self {
        self.headers = headers;
        self
    }

    pub(super) const fn takes(mut self, least: Duration) -> Self {
        self.least = least;
        self
    }

    /// Everything that is wrong with an answer.
    pub(super) fn complaints(&self, answer: &Answer, dialect: &Dialect) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.status.fits(answer.status, dialect) {
            complaints.push(format!("status {}, not {:?}", answer.status, self.status));
        }
        for (name, value) in self.headers {
            let found = answer.header(name);
            if !found.is_some_and(|found| value.fits(found, dialect)) {
                complaints.push(format!("header {name}: {found:?}, not {value:?}"));
            }
        }
        complaints.extend(self.body.complaint(answer));
        if answer.took < self.least {
            complaints.push(format!("took only {:?}, not {:?}", answer.took, self.least));
        }
        let Request { method, path, body } = self.request;
        let place = format!("{method} {path} {}", body.unwrap_or_default());
        complaints.into_iter().map(|complaint| format!("{place}: {complaint}")).collect()
    }
}

impl Status {
    fn fits(self, status: u16, dialect: &Dialect) -> bool {
        match self {
            Self::Is(expected) => status == expected,
            Self::Created => status == dialect.created,
            Self::Refused => status == dialect.refused,
            Self::BadBody => [400, 422].contains(&status),
            Self::WrongMethod => status == dialect.wrong_method,
        }
    }
}

impl Value {
    fn fits(self, value: &str, dialect: &Dialect) -> bool {
        match self {
            Self::Is(expected) => value == expected,
            Self::Type(expected) => value.split(';').next() == Some(expected),
            Self::Engine => value == dialect.engine,
            Self::Date => value.len() == 29 && value.ends_with(" GMT"),
        }
    }
}

impl Body {
    fn complaint(self, answer: &Answer) -> Option<String> {
        let text = || answer.text();
        match self {
            Self::Any => None,
            Self::Empty => (!answer.body.is_empty()).then(|| format!("a body: {:?}", text())),
            Self::Text(expected) => {
                (text() != expected).then(|| format!("body {:?}, not {expected:?}", text()))
            }
            Self::Users => (text() != users()).then(|| format!("other users: {}", text())),
            Self::Json(shape) => match serde_json::from_slice(&answer.body) {
                Ok(value) => shape.complaint("the body", &value),
                Err(error) => Some(format!("body {:?}: {error}", text())),
            },
        }
    }
}

/// The users of the file that all targets share, as compact JSON with its keys in their order.
fn users() -> String {
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        created_at: String,
        name: String,
        avatar: String,
        id: String,
    }
    let users = include_str!("../../targets/hyper/users.json");
    let users: Vec<User> = serde_json::from_str(users).expect("users");
    serde_json::to_string(&users).expect("users")
}
