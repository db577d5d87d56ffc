//! Texts with placeholders, such as the arguments of a command.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path};

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::config::{
    self,
    template::{self, Part, Unpaired},
};

/// A text with placeholders, checked when it is read.
///
/// | placeholder | stands for |
/// |---|---|
/// | `{bin}` | the binary that the build made |
/// | `{port}` | the process's own port |
/// | `{port:NAME}` | the port of the process NAME of the same target |
/// | `{cpus}` | how many CPUs the process may use |
/// | `{workers}` | how many workers it should start: one a CPU unless asked otherwise |
/// | `{dir}` | the manifest's folder |
/// | `{db_url}` | where the database is, as a URL |
/// | `{db_connections}` | how many connections to it each worker may open |
///
/// `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(template::Template<Placeholder>);

/// What a hole in a template stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placeholder {
    Bin,
    Port,
    PortOf(String),
    Cpus,
    Workers,
    Dir,
    DbUrl,
    DbConnections,
}

/// Why a text is not a template, or a template cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A name in braces that stands for nothing.
    #[error("unknown placeholder {{{name}}}; {advice}")]
    Unknown {
        /// What stands between the braces.
        name: String,
        /// The nearest placeholder, or all of them.
        advice: String,
    },
    /// A brace without its partner.
    #[error("a brace without its partner in '{0}'; write {{{{ or }}}} for a plain brace")]
    Brace(String),
    /// A placeholder that has no value here.
    #[error("{{{0}}} has no value here")]
    Missing(&'static str),
}

impl From<Unpaired> for TemplateError {
    fn from(Unpaired(text): Unpaired) -> Self {
        Self::Brace(text)
    }
}

const NAMES: [&str; 7] = ["bin", "port", "cpus", "workers", "dir", "db_url", "db_connections"];

/// What the placeholders stand for in one process.
#[derive(Debug, Clone)]
pub(super) struct Values<'a> {
    pub(super) bin: Option<&'a Path>,
    pub(super) dir: &'a Path,
    pub(super) port: Option<u16>,
    pub(super) ports: &'a BTreeMap<String, u16>,
    pub(super) cpus: usize,
    pub(super) workers: usize,
    pub(super) db_url: Option<&'a str>,
    pub(super) db_connections: u32,
}

impl Template {
    /// Parses a text with placeholders.
    ///
    /// # Errors
    /// On an unknown placeholder and on a brace without its partner.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        template::Template::parse(text, Placeholder::parse).map(Self)
    }

    /// The placeholders in it.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.holes()
    }

    /// The text with its placeholders filled in.
    pub(super) fn render(&self, values: &Values<'_>) -> Result<OsString, TemplateError> {
        let mut text = OsString::new();
        for part in self.0.parts() {
            match part {
                Part::Text(plain) => text.push(plain),
                Part::Hole(placeholder) => text.push(placeholder.value(values)?),
            }
        }
        Ok(text)
    }
}

/// As it is written in a manifest.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.parts().try_for_each(|part| match part {
            Part::Text(plain) => f.write_str(&plain.replace('{', "{{").replace('}', "}}")),
            Part::Hole(Placeholder::PortOf(process)) => write!(f, "{{port:{process}}}"),
            Part::Hole(placeholder) => write!(f, "{{{}}}", placeholder.name()),
        })
    }
}

impl Placeholder {
    fn name(&self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Port | Self::PortOf(_) => "port",
            Self::Cpus => "cpus",
            Self::Workers => "workers",
            Self::Dir => "dir",
            Self::DbUrl => "db_url",
            Self::DbConnections => "db_connections",
        }
    }

    fn parse(name: &str) -> Result<Self, TemplateError> {
        match name {
            "bin" => Ok(Self::Bin),
            "port" => Ok(Self::Port),
            "cpus" => Ok(Self::Cpus),
            "workers" => Ok(Self::Workers),
            "dir" => Ok(Self::Dir),
            "db_url" => Ok(Self::DbUrl),
            "db_connections" => Ok(Self::DbConnections),
            _ => match name.split_once(':') {
                Some(("port", process)) if !process.is_empty() => {
                    Ok(Self::PortOf(process.to_owned()))
                }
                _ => Err(unknown(name)),
            },
        }
    }

    fn value(&self, values: &Values<'_>) -> Result<OsString, TemplateError> {
        let text = match self {
            Self::Bin => return values.bin.map(Into::into).ok_or(TemplateError::Missing("bin")),
            Self::Dir => return Ok(values.dir.into()),
            Self::Port => values.port.ok_or(TemplateError::Missing("port"))?.to_string(),
            Self::PortOf(process) => {
                values.ports.get(process).ok_or(TemplateError::Missing("port"))?.to_string()
            }
            Self::Cpus => values.cpus.to_string(),
            Self::Workers => values.workers.to_string(),
            Self::DbUrl => values.db_url.ok_or(TemplateError::Missing("db_url"))?.to_owned(),
            Self::DbConnections => values.db_connections.to_string(),
        };
        Ok(text.into())
    }
}

fn unknown(name: &str) -> TemplateError {
    let advice = match config::nearest(name, NAMES) {
        Some(near) => format!("did you mean {{{near}}}?"),
        None => "known are {bin}, {port}, {port:PROCESS}, {cpus}, {workers}, {dir}, {db_url} and \
                 {db_connections}"
            .to_owned(),
    };
    TemplateError::Unknown { name: name.to_owned(), advice }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Expect) {
        let ports = BTreeMap::from([("back".to_owned(), 7001)]);
        let values = Values {
            bin: Some(Path::new("/build/server")),
            dir: Path::new("/targets/x"),
            port: Some(7000),
            ports: &ports,
            cpus: 2,
            workers: 3,
            db_url: Some("postgres://flameload@127.0.0.1:7002/flameload"),
            db_connections: 10,
        };
        let rendered = Template::parse(text).and_then(|template| template.render(&values));
        expected.assert_eq(&match rendered {
            Ok(text) => text.to_string_lossy().into_owned(),
            Err(error) => format!("error: {error}"),
        });
    }

    #[test]
    fn placeholders_are_filled_in() {
        check("{bin}", expect!["/build/server"]);
        check("--listen=127.0.0.1:{port}/", expect!["--listen=127.0.0.1:7000/"]);
        check("{port:back}{cpus}{workers}", expect!["700123"]);
        check("{dir}/app.py", expect!["/targets/x/app.py"]);
        check("{db_url}?x", expect!["postgres://flameload@127.0.0.1:7002/flameload?x"]);
        check("{db_connections}", expect!["10"]);
        check(r#"{{"port":{port}}}"#, expect![[r#"{"port":7000}"#]]);
        check("", expect![""]);
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        check("{prot}", expect!["error: unknown placeholder {prot}; did you mean {port}?"]);
        check(
            "{home}",
            expect![
                "error: unknown placeholder {home}; known are {bin}, {port}, {port:PROCESS}, {cpus}, {workers}, {dir}, {db_url} and {db_connections}"
            ],
        );
        check("{port:}", expect!["error: unknown placeholder {port:}; did you mean {port}?"]);
        check(
            "a{port",
            expect![
                "error: a brace without its partner in 'a{port'; write {{ or }} for a plain brace"
            ],
        );
        check(
            "port}",
            expect![
                "error: a brace without its partner in 'port}'; write {{ or }} for a plain brace"
            ],
        );
        check("{port:front}", expect!["error: {port} has no value here"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[{}a:port é]{0,12}") {
            let _ = Template::parse(&text);
        }

        #[test]
        fn doubled_braces_are_plain(text in "[a-z{}]{0,12}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            let template = Template::parse(&doubled).expect("no placeholders");
            prop_assert_eq!(template.placeholders().count(), 0);
            prop_assert_eq!(template.to_string(), doubled);
        }
    }
}
