//! Texts with holes, such as `{port}` in an argument or `{id}` in a path: where the holes are, and
//! what stands between them. What a hole means is for its owner to say.
//!
//! `{{` and `}}` stand for braces.

/// A text with holes, each of which means an `H`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template<H>(Vec<Part<H>>);

/// A piece of a text with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<H> {
    Text(String),
    Hole(H),
}

/// A text with a brace that has no partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unpaired(pub(crate) String);

impl<H> Template<H> {
    /// Parses `text`; `meaning` says what the name in a hole stands for.
    ///
    /// # Errors
    /// Those of `meaning`, and a brace without its partner.
    pub(crate) fn parse<E: From<Unpaired>>(
        text: &str,
        meaning: impl Fn(&str) -> Result<H, E>,
    ) -> Result<Self, E> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        let unpaired = || Unpaired(text.to_owned());
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let inner = from.strip_prefix('{').ok_or_else(unpaired)?;
            let (name, after) = inner.split_once('}').ok_or_else(unpaired)?;
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Hole(meaning(name)?));
            rest = after;
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self(parts))
    }

    /// Its pieces in their order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part<H>> {
        self.0.iter()
    }

    /// What its holes mean, in their order.
    pub(crate) fn holes(&self) -> impl Iterator<Item = &H> {
        self.parts().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Hole(hole) => Some(hole),
        })
    }
}
