//! The script's file: its keys as serde sees them, and how they become a [`Script`].

use std::{collections::BTreeMap, fs, num::NonZeroU32, path::Path, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    Base, Body, Engine, Expect, Extent, Http, Limits, Pace, Script, ScriptRequest, Think, Threads,
};
use crate::{load::LoadError, unit};

/// The only format there is so far.
const SCHEMA: u32 = 1;
/// Headers that frame the message: only the engine knows what they must say.
const OWN_HEADERS: [&str; 2] = ["content-length", "transfer-encoding"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptFile {
    schema: u32,
    name: String,
    description: Option<String>,
    load: LoadSection,
    #[serde(default)]
    http: HttpSection,
    #[serde(default, rename = "request")]
    requests: Vec<RequestSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadSection {
    #[serde(default, rename = "mode")]
    _mode: Mode,
    connections: NonZeroU32,
    #[serde(default)]
    threads: Threads,
    #[serde(deserialize_with = "unit::deserialize_duration")]
    duration: Duration,
    #[serde(default = "two_seconds", deserialize_with = "unit::deserialize_duration")]
    warmup: Duration,
    #[serde(default = "two_seconds", deserialize_with = "unit::deserialize_duration")]
    timeout: Duration,
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpSection {
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestSection {
    name: String,
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<BodySection>,
    content_type: Option<String>,
    #[serde(default)]
    expect: ExpectSection,
}

fn get() -> String {
    "GET".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BodySection {
    text: Option<String>,
    file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectSection {
    status: Option<Statuses>,
    body_contains: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a status such as 200, or a list such as [200, 404]")]
enum Statuses {
    One(u16),
    Several(Vec<u16>),
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Closed,
}

impl<'de> Deserialize<'de> for Threads {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number of threads from 1, or \"auto\"")]
        enum Either {
            Count(NonZeroU32),
            Word(String),
        }
        match Either::deserialize(from)? {
            Either::Count(count) => Ok(Self::Count(count)),
            Either::Word(word) if word == "auto" => Ok(Self::Auto),
            Either::Word(word) => Err(D::Error::custom(format!(
                "invalid threads \"{word}\": write a number, or \"auto\" for one on each load CPU"
            ))),
        }
    }
}

impl ScriptFile {
    /// Validates the values; `dir` is where files named by the script are.
    pub(super) fn into_script(self, dir: &Path) -> Result<Script, LoadError> {
        let Self { schema, name, description, load, http, requests } = self;
        let invalid = |message: String| LoadError::invalid(&name, message);
        if schema != SCHEMA {
            return Err(invalid(format!("schema is {schema}, but only {SCHEMA} is known")));
        }
        let count = requests.len();
        let Ok([request]) = <[RequestSection; 1]>::try_from(requests) else {
            return Err(invalid(format!("needs exactly one [[request]], has {count}")));
        };
        let body = match &request.body {
            None => Vec::new(),
            Some(BodySection { text: Some(text), file: None }) => text.clone().into_bytes(),
            Some(BodySection { text: None, file: Some(file) }) => {
                let path = dir.join(file);
                fs::read(&path).map_err(|source| LoadError::Read { path, source })?
            }
            Some(_) => {
                let request = &request.name;
                return Err(invalid(format!(
                    "request '{request}': a body is one text or one file"
                )));
            }
        };
        let request = request.into_request(http.headers, body).map_err(invalid)?;
        let LoadSection { connections, threads, duration, warmup, timeout, .. } = load;
        Script {
            name,
            description,
            engine: Engine::default(),
            base: Base::Target,
            seed: 42,
            pace: Pace::Closed { connections, think: Think::None },
            threads,
            extent: Extent::Duration(duration),
            warmup,
            cooldown: Duration::ZERO,
            timeout,
            requests_per_connection: None,
            pipeline: NonZeroU32::MIN,
            http: Http { streams: 1, ..Http::default() },
            authorization: None,
            vars: Vec::new(),
            requests: vec![request],
            thresholds: Vec::new(),
            limits: Limits::default(),
        }
        .checked()
    }
}

impl RequestSection {
    fn into_request(
        self,
        common: BTreeMap<String, String>,
        body: Vec<u8>,
    ) -> Result<ScriptRequest, String> {
        let Self { name, method, path, headers, content_type, expect, .. } = self;
        if !is_token(&method) || method == "CONNECT" {
            return Err(format!("request '{name}': '{method}' is not a method that can be sent"));
        }
        if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "request '{name}': the path '{path}' must start with '/' and have no spaces or \
                 characters outside ASCII (write them as %20 and so on)"
            ));
        }
        let headers = merge(common, headers, content_type);
        for (header, value) in &headers {
            check_header(header, value).map_err(|why| format!("request '{name}': {why}"))?;
        }
        let status = match expect.status {
            None => Vec::new(),
            Some(Statuses::One(status)) => vec![status],
            Some(Statuses::Several(statuses)) if statuses.is_empty() => {
                return Err(format!("request '{name}': the list of expected statuses is empty"));
            }
            Some(Statuses::Several(statuses)) => statuses,
        };
        if let Some(status) = status.iter().find(|status| !(200..=999).contains(*status)) {
            return Err(format!("request '{name}': {status} is not the status of a response"));
        }
        let expect = Expect { status, body_contains: expect.body_contains, max_bytes: None };
        let (weight, body) = (NonZeroU32::MIN, Body::Fixed(body));
        Ok(ScriptRequest { name, weight, method, path, headers, body, expect })
    }
}

/// The headers of all requests, overridden by those of one, then by its content type.
fn merge(
    common: BTreeMap<String, String>,
    own: BTreeMap<String, String>,
    content_type: Option<String>,
) -> Vec<(String, String)> {
    let content_type = content_type.map(|value| ("Content-Type".to_owned(), value));
    let mut merged: Vec<(String, String)> = Vec::new();
    for (name, value) in common.into_iter().chain(own).chain(content_type) {
        merged.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        merged.push((name, value));
    }
    merged
}

fn check_header(name: &str, value: &str) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!("'{}' is not a header name", name.escape_debug()));
    }
    if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(format!("the header {name} is set by the engine: leave it out"));
    }
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(format!("the value of header {name} has a line end or a control character"));
    }
    Ok(())
}

/// Whether `text` is a token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let symbols = b"!#$%&'*+-.^_`|~";
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || symbols.contains(&byte))
}
