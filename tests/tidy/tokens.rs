//! [`Tokens`]: the words of a Rust file in a row, without its comments.

use std::ops::Range;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Word(String),
    Sign(char),
    Literal,
    /// The index of the closing bracket.
    Open(Delimiter, usize),
    Close,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// From 1.
    pub(super) line: usize,
    /// Whether it is compiled for tests only.
    pub(super) test: bool,
    /// In how many modules of this file it is, and in which.
    pub(super) modules: Vec<String>,
}

/// The words of a Rust file in a row, without its comments.
#[derive(Debug, Default)]
pub(super) struct Tokens(Vec<Token>);

impl Tokens {
    pub(super) fn parse(path: &str, text: &str) -> Self {
        let stream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut tokens = Self::default();
        tokens.flatten(stream);
        tokens.mark_modules();
        tokens.mark_tests();
        tokens
    }

    fn flatten(&mut self, stream: TokenStream) {
        for tree in stream {
            let line = tree.span().start().line;
            match tree {
                TokenTree::Ident(word) => self.push(Kind::Word(word.to_string()), line),
                TokenTree::Punct(sign) => self.push(Kind::Sign(sign.as_char()), line),
                TokenTree::Literal(_) => self.push(Kind::Literal, line),
                TokenTree::Group(group) => {
                    let open = self.0.len();
                    self.push(Kind::Open(group.delimiter(), 0), line);
                    self.flatten(group.stream());
                    self.0[open].kind = Kind::Open(group.delimiter(), self.0.len());
                    self.push(Kind::Close, group.span_close().end().line);
                }
            }
        }
    }

    fn push(&mut self, kind: Kind, line: usize) {
        self.0.push(Token { kind, line, test: false, modules: Vec::new() });
    }

    fn mark_modules(&mut self) {
        for at in 0..self.0.len() {
            if self.is_word(at, "mod")
                && let Some(name) = self.word(at + 1).map(str::to_owned)
                && let Some(body) = self.braces(at + 2)
            {
                self.0[body].iter_mut().for_each(|token| token.modules.push(name.clone()));
            }
        }
    }

    fn mark_tests(&mut self) {
        for at in 0..self.0.len() {
            if let Some(item) = self.test_item(at) {
                self.0[item].iter_mut().for_each(|token| token.test = true);
            }
        }
    }

    pub(super) fn mark_all_as_test(&mut self) {
        self.0.iter_mut().for_each(|token| token.test = true);
    }

    /// The item after the attribute at `at`, if that is `#[cfg(test)]` or `#[test]`.
    fn test_item(&self, at: usize) -> Option<Range<usize>> {
        let attribute = self.attribute(at)?;
        let words: Vec<&str> = attribute.clone().filter_map(|at| self.word(at)).collect();
        let for_tests = match words[..] {
            ["test"] => true,
            ["cfg", ref rest @ ..] => rest.contains(&"test") && !rest.contains(&"not"),
            _ => false,
        };
        for_tests.then(|| at..self.item_end(attribute.end + 1))
    }

    /// What is between the brackets of the attribute at `at`.
    fn attribute(&self, at: usize) -> Option<Range<usize>> {
        if !self.is_sign(at, '#') {
            return None;
        }
        match self.kind(at + 1)? {
            Kind::Open(Delimiter::Bracket, close) => Some(at + 2..*close),
            _ => None,
        }
    }

    /// Where the item that starts at `start`, perhaps with more attributes, ends.
    fn item_end(&self, start: usize) -> usize {
        let mut at = start;
        while let Some(attribute) = self.attribute(at) {
            at = attribute.end + 1;
        }
        let declares = ["use", "let", "static", "type"].iter().any(|word| self.is_word(at, word));
        let constant = self.is_word(at, "const") && !self.is_word(at + 1, "fn");
        loop {
            match self.kind(at) {
                None | Some(Kind::Close) => return at,
                Some(Kind::Sign(';')) => return at + 1,
                Some(Kind::Open(Delimiter::Brace, close)) if !declares && !constant => {
                    return close + 1;
                }
                Some(Kind::Open(_, close)) => at = close + 1,
                Some(_) => at += 1,
            }
        }
    }

    /// The names of the modules that are declared for tests only and have files of their own.
    pub(super) fn test_modules(&self) -> Vec<&str> {
        (0..self.0.len())
            .filter(|at| self.0[*at].test && self.is_word(*at, "mod") && self.is_sign(at + 2, ';'))
            .filter_map(|at| self.word(at + 1))
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Token> {
        self.0.get(at)
    }

    pub(super) fn kind(&self, at: usize) -> Option<&Kind> {
        self.0.get(at).map(|token| &token.kind)
    }

    pub(super) fn word(&self, at: usize) -> Option<&str> {
        match self.kind(at)? {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(super) fn is_word(&self, at: usize, word: &str) -> bool {
        self.word(at) == Some(word)
    }

    pub(super) fn is_sign(&self, at: usize, sign: char) -> bool {
        self.kind(at) == Some(&Kind::Sign(sign))
    }

    /// Whether `::` is at `at`.
    pub(super) fn is_path_separator(&self, at: usize) -> bool {
        self.is_sign(at, ':') && self.is_sign(at + 1, ':')
    }

    /// What is between the braces that open at `at`.
    pub(super) fn braces(&self, at: usize) -> Option<Range<usize>> {
        match self.kind(at)? {
            Kind::Open(Delimiter::Brace, close) => Some(at + 1..*close),
            _ => None,
        }
    }

    /// The macro that is called at `at`: the word before a `!` and an opening bracket.
    pub(super) fn macro_call(&self, at: usize) -> Option<&str> {
        let opens = matches!(self.kind(at + 2), Some(Kind::Open(..)));
        if opens && self.is_sign(at + 1, '!') { self.word(at) } else { None }
    }

    /// The method that is called at `at`, where its name is.
    pub(super) fn method_call(&self, at: usize) -> Option<&str> {
        let opens = matches!(self.kind(at + 1), Some(Kind::Open(Delimiter::Parenthesis, _)));
        let after_dot = at.checked_sub(1).is_some_and(|before| self.is_sign(before, '.'));
        if opens && after_dot { self.word(at) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// The words that are compiled for tests only.
    #[track_caller]
    fn check(text: &str, expect: Expect) {
        let tokens = Tokens::parse("a.rs", text);
        let words = (0..tokens.len()).filter(|at| tokens.0[*at].test);
        let words: Vec<&str> = words.filter_map(|at| tokens.word(at)).collect();
        expect.assert_eq(&words.join(" "));
    }

    #[test]
    fn code_for_tests_is_told_from_the_rest() {
        check(
            "fn a() {} #[cfg(test)] mod tests { fn b() {} } fn c() {}",
            expect!["cfg test mod tests fn b"],
        );
        check("#[cfg(test)] use a::{b, c}; fn d() {}", expect!["cfg test use a b c"]);
        check(
            "#[test] #[should_panic] fn a() -> [u8; 2] { b } fn c() {}",
            expect!["test should_panic fn a u8 b"],
        );
        check("#[cfg(not(test))] fn a() {}", expect![""]);
        check("#[cfg(test)] const A: B = { c }; const fn d() {}", expect!["cfg test const A B c"]);
        check("#[cfg(test)] const fn a() {} fn b() {}", expect!["cfg test const fn a"]);
    }
}
