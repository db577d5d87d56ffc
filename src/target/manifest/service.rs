//! What a target needs beside its own processes: the typed form of `[[service]]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Something that is started before the processes of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ServiceKind,
    /// A file of SQL that makes the tables, absolute.
    pub schema: Option<PathBuf>,
    /// A file of SQL that fills them, absolute.
    pub seed: Option<PathBuf>,
}

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// A PostgreSQL server with one database.
    Postgres,
}

/// `[[service]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceTable {
    name: String,
    kind: ServiceKind,
    schema: Option<PathBuf>,
    seed: Option<PathBuf>,
}

impl ServiceTable {
    pub(super) fn resolve(self, dir: &Path) -> Service {
        // Two manifests that name one file in different ways mean the same service.
        let absolute = |path: PathBuf| {
            let path = dir.join(path);
            path.canonicalize().unwrap_or(path)
        };
        let Self { name, kind, schema, seed } = self;
        Service { name, kind, schema: schema.map(absolute), seed: seed.map(absolute) }
    }
}
