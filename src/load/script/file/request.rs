//! `[[request]]`: what is asked for, and what a good response is.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf};

use serde::Deserialize;

use super::context::Context;
use crate::load::{
    LoadError,
    script::{Body, Expect, ScriptRequest},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestSection {
    name: String,
    #[serde(default = "one")]
    weight: NonZeroU32,
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

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn get() -> String {
    "GET".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BodySection {
    text: Option<String>,
    file: Option<PathBuf>,
    template: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectSection {
    status: Option<Statuses>,
    body_contains: Option<String>,
    max_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a status such as 200, or a list such as [200, 404]")]
enum Statuses {
    One(u16),
    Several(Vec<u16>),
}

impl RequestSection {
    /// The request, with the headers that are `common` to all.
    pub(super) fn into_request(
        self,
        common: &BTreeMap<String, String>,
        context: &Context<'_>,
    ) -> Result<ScriptRequest, LoadError> {
        let Self { name, weight, method, path, headers, body, content_type, expect } = self;
        let invalid =
            |why: &str| context.invalid(format!("request '{}': {why}", name.escape_debug()));
        let body = match body {
            None => Body::Fixed(Vec::new()),
            Some(BodySection { text: Some(text), file: None, template: None }) => {
                Body::Fixed(text.into_bytes())
            }
            Some(BodySection { text: None, file: Some(file), template: None }) => {
                Body::Fixed(context.read(&file)?)
            }
            Some(BodySection { text: None, file: None, template: Some(text) }) => {
                Body::Template(text)
            }
            Some(_) => return Err(invalid("a body is one text, one file or one template")),
        };
        let status = match expect.status {
            None => Vec::new(),
            Some(Statuses::One(status)) => vec![status],
            Some(Statuses::Several(statuses)) if statuses.is_empty() => {
                return Err(invalid("the list of expected statuses is empty"));
            }
            Some(Statuses::Several(statuses)) => statuses,
        };
        let ExpectSection { body_contains, max_bytes, .. } = expect;
        let expect = Expect { status, body_contains, max_bytes };
        let headers = merge(common.clone(), headers, content_type);
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
