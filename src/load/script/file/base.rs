//! `base`: where the load goes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::load::script::Base;

/// A base as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParsedBase {
    pub(super) base: Base,
    /// Whether the scheme asks for encryption; none is written for the target.
    pub(super) is_https: Option<bool>,
    /// The name that a certificate must have, if the host was written as an address.
    pub(super) server_name: Option<String>,
}

/// Parses `{target}` or the URL of a server.
pub(super) fn parse(text: Option<&str>) -> Result<ParsedBase, String> {
    let text = match text {
        None | Some("{target}") => {
            return Ok(ParsedBase { base: Base::Target, is_https: None, server_name: None });
        }
        Some(text) => text,
    };
    let wrong = |why: &str| {
        format!("base '{text}' {why}: write \"{{target}}\", or a URL such as http://127.0.0.1:8080")
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("is not a URL"))?;
    let (is_https, port) = match scheme {
        "http" => (false, 80),
        "https" => (true, 443),
        _ => return Err(wrong("has an unknown scheme")),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(wrong("has a path, which belongs to a [[request]]"));
    }
    if authority.contains('@') {
        // The text is not repeated, because it has a secret.
        return Err("base has a password, which belongs to [http] auth: leave it out".to_owned());
    }
    let addr = address(authority, port).ok_or_else(|| {
        wrong("has a host that is neither an address nor localhost, or a port that is none")
    })?;
    let server_name = (!authority.starts_with("localhost")).then(|| addr.ip().to_string());
    Ok(ParsedBase { base: Base::Fixed(addr), is_https: Some(is_https), server_name })
}

/// Names are not looked up: what they stand for would depend on the machine.
fn address(authority: &str, default_port: u16) -> Option<SocketAddr> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']')?;
        let ip: Ipv6Addr = host.parse().ok()?;
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if port.is_empty() => default_port,
            None => return None,
        };
        return Some(SocketAddr::new(IpAddr::V6(ip), port)).filter(|addr| addr.port() > 0);
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, default_port),
    };
    let ip = match host {
        "localhost" => Ipv4Addr::LOCALHOST,
        host => host.parse().ok()?,
    };
    Some(SocketAddr::new(IpAddr::V4(ip), port)).filter(|addr| addr.port() > 0)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&match parse(Some(text)) {
            Ok(ParsedBase { base, is_https, server_name }) => {
                format!("{base:?} https: {is_https:?} name: {server_name:?}")
            }
            Err(error) => error,
        });
    }

    #[test]
    fn the_target_or_a_url() {
        check("{target}", expect!["Target https: None name: None"]);
        check(
            "http://127.0.0.1:8080",
            expect![[r#"Fixed(127.0.0.1:8080) https: Some(false) name: Some("127.0.0.1")"#]],
        );
        check("https://localhost/", expect!["Fixed(127.0.0.1:443) https: Some(true) name: None"]);
        check(
            "https://[::1]:8443",
            expect![[r#"Fixed([::1]:8443) https: Some(true) name: Some("::1")"#]],
        );
        check("http://[::1]", expect![[r#"Fixed([::1]:80) https: Some(false) name: Some("::1")"#]]);
    }

    #[test]
    fn anything_else_is_refused() {
        check(
            "127.0.0.1:8080",
            expect![[
                r#"base '127.0.0.1:8080' is not a URL: write "{target}", or a URL such as http://127.0.0.1:8080"#
            ]],
        );
        check(
            "ftp://127.0.0.1",
            expect![[
                r#"base 'ftp://127.0.0.1' has an unknown scheme: write "{target}", or a URL such as http://127.0.0.1:8080"#
            ]],
        );
        check(
            "http://127.0.0.1/users",
            expect![[
                r#"base 'http://127.0.0.1/users' has a path, which belongs to a [[request]]: write "{target}", or a URL such as http://127.0.0.1:8080"#
            ]],
        );
        check(
            "http://me:secret@127.0.0.1",
            expect!["base has a password, which belongs to [http] auth: leave it out"],
        );
        check(
            "http://example.org",
            expect![[
                r#"base 'http://example.org' has a host that is neither an address nor localhost, or a port that is none: write "{target}", or a URL such as http://127.0.0.1:8080"#
            ]],
        );
        check(
            "http://127.0.0.1:0",
            expect![[
                r#"base 'http://127.0.0.1:0' has a host that is neither an address nor localhost, or a port that is none: write "{target}", or a URL such as http://127.0.0.1:8080"#
            ]],
        );
        check(
            "http://127.0.0.1:99999",
            expect![[
                r#"base 'http://127.0.0.1:99999' has a host that is neither an address nor localhost, or a port that is none: write "{target}", or a URL such as http://127.0.0.1:8080"#
            ]],
        );
        check(
            "http://[::1",
            expect![[
                r#"base 'http://[::1' has a host that is neither an address nor localhost, or a port that is none: write "{target}", or a URL such as http://127.0.0.1:8080"#
            ]],
        );
        check(
            "http://",
            expect![[
                r#"base 'http://' has a host that is neither an address nor localhost, or a port that is none: write "{target}", or a URL such as http://127.0.0.1:8080"#
            ]],
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(http|https|)(://)?[\\[\\]:./0-9a-z@é]{0,12}") {
            let _ = parse(Some(&text));
        }
    }
}
