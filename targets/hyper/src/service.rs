//! Requests -> responses.

use std::time::Duration;

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION},
};
use serde::{Deserialize, Serialize};
use tokio::time;

use crate::regressions::Regressions;

const ENGINE: HeaderName = HeaderName::from_static("engine");
const HYPER: HeaderValue = HeaderValue::from_static("hyper");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const USERS_PATH: HeaderValue = HeaderValue::from_static("/v1/user");

/// How long `/io` waits for something that is only pretended.
const IO_WAIT: Duration = Duration::from_millis(1 + LATER_MS);

/// How much later everything is that may be.
const LATER_MS: u64 = if cfg!(feature = "regression-sleep") { 1 } else { 0 };

/// A user as `/v1/user` lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    created_at: String,
    name: String,
    avatar: String,
    id: String,
}

/// An answer, and what has to happen before it.
pub enum Answer {
    /// Nothing has to.
    Now(Response<Full<Bytes>>),
    /// Some time has to pass.
    After(Duration, Response<Full<Bytes>>),
    /// A profile of this process has to be taken, as the query says.
    Profile(Option<String>),
}

impl Answer {
    /// The response, once it may be sent.
    pub async fn response(self) -> Response<Full<Bytes>> {
        match self {
            Self::Now(response) => response,
            Self::After(wait, response) => {
                time::sleep(wait).await;
                response
            }
            // In a box, so that the others need not carry its state.
            Self::Profile(query) => {
                Box::pin(pprof_endpoint::answer(query.as_deref())).await.map(Full::from)
            }
        }
    }
}

/// Everything the server knows.
pub struct Service {
    users: Vec<User>,
    regressions: Regressions,
}

impl Service {
    /// Loads the users.
    pub fn new() -> Result<Self, String> {
        let users = serde_json::from_str(include_str!("../users.json"))
            .map_err(|error| format!("cannot read its users: {error}"))?;
        Ok(Self { users, regressions: Regressions::new()? })
    }

    /// Answers one request. The body of a `HEAD` is left out by hyper, which keeps its length.
    pub fn answer<B>(&self, request: &Request<B>) -> Answer {
        self.regressions.on_request(request);
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/") => Answer::Now(hello()),
            (&Method::GET | &Method::HEAD, "/io") => {
                Answer::After(IO_WAIT, status(StatusCode::OK, "ok"))
            }
            (&Method::GET | &Method::HEAD, "/v1/user") => {
                let users = self.users();
                match LATER_MS {
                    0 => Answer::Now(users),
                    later => Answer::After(Duration::from_millis(later), users),
                }
            }
            (&Method::GET, pprof_endpoint::PATH) => {
                Answer::Profile(request.uri().query().map(str::to_owned))
            }
            _ => Answer::Now(status(StatusCode::NOT_FOUND, "not found\n")),
        }
    }

    /// The users are serialized anew for each request: that work is what the study measured.
    fn users(&self) -> Response<Full<Bytes>> {
        let Ok(body) = self.body() else {
            return status(StatusCode::INTERNAL_SERVER_ERROR, "cannot serialize the users\n");
        };
        let mut response = Response::new(Full::from(body));
        let headers = response.headers_mut();
        if cfg!(feature = "regression-serialize-twice")
            && let Ok(again) = self.body()
        {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(again.len()));
        }
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ENGINE, HYPER);
        headers.insert(LOCATION, USERS_PATH);
        response
    }

    fn body(&self) -> serde_json::Result<Vec<u8>> {
        if cfg!(feature = "regression-clone") {
            return serde_json::to_vec(&self.users.clone());
        }
        serde_json::to_vec(&self.users)
    }
}

fn hello() -> Response<Full<Bytes>> {
    status(StatusCode::OK, "Hello, World!\n")
}

fn status(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}
