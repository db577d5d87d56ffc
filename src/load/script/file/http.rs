//! `[http]`: how requests travel.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf};

use serde::Deserialize;

use super::{base::ParsedBase, context::Context, secret::AuthSection};
use crate::load::script::{Base, Cookies, Http, Tls, Version};

/// The longest path of a unix socket that Linux takes.
const LONGEST_SOCKET_PATH: usize = 107;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSection {
    #[serde(default)]
    version: VersionName,
    streams: Option<NonZeroU32>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) auth: Option<AuthSection>,
    tls: Option<TlsSection>,
    unix: Option<PathBuf>,
    #[serde(default)]
    cookies: CookiesName,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum VersionName {
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    #[serde(rename = "2")]
    Http2,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CookiesName {
    #[default]
    None,
    PerConnection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSection {
    #[serde(default)]
    insecure: bool,
    ca: Option<PathBuf>,
    server_name: Option<String>,
}

impl HttpSection {
    pub(super) fn into_http(
        self,
        base: &ParsedBase,
        context: &Context<'_>,
    ) -> Result<Http, String> {
        let version = match self.version {
            VersionName::Http1 => Version::Http1,
            VersionName::Http2 => Version::Http2,
        };
        if version == Version::Http1 && self.streams.is_some() {
            return Err("[http] streams are HTTP/2's: add version = \"2\", or leave them out \
                        (HTTP/1.1 has [load] pipeline)"
                .to_owned());
        }
        let unix = self.unix.map(|path| context.path(&path));
        if let Some(path) = &unix {
            if base.base != Base::Target {
                return Err("[http] unix and a base that is a URL are two places to connect to: \
                            leave one out"
                    .to_owned());
            }
            let length = path.as_os_str().len();
            if !(1..=LONGEST_SOCKET_PATH).contains(&length) {
                return Err(format!(
                    "[http] unix: the path of a socket has {LONGEST_SOCKET_PATH} bytes at most, \
                     and '{}' has {length}",
                    path.display()
                ));
            }
        }
        let cookies = match self.cookies {
            CookiesName::None => Cookies::None,
            CookiesName::PerConnection => Cookies::PerConnection,
        };
        let streams = self.streams.map_or(1, NonZeroU32::get);
        Ok(Http { version, streams, tls: tls(self.tls, base, context)?, unix, cookies })
    }
}

/// Encryption is asked for by the table or by the base's scheme.
fn tls(
    section: Option<TlsSection>,
    base: &ParsedBase,
    context: &Context<'_>,
) -> Result<Option<Tls>, String> {
    let section = match (section, base.is_https) {
        (None, None | Some(false)) => return Ok(None),
        (Some(_), Some(false)) => {
            return Err("[http] tls and a base with http:// contradict each other: write https://"
                .to_owned());
        }
        (None, Some(true)) => TlsSection::default(),
        (Some(section), _) => section,
    };
    let TlsSection { insecure, ca, server_name } = section;
    if insecure && ca.is_some() {
        return Err(
            "[http] tls: with insecure any certificate is good, and ca is not used: leave \
                    one out"
                .to_owned(),
        );
    }
    let server_name = server_name.or_else(|| base.server_name.clone());
    if server_name.as_deref() == Some("") {
        return Err("[http] tls: server_name is empty".to_owned());
    }
    Ok(Some(Tls { insecure, ca: ca.map(|path| context.path(&path)), server_name }))
}
