//! `[http] auth`: a secret from the environment, and from nowhere else.

use serde::Deserialize;

use super::context::Context;
use crate::load::{
    LoadError,
    script::{ScriptRequest, Secret},
    template::environment_of,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthSection {
    basic: Option<String>,
    bearer: Option<String>,
}

impl AuthSection {
    /// The value of the `Authorization` header.
    pub(super) fn secret(&self, context: &Context<'_>) -> Result<Secret, LoadError> {
        match (&self.basic, &self.bearer) {
            (Some(text), None) => {
                let (name, user_and_password) = value("basic", text, context)?;
                if !user_and_password.contains(':') {
                    return Err(context.invalid(format!(
                        "[http] auth.basic: the value of {name} in the environment is not of the \
                         form user:password"
                    )));
                }
                Ok(Secret(format!("Basic {}", base64(user_and_password.as_bytes()))))
            }
            (None, Some(text)) => {
                Ok(Secret(format!("Bearer {}", value("bearer", text, context)?.1)))
            }
            _ => Err(context.invalid("[http] auth is either { basic = ... } or { bearer = ... }")),
        }
    }
}

/// The name of the variable that `text` takes from the environment, and its value.
fn value<'a>(
    key: &str,
    text: &'a str,
    context: &Context<'_>,
) -> Result<(&'a str, String), LoadError> {
    let name = text.strip_prefix("{env:").and_then(|rest| rest.strip_suffix('}'));
    let name = name.filter(|name| is_name(name));
    // The text is not repeated: it may be the secret itself.
    let name = name.ok_or_else(|| {
        context.invalid(format!(
            "[http] auth.{key} is a secret, which does not belong in a file: write \
             \"{{env:NAME}}\" for the value of NAME in the environment"
        ))
    })?;
    Ok((name, lookup(&format!("[http] auth.{key}"), name, context)?))
}

/// What headers take from the environment with `{env:NAME}`, each name once.
pub(super) fn of_headers(
    requests: &[ScriptRequest],
    context: &Context<'_>,
) -> Result<Vec<(String, Secret)>, LoadError> {
    let mut found: Vec<(String, Secret)> = Vec::new();
    for request in requests {
        for (header, value) in &request.headers {
            let what = || format!("request '{}': the header {header}", request.name);
            for name in environment_of(value) {
                if !is_name(&name) {
                    let what = what();
                    return Err(context.invalid(format!(
                        "{what} names no variable of the environment: write {{env:NAME}}"
                    )));
                }
                if !found.iter().any(|(known, _)| *known == name) {
                    let value = lookup(&what(), &name, context)?;
                    found.push((name, Secret(value)));
                }
            }
        }
    }
    Ok(found)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The value of `name` in the environment, for `what`.
fn lookup(what: &str, name: &str, context: &Context<'_>) -> Result<String, LoadError> {
    let value = (context.environment)(name).ok_or_else(|| {
        context.invalid(format!(
            "{what} is the value of {name} in the environment, which has none: set it"
        ))
    })?;
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(context.invalid(format!(
            "{what}: the value of {name} in the environment is empty or has a line end or a \
             control character"
        )));
    }
    Ok(value)
}

/// Base 64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = bits >> (18 - 6 * place) & 63;
            let is_padding = place > group.len();
            text.push(if is_padding { '=' } else { char::from(DIGITS[digit as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_the_rfc() {
        // RFC 4648, section 10.
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (text, expected) in cases {
            assert_eq!(base64(text.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
