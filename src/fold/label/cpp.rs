//! Signatures of C++, as demanglers write them, and what is left of them for a reader.
//!
//! ```text
//! shop::Money<unsigned long> shop::price<shop::Item>(shop::Item const&)  ->  shop::price
//! `----- what it gives ----'             `- what it is made of and takes -'
//! ```
//!
//! They are no paths of Rust: what a function gives stands before its name, operators are written
//! with brackets, and there are spaces within names.

use std::borrow::Cow;

/// A part of a path, such as `Money` or `operator[]`.
pub(super) type Part<'a> = Cow<'a, str>;

/// What stands for a function without a name in the path of one within it.
const LAMBDA: &str = "{lambda}";
const UNNAMED: &str = "{unnamed}";
/// A namespace that says nothing to a reader.
const ANONYMOUS: &str = "(anonymous namespace)";
const OPERATOR: &str = "operator";

/// What the compiler writes for calls that come by another way, with the function that they are of.
const WAYS: [&str; 4] = [
    "non-virtual thunk to ",
    "virtual thunk to ",
    "covariant return thunk to ",
    "transaction clone for ",
];

/// The operators that are written with signs, longer ones before those that they begin with.
const SIGNS: [&str; 42] = [
    "->*", "<=>", "<<=", ">>=", "()", "[]", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=",
    "&&", "||", "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "+", "-", "*", "/", "%", "^", "&",
    "|", "~", "!", "=", "<", ">", ",", "new[]", "delete[]", "\"\"",
];

/// The path of a function, without namespaces that have no name; none where the text is not a
/// signature of C++: without parameters it may be anything.
pub(super) fn parse(name: &str) -> Option<Vec<Part<'_>>> {
    let name = WAYS.iter().find_map(|way| name.strip_prefix(way)).unwrap_or(name);
    let name = name.split(" [clone").next().unwrap_or(name);
    let mut scanner = Scanner { text: name, at: 0, parts: Vec::new(), has_parameters: false };
    scanner.run()?;
    let Scanner { mut parts, has_parameters, .. } = scanner;
    parts.retain(|part| part != ANONYMOUS && !part.is_empty());
    (has_parameters && !parts.is_empty()).then_some(parts)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    parts: Vec<Part<'a>>,
    has_parameters: bool,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn run(&mut self) -> Option<()> {
        loop {
            let part = self.part()?;
            self.parts.push(part);
            // What is behind a name: arguments, parameters, and what the function promises.
            self.skip_behind()?;
            if self.rest().is_empty() {
                return Some(());
            }
            if self.rest().starts_with("::") {
                self.at += 2;
            } else if self.skip_spaces() {
                // So far it was what the function gives.
                self.parts.clear();
                self.has_parameters = false;
            } else {
                return None;
            }
        }
    }

    /// The name at the front.
    fn part(&mut self) -> Option<Part<'a>> {
        let rest = self.rest();
        if rest.starts_with(ANONYMOUS) {
            self.at += ANONYMOUS.len();
            return Some(Cow::Borrowed(ANONYMOUS));
        }
        if let Some(behind) = rest.strip_prefix(OPERATOR)
            && !behind.starts_with(is_of_name)
        {
            return self.operator(behind);
        }
        match rest.chars().next()? {
            // `{lambda(int)#1}`, `{unnamed type#1}`
            '{' => {
                let inner = self.skip_brackets()?;
                let is_lambda = inner.starts_with("{lambda");
                Some(Cow::Borrowed(if is_lambda { LAMBDA } else { UNNAMED }))
            }
            // `'lambda0'(int)`
            '\'' => {
                let end = rest[1..].find('\'')? + 2;
                self.at += end;
                Some(Cow::Borrowed(if rest.starts_with("'lambda") { LAMBDA } else { UNNAMED }))
            }
            // What a pointer to a function gives: `(*f<int>(int))(char)`.
            '(' | '<' | '[' => {
                self.skip_brackets()?;
                Some(Cow::Borrowed(""))
            }
            _ => {
                let end = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
                let end = if end == 0 { rest.chars().next()?.len_utf8() } else { end };
                self.at += end;
                Some(Cow::Borrowed(&rest[..end]))
            }
        }
    }

    /// An operator; `behind` is what follows the word.
    fn operator(&mut self, behind: &'a str) -> Option<Part<'a>> {
        let start = self.at;
        self.at += OPERATOR.len();
        let trimmed = behind.trim_start();
        let sign = SIGNS.iter().find(|sign| trimmed.starts_with(**sign));
        if let Some(sign) = sign {
            self.at += behind.len() - trimmed.len() + sign.len();
            if *sign != "\"\"" {
                let space = if sign.starts_with(|c: char| c.is_alphabetic()) { " " } else { "" };
                return Some(Cow::Owned(format!("{OPERATOR}{space}{sign}")));
            }
            // The suffix of a literal.
            let rest = self.rest();
            let suffix = rest.trim_start();
            let end = suffix.find(|c: char| !is_of_name(c)).unwrap_or(suffix.len());
            self.at += rest.len() - suffix.len() + end;
            return Some(Cow::Owned(format!("{OPERATOR}\"\"{}", &suffix[..end])));
        }
        // A conversion, to a type which may have any brackets but those of no parameters.
        let end =
            match ["new", "delete", "co_await"].iter().find(|word| trimmed.starts_with(**word)) {
                Some(word) => behind.len() - trimmed.len() + word.len(),
                None => outside(behind, "()")?,
            };
        self.at += end;
        Some(Cow::Borrowed(self.text[start..self.at].trim_end()))
    }

    /// Skips what may follow a name, and learns whether parameters are among it.
    fn skip_behind(&mut self) -> Option<()> {
        loop {
            let rest = self.rest();
            let word = [" const", " volatile", " noexcept", " &&", " &", "&&", "&", "*"]
                .iter()
                .find(|word| rest.starts_with(**word) && self.is_promise(word));
            if let Some(word) = word {
                self.at += word.len();
                continue;
            }
            match rest.chars().next() {
                Some('(') if !rest.starts_with(ANONYMOUS) => {
                    self.skip_brackets()?;
                    self.has_parameters = true;
                }
                Some('<' | '[' | '{') => drop(self.skip_brackets()?),
                // `operator< <int>`
                Some(' ') if rest.starts_with(" <") => self.at += 1,
                _ => return Some(()),
            }
        }
    }

    /// Whether a word is of a type or a promise, and not where the name of a function begins.
    fn is_promise(&self, word: &str) -> bool {
        let behind = &self.rest()[word.len()..];
        !word.ends_with(char::is_alphabetic) || !behind.starts_with(is_of_name)
    }

    fn skip_spaces(&mut self) -> bool {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed.len() < rest.len() && !trimmed.is_empty()
    }

    /// Skips what is in brackets here, and gives it.
    fn skip_brackets(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let length = bracketed(rest)?;
        self.at += length;
        Some(&rest[..length])
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '~' | '.')
}

/// How long the text in brackets at the front is. The signs of operators in it are no brackets.
fn bracketed(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if let Some(sign) = operator_sign(text, at) {
            at += sign;
            continue;
        }
        match c {
            '<' | '(' | '[' | '{' => depth += 1,
            '>' if text[..at].ends_with('-') => {}
            '>' | ')' | ']' | '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + c.len_utf8());
                }
            }
            _ => {}
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    None
}

/// How long an operator's name is that begins at a place in a text, if one does.
fn operator_sign(text: &str, at: usize) -> Option<usize> {
    let behind = text[at..].strip_prefix(OPERATOR)?;
    let is_word = !text[..at].ends_with(is_of_name) && !behind.starts_with(is_of_name);
    let trimmed = behind.trim_start();
    let sign = SIGNS.iter().find(|sign| trimmed.starts_with(**sign)).filter(|_| is_word)?;
    Some(OPERATOR.len() + behind.len() - trimmed.len() + sign.len())
}

/// Where a text has another one outside of all brackets.
fn outside(text: &str, sought: &str) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(sought) {
            return Some(at);
        }
        at += match rest.chars().next()? {
            '<' | '(' | '[' | '{' => bracketed(rest)?,
            c => c.len_utf8(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(names: &[&str], expected: Expect) {
        let line = |name: &&str| match parse(name) {
            None => "-\n".to_owned(),
            Some(parts) => format!("{}\n", parts.join("::")),
        };
        expected.assert_eq(&names.iter().map(line).collect::<String>());
    }

    #[test]
    fn what_a_function_gives_and_takes_is_left_out() {
        check(
            &[
                "shop::Money<unsigned long> shop::price<shop::Item>(shop::Item const&)",
                "std::unique_ptr<shop::Item, std::default_delete<shop::Item> > shop::clone<shop::Item>(shop::Item const&)",
                "shop::Desk::~Desk()",
                "shop::(anonymous namespace)::hidden(unsigned long)",
                "(anonymous namespace)::f(int)",
                "int (anonymous namespace)::twice<int>(int)",
                "std::vector<int, std::allocator<int> >::push_back(int const&)",
                "std::_Function_handler<unsigned long (unsigned long), handle(char const*)::{lambda(unsigned long)#1}>::_M_invoke(std::_Any_data const&, unsigned long&&)",
                "handle(char const*)::{lambda(unsigned long)#1}::operator()(unsigned long) const",
                "shop::f() const::{lambda()#2}::operator()() const",
                "handle(char const*)::'lambda'(int)::operator()(int) const",
                "handle(char const*)",
                "non-virtual thunk to shop::Desk::~Desk()",
                "shop::sort(int*, int*) [clone .isra.0]",
                "decltype (fp.get()) shop::apply<int>(int)",
                "unsigned long const& shop::least<unsigned long>(unsigned long const&, unsigned long const&)",
                "char const* shop::text<int>()",
                "auto shop::call<int>(int)::{lambda(auto:1)#1}::operator()<int>(int) const",
                "shop::name[abi:cxx11](int)",
            ],
            expect![[r#"
                shop::price
                shop::clone
                shop::Desk::~Desk
                shop::hidden
                f
                twice
                std::vector::push_back
                std::_Function_handler::_M_invoke
                handle::{lambda}::operator()
                shop::f::{lambda}::operator()
                handle::{lambda}::operator()
                handle
                shop::Desk::~Desk
                shop::sort
                shop::apply
                shop::least
                shop::text
                shop::call::{lambda}::operator()
                shop::name
            "#]],
        );
    }

    #[test]
    fn operators_are_kept() {
        check(
            &[
                "shop::Money<unsigned long>::operator+(shop::Money<unsigned long> const&) const",
                "shop::Money<unsigned long>::operator[](int) const",
                "shop::Money<unsigned long>::operator unsigned long() const",
                "shop::Desk::operator()(unsigned long) const",
                "bool shop::operator< <int>(shop::Box<int> const&, shop::Box<int> const&)",
                "bool shop::operator<(shop::Item const&, shop::Item const&)",
                "std::basic_ostream<char, std::char_traits<char> >& std::operator<< <std::char_traits<char> >(std::basic_ostream<char, std::char_traits<char> >&, char const*)",
                "shop::Ptr<shop::Item>::operator->() const",
                "shop::Ptr<shop::Item>::operator->*(int)",
                "shop::Ptr<shop::Item>::operator bool() const",
                "shop::Any::operator std::vector<int, std::allocator<int> >() const",
                "shop::operator<=>(shop::Item const&, shop::Item const&)",
                "operator new(unsigned long)",
                "operator delete[](void*)",
                "shop::operator\"\" _eur(unsigned long long)",
                "shop::Chain::operator,(int)",
                "shop::use<&shop::Item::operator<>(int)",
                "shop::operators(int)",
            ],
            expect![[r#"
                shop::Money::operator+
                shop::Money::operator[]
                shop::Money::operator unsigned long
                shop::Desk::operator()
                shop::operator<
                shop::operator<
                std::operator<<
                shop::Ptr::operator->
                shop::Ptr::operator->*
                shop::Ptr::operator bool
                shop::Any::operator std::vector<int, std::allocator<int> >
                shop::operator<=>
                operator new
                operator delete[]
                shop::operator""_eur
                shop::Chain::operator,
                shop::use
                shop::operators
            "#]],
        );
    }

    #[test]
    fn what_is_no_signature_is_left_alone() {
        for name in [
            "main",
            "shop::counter",
            "<app::User as serde::Serialize>::serialize",
            "app::f::{closure#0}",
            "app::call::<fn(u8) -> u8>",
            "operator()",
            "f(",
            "",
            "StubRoutines (1)",
        ] {
            assert!(
                parse(name).is_none_or(|parts| name == "StubRoutines (1)" && parts.len() == 1),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_name_is_taken_apart_or_not(
            name in "([<>&*(){}\\[\\]:, a-z~'-]|operator|::|\\(\\)| const){0,30}|\\PC{0,20}",
        ) {
            if let Some(parts) = parse(&name) {
                prop_assert!(!parts.is_empty());
                prop_assert!(parts.iter().all(|part| !part.is_empty()));
            }
        }
    }
}
