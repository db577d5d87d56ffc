//! One request of a script with its templates parsed.

use std::{collections::BTreeSet, net::SocketAddr};

use super::draw::Draw;
use crate::load::{
    request::{Parts, Request},
    script::{Body, ScriptRequest, Secret, Var},
    template::{Template, TemplateError, percent_encoded},
};

/// One request of a script, its templates parsed.
#[derive(Debug)]
pub(super) struct Kind<'a> {
    pub(super) request: &'a ScriptRequest,
    /// The places of the variables in it.
    pub(super) variables: BTreeSet<usize>,
    path: Template,
    headers: Vec<(&'a str, Template)>,
    body: Content<'a>,
    environment: &'a [(String, Secret)],
}

#[derive(Debug)]
enum Content<'a> {
    Fixed(&'a [u8]),
    Template(Template),
}

impl<'a> Kind<'a> {
    /// Parses the templates of `request`, in which `vars` may stand, and in headers values of the
    /// `environment`.
    pub(super) fn parse(
        request: &'a ScriptRequest,
        vars: &[Var],
        environment: &'a [(String, Secret)],
    ) -> Result<Self, String> {
        let wrong = |error: TemplateError| format!("request '{}': {error}", request.name);
        let path = Template::parse(&request.path, vars).map_err(wrong)?;
        let headers: Result<Vec<_>, TemplateError> = request
            .headers
            .iter()
            .map(|(name, value)| {
                Ok((name.as_str(), Template::parse_header(value, vars, environment)?))
            })
            .collect();
        let headers = headers.map_err(wrong)?;
        let body = match &request.body {
            Body::Fixed(bytes) => Content::Fixed(bytes),
            Body::Template(text) => Content::Template(Template::parse(text, vars).map_err(wrong)?),
        };
        let mut variables: BTreeSet<usize> = path.variables().collect();
        // What comes from the environment is the same each time.
        let in_headers = headers.iter().flat_map(|(_, value)| value.variables());
        variables.extend(in_headers.filter(|place| *place < vars.len()));
        if let Content::Template(text) = &body {
            variables.extend(text.variables());
        }
        Ok(Self { request, variables, path, headers, body, environment })
    }

    /// Whether it is the same each time.
    pub(super) fn is_fixed(&self) -> bool {
        self.variables.is_empty()
    }

    /// The request with the next values of its variables: literal in headers and in the body,
    /// percent-encoded in the path.
    pub(super) fn render(
        &self,
        draws: &mut [Draw<'_>],
        addr: SocketAddr,
        authorization: Option<&Secret>,
    ) -> Request {
        let mut values = vec![String::new(); draws.len()];
        for (place, draw) in draws.iter_mut().enumerate() {
            if self.variables.contains(&place) {
                values[place] = draw.next();
            }
        }
        let encoded: Vec<String> = values.iter().map(|value| percent_encoded(value)).collect();
        values.extend(self.environment.iter().map(|(_, Secret(value))| value.clone()));
        let headers = self.headers.iter();
        let headers: Vec<(&str, String)> =
            headers.map(|(name, value)| (*name, value.fill(&values))).collect();
        let filled;
        let body = match &self.body {
            Content::Fixed(bytes) => bytes,
            Content::Template(text) => {
                filled = text.fill(&values);
                filled.as_bytes()
            }
        };
        let parts = Parts {
            method: &self.request.method,
            path: &self.path.fill(&encoded),
            headers: &headers,
            body,
            expect: &self.request.expect,
        };
        Request::render(&parts, addr, authorization)
    }
}
