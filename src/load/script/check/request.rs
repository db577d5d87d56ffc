//! What a request may be.

use crate::load::script::{Body, Cookies, Script, ScriptRequest, Version};

/// Headers that frame the message: only the engine knows what they must say.
const OWN_HEADERS: [&str; 2] = ["content-length", "transfer-encoding"];
/// Headers of one HTTP/1.1 connection, which HTTP/2 has no place for (RFC 9113, section 8.2.2).
const CONNECTION_HEADERS: [&str; 3] = ["connection", "keep-alive", "proxy-connection"];

pub(super) fn check(request: &ScriptRequest, script: &Script) -> Result<(), String> {
    let ScriptRequest { method, path, headers, expect, .. } = request;
    if !is_token(method) || method == "CONNECT" {
        return Err(format!("'{}' is not a method that can be sent", method.escape_debug()));
    }
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !path.starts_with('/') || !is_plain {
        return Err(format!(
            "the path '{}' must start with '/' and have no spaces, '#' or characters outside \
             ASCII (write them as %20 and so on)",
            path.escape_debug()
        ));
    }
    for (name, value) in headers {
        check_header(name, value)?;
        check_against(name, value, script)?;
    }
    if let Some(status) = expect.status.iter().find(|status| !(200..=999).contains(*status)) {
        return Err(format!("{status} is not the status of a response"));
    }
    match &expect.body_contains {
        Some(text) if text.is_empty() => {
            Err("body_contains is empty, which every body contains".to_owned())
        }
        Some(_) if method == "HEAD" => {
            Err("the response to HEAD has no body, so body_contains can never be true".to_owned())
        }
        _ => check_body(request),
    }
}

fn check_body(request: &ScriptRequest) -> Result<(), String> {
    let is_empty = match &request.body {
        Body::Fixed(bytes) => bytes.is_empty(),
        Body::Template(text) => text.is_empty(),
    };
    if !is_empty && request.method == "TRACE" {
        return Err("TRACE must not have a body (RFC 9110, section 9.3.8)".to_owned());
    }
    Ok(())
}

fn check_header(name: &str, value: &str) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!("'{}' is not a header name", name.escape_debug()));
    }
    if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(format!("the header {name} is set by the engine: leave it out"));
    }
    if name.eq_ignore_ascii_case("upgrade") {
        return Err("the header Upgrade would end HTTP on the connection: leave it out".to_owned());
    }
    if !is_header_value(value) {
        return Err(format!("the value of header {name} has a line end or a control character"));
    }
    Ok(())
}

/// Headers that contradict what the script says elsewhere.
fn check_against(name: &str, value: &str, script: &Script) -> Result<(), String> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("authorization") && script.authorization.is_some() {
        return Err(format!("the header {name} and [http] auth say the same: leave one out"));
    }
    if is("cookie") && script.http.cookies == Cookies::PerConnection {
        return Err(format!("the header {name} and cookies contradict each other: leave one out"));
    }
    let is_of_connection = CONNECTION_HEADERS.into_iter().any(is);
    if is_of_connection && script.http.version == Version::Http2 {
        return Err(format!("HTTP/2 has no place for the header {name}: leave it out"));
    }
    let closes = value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
    if is("connection") && closes && script.pipeline.get() > 1 {
        return Err("Connection: close ends a connection with requests of a pipeline under way: \
                    leave one out"
            .to_owned());
    }
    Ok(())
}

/// Whether `text` may stand in a header: RFC 9110, section 5.5, with tabs.
pub(super) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| !byte.is_ascii_control() || byte == b'\t')
}

/// Whether `text` is a token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let symbols = b"!#$%&'*+-.^_`|~";
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || symbols.contains(&byte))
}
