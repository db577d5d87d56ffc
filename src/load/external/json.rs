//! Finds a tool's JSON among whatever else it prints.

use serde::de::DeserializeOwned;

use super::ExternalError;
use crate::load::EngineKind;

/// Reads the first JSON object in `text` that has the key `key`; other text may stand around it.
///
/// # Errors
/// When there is no such object, or it does not fit `T`.
pub(super) fn find<T: DeserializeOwned>(
    engine: EngineKind,
    text: &str,
    key: &str,
) -> Result<T, ExternalError> {
    let mark = format!("\"{key}\"");
    let mut wrong = None;
    // An object begins at the start of a line; so a stray brace costs one attempt, not a search.
    let starts = line_starts(text).filter(|at| text[*at..].starts_with('{'));
    for start in starts.filter(|at| text[*at..].contains(&mark)) {
        let mut objects = serde_json::Deserializer::from_str(&text[start..]).into_iter::<T>();
        match objects.next() {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => {
                wrong.get_or_insert(error);
            }
            None => {}
        }
    }
    let why = match wrong {
        Some(error) => format!("its JSON is not as expected: {error}"),
        None => "it printed no JSON".to_owned(),
    };
    Err(ExternalError::output(engine, why))
}

/// Where lines begin, white space left out.
fn line_starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        start.min(text.len())
    })
}
