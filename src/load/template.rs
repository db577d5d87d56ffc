//! Texts in which variables stand for values that differ from request to request.

use thiserror::Error;

use super::script::{Secret, Var};
use crate::config::{
    self,
    template::{self, Part, Unpaired},
};

/// What stands before the name of a variable of the environment.
const ENV: &str = "env:";

/// The variables of the environment that the value of a header names; none of a text that is no
/// template, which is told elsewhere.
pub(super) fn environment_of(text: &str) -> Vec<String> {
    let name = |hole: &str| Ok::<_, TemplateError>(hole.strip_prefix(ENV).map(str::to_owned));
    let parsed = template::Template::parse(text, name);
    parsed.map_or_else(|_| Vec::new(), |parsed| parsed.holes().flatten().cloned().collect())
}

/// A text with variables: `{name}` stands for a value of the variable `name`, `{{` and `}}` for
/// braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(
    /// A hole is the place of a variable among those that the template was parsed with.
    template::Template<usize>,
);

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum TemplateError {
    #[error("unknown variable {{{name}}}; {advice}")]
    Unknown { name: String, advice: String },
    #[error("a brace without its partner in '{0}'; write {{{{ or }}}} for a plain brace")]
    Brace(String),
}

impl From<Unpaired> for TemplateError {
    fn from(Unpaired(text): Unpaired) -> Self {
        Self::Brace(text)
    }
}

impl Template {
    /// Parses `text`, in which the variables `vars` may stand.
    pub(super) fn parse(text: &str, vars: &[Var]) -> Result<Self, TemplateError> {
        let place = |name: &str| {
            let place = vars.iter().position(|var| var.name == name);
            place.ok_or_else(|| unknown(name, vars))
        };
        template::Template::parse(text, place).map(Self)
    }

    /// The same for the value of a header, in which `{env:NAME}` may stand as well: their places
    /// follow those of the variables, in the order of `environment`.
    pub(super) fn parse_header(
        text: &str,
        vars: &[Var],
        environment: &[(String, Secret)],
    ) -> Result<Self, TemplateError> {
        let place = |name: &str| {
            let is_it = |(known, _): &(String, Secret)| name.strip_prefix(ENV) == Some(known);
            match environment.iter().position(is_it) {
                Some(place) => Ok(vars.len() + place),
                None => {
                    let place = vars.iter().position(|var| var.name == name);
                    place.ok_or_else(|| unknown(name, vars))
                }
            }
        };
        template::Template::parse(text, place).map(Self)
    }

    /// The places of the variables in it, as often as they stand there.
    pub(super) fn variables(&self) -> impl Iterator<Item = usize> {
        self.0.holes().copied()
    }

    /// The text with `values` in place of the variables; one that has none stands for nothing.
    pub(super) fn fill(&self, values: &[String]) -> String {
        let text = |part| match part {
            &Part::Hole(place) => values.get(place).map_or("", String::as_str),
            Part::Text(plain) => plain.as_str(),
        };
        self.0.parts().map(text).collect()
    }
}

fn unknown(name: &str, vars: &[Var]) -> TemplateError {
    let names = || vars.iter().map(|var| var.name.as_str());
    let advice = match config::nearest(name, names()) {
        _ if name.starts_with(ENV) => {
            "what comes from the environment may stand in headers and [http] auth only".to_owned()
        }
        Some(near) => format!("did you mean {{{near}}}?"),
        None if vars.is_empty() => {
            "there is no [vars]; write {{ and }} for plain braces".to_owned()
        }
        None => format!("[vars] has {}", names().collect::<Vec<_>>().join(", ")),
    };
    TemplateError::Unknown { name: name.to_owned(), advice }
}

/// `text` as it may stand in a path or a query: all but the unreserved characters of RFC 3986,
/// section 2.3, as `%` and two digits for each byte.
pub(super) fn percent_encoded(text: &str) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |value: u8| DIGITS[usize::from(value & 15)];
            encoded.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::load::script::{Pick, Values};

    fn vars() -> Vec<Var> {
        let var =
            |name: &str| Var { name: name.to_owned(), values: Values::Uuids, pick: Pick::Random };
        vec![var("id"), var("user")]
    }

    fn check(text: &str, expected: Expect) {
        let values = ["7".to_owned(), "jo".to_owned()];
        expected.assert_eq(&match Template::parse(text, &vars()) {
            Ok(template) => template.fill(&values),
            Err(error) => format!("error: {error}"),
        });
    }

    #[test]
    fn variables_are_filled_in() {
        check("/users/{id}", expect!["/users/7"]);
        check("{id}{id}-{user}", expect!["77-jo"]);
        check(r#"{{"id":{id}}}"#, expect![[r#"{"id":7}"#]]);
        check("", expect![""]);
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        check("{usr}", expect!["error: unknown variable {usr}; did you mean {user}?"]);
        check("{zzz}", expect!["error: unknown variable {zzz}; [vars] has id, user"]);
        check("{}", expect!["error: unknown variable {}; [vars] has id, user"]);
        check(
            "a{id",
            expect![
                "error: a brace without its partner in 'a{id'; write {{ or }} for a plain brace"
            ],
        );
        check(
            "id}",
            expect![
                "error: a brace without its partner in 'id}'; write {{ or }} for a plain brace"
            ],
        );
        let error = Template::parse("{id}", &[]).expect_err("there are no variables");
        expect!["unknown variable {id}; there is no [vars]; write {{ and }} for plain braces"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn a_value_cannot_change_the_shape_of_a_path() {
        assert_eq!(percent_encoded("a-1.b_~"), "a-1.b_~");
        assert_eq!(percent_encoded("a/b?c d&é"), "a%2Fb%3Fc%20d%26%C3%A9");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[{}id é]{0,12}") {
            let _ = Template::parse(&text, &vars());
        }

        #[test]
        fn doubled_braces_are_plain(text in "[a-z{}]{0,12}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            let template = Template::parse(&doubled, &vars()).expect("no variables");
            prop_assert_eq!(template.fill(&[]), text);
        }
    }
}
