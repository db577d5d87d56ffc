//! Finds the run that a text means.

use std::path::{Path, PathBuf};

use super::{RUN, RecordError, Store, directories};
use crate::config;

/// The word for the last run.
const LATEST: &str = "latest";
/// Of more candidates than this, only the last are named.
const NAMED_MAX: usize = 5;

impl Store {
    /// The directory of the run that `text` means: an id, the beginning of one, `latest`, each
    /// also as `<target>/<text>`, or a path to a run's directory or a file in it.
    ///
    /// # Errors
    /// When no run or several are meant; the message names near ones.
    pub fn find(&self, text: &str) -> Result<PathBuf, RecordError> {
        if let Some(directory) = by_path(Path::new(text)) {
            return Ok(directory);
        }
        let (target, wanted) = match text.rsplit_once('/') {
            Some((target, wanted)) => (Some(target), wanted),
            None => (None, text),
        };
        let mut runs = self.list()?;
        runs.retain(|run| target.is_none_or(|target| run.target == target));
        if wanted == LATEST {
            let latest = runs.into_iter().rfind(|run| run.run.is_ok());
            return latest.map(|run| run.directory).ok_or_else(|| unknown(text, &[]));
        }
        let names = |runs: &[super::RunSummary]| {
            runs.iter().map(|run| format!("{}/{}", run.target, run.id)).collect::<Vec<_>>()
        };
        let all = names(&runs);
        runs.retain(|run| !wanted.is_empty() && run.id.as_str().starts_with(wanted));
        match runs.len() {
            0 => Err(unknown(text, &all)),
            1 => Ok(runs.remove(0).directory),
            _ => {
                let mut candidates = names(&runs);
                candidates.drain(..candidates.len().saturating_sub(NAMED_MAX));
                Err(RecordError::Ambiguous { text: text.to_owned(), candidates })
            }
        }
    }
}

impl Store {
    /// The directory of something that is kept beside the runs, in `<root>/<kind>/`, each with a
    /// file `record`; what `text` means, as for a run, but that it begins with the kind. None
    /// where it means nothing of this kind.
    pub(super) fn find_beside(
        &self,
        kind: &str,
        record: &str,
        text: &str,
    ) -> Result<Option<PathBuf>, RecordError> {
        if !text.is_empty() && Path::new(text).join(record).is_file() {
            return Ok(Some(PathBuf::from(text)));
        }
        let Some(wanted) = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')) else {
            return Ok(None);
        };
        let mut kept = directories(&self.root().join(kind))?;
        kept.retain(|(_, directory)| directory.join(record).is_file());
        let names: Vec<String> = kept.iter().map(|(id, _)| format!("{kind}/{id}")).collect();
        if wanted != LATEST {
            kept.retain(|(id, _)| !wanted.is_empty() && id.starts_with(wanted));
            if kept.len() > 1 {
                let candidates = kept.into_iter().map(|(id, _)| format!("{kind}/{id}"));
                let (text, candidates) = (text.to_owned(), candidates.collect());
                return Err(RecordError::Ambiguous { text, candidates });
            }
        }
        kept.pop().map(|(_, directory)| Some(directory)).ok_or_else(|| unknown(text, &names))
    }
}

/// The run's directory that a path leads to.
fn by_path(path: &Path) -> Option<PathBuf> {
    let directory = if path.is_file() { path.parent()? } else { path };
    // A bare name of a file in the current directory has an empty parent.
    let here = Path::new(".");
    let directory = if directory.as_os_str().is_empty() { here } else { directory };
    let named = !path.as_os_str().is_empty();
    (named && directory.join(RUN).is_file()).then(|| directory.to_owned())
}

pub(super) fn unknown(text: &str, runs: &[String]) -> RecordError {
    let id = |run: &str| run.rsplit('/').next().map(String::from).unwrap_or_default();
    let ids: Vec<String> = runs.iter().map(|run| id(run)).collect();
    let near = config::nearest(&id(text), ids.iter().map(String::as_str).chain([LATEST]));
    let last = runs[runs.len().saturating_sub(NAMED_MAX)..].join(", ");
    let hint = match near {
        _ if runs.is_empty() => ": there are none yet".to_owned(),
        Some(near) => format!(": did you mean '{near}'?"),
        None => format!(": the last ones are {last}"),
    };
    RecordError::Unknown { text: text.to_owned(), hint }
}
