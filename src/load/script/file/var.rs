//! `[vars]`: values that differ from request to request.

use std::path::PathBuf;

use serde::Deserialize;

use super::context::Context;
use crate::{
    config,
    load::{
        LoadError,
        script::{Pick, Values, Var},
    },
};

/// The most rows of a file: more would hardly be asked for in one run.
const MOST_ROWS: usize = 1_000_000;
/// Beyond this exponent, one value is nearly the only one.
const STEEPEST: f64 = 10.0;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VarSection {
    int: Option<[i64; 2]>,
    file: Option<PathBuf>,
    column: Option<String>,
    uuid: Option<bool>,
    pick: Option<PickName>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"random\", \"sequential\", \"zipf\", or { zipf = 1.2 } with an exponent"
)]
enum PickName {
    Word(PickWord),
    Zipf(ZipfSection),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PickWord {
    Random,
    Sequential,
    Zipf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ZipfSection {
    zipf: f64,
}

impl VarSection {
    pub(super) fn into_var(self, name: String, context: &Context<'_>) -> Result<Var, LoadError> {
        let invalid = |why: String| context.invalid(format!("vars.{}: {why}", name.escape_debug()));
        if !is_name(&name) {
            return Err(invalid("a name has letters, digits and _, and no digit first".to_owned()));
        }
        if self.column.is_some() && self.file.is_none() {
            return Err(invalid("a column is one of a file, and none is named".to_owned()));
        }
        let pick = pick(self.pick.as_ref()).map_err(invalid)?;
        let values = match (self.int, self.file, self.uuid) {
            (Some([min, max]), None, None) if min <= max => Values::Integers { min, max },
            (Some([min, max]), None, None) => {
                return Err(invalid(format!("int goes from {min} down to {max}: swap them")));
            }
            (None, None, Some(true)) if self.pick.is_none() => Values::Uuids,
            (None, None, Some(true)) => {
                return Err(invalid("uuids are all random: leave pick out".to_owned()));
            }
            (None, Some(file), None) => {
                let bytes = context.read(&file)?;
                let texts = column(&bytes, self.column.as_deref());
                let texts = texts.map_err(|why| invalid(format!("{}: {why}", file.display())));
                Values::List(texts?)
            }
            _ => {
                return Err(invalid(
                    "it is one of int = [1, 100], file = \"users.csv\" and uuid = true".to_owned(),
                ));
            }
        };
        Ok(Var { name, values, pick })
    }
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn pick(name: Option<&PickName>) -> Result<Pick, String> {
    match name {
        None | Some(PickName::Word(PickWord::Random)) => Ok(Pick::Random),
        Some(PickName::Word(PickWord::Sequential)) => Ok(Pick::Sequential),
        Some(PickName::Word(PickWord::Zipf)) => Ok(Pick::Zipf { exponent: 1.0 }),
        Some(PickName::Zipf(ZipfSection { zipf })) if *zipf > 0.0 && *zipf <= STEEPEST => {
            Ok(Pick::Zipf { exponent: *zipf })
        }
        Some(PickName::Zipf(ZipfSection { zipf })) => Err(format!(
            "pick: {zipf} is no exponent: write a number above 0 and at most {STEEPEST}; 1 is \
             Zipf's law"
        )),
    }
}

/// The values of a column, or of the only one, in a file of comma-separated values with a header.
fn column(bytes: &[u8], column: Option<&str>) -> Result<Vec<String>, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(|why| why.to_string())?.clone();
    let names = || header.iter().collect::<Vec<_>>().join(", ");
    let place = match column {
        _ if header.is_empty() => return Err("it is empty".to_owned()),
        None if header.len() == 1 => 0,
        None => return Err(format!("it has the columns {}: add column = one of them", names())),
        Some(column) => header.iter().position(|name| name == column).ok_or_else(|| {
            let meant = config::nearest(column, header.iter());
            let meant = meant.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
            format!("it has no column '{column}'{meant} (there are {})", names())
        })?,
    };
    let mut texts = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|why| why.to_string())?;
        texts.push(row.get(place).unwrap_or_default().to_owned());
        if texts.len() > MOST_ROWS {
            return Err(format!("it has more than {MOST_ROWS} rows, the most there may be"));
        }
    }
    if texts.is_empty() {
        return Err("it has a header and no rows".to_owned());
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, name: Option<&str>, expected: Expect) {
        expected.assert_eq(&match column(text.as_bytes(), name) {
            Ok(texts) => format!("{texts:?}"),
            Err(error) => error,
        });
    }

    #[test]
    fn a_column_is_read_by_its_name() {
        check(
            "id,name\n1,\"Jo, the first\"\n2,Mia\n",
            Some("name"),
            expect![[r#"["Jo, the first", "Mia"]"#]],
        );
        check("id\n1\n2\n", None, expect![[r#"["1", "2"]"#]]);
    }

    #[test]
    fn a_file_without_the_column_is_refused() {
        check(
            "id,name\n1,Jo\n",
            Some("nam"),
            expect!["it has no column 'nam'; did you mean 'name'? (there are id, name)"],
        );
        check(
            "id,name\n1,Jo\n",
            None,
            expect!["it has the columns id, name: add column = one of them"],
        );
        check(
            "id,name\n1\n",
            Some("id"),
            expect![
                "CSV error: record 1 (line: 2, byte: 8): found record with 1 fields, but the previous record has 2 fields"
            ],
        );
        check("id\n", None, expect!["it has a header and no rows"]);
        check("", None, expect!["it is empty"]);
        assert!(column(b"id\n\xff\n", None).is_err(), "not text");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = column(&bytes, None);
            let _ = column(&bytes, Some("a"));
        }
    }
}
