//! Methods of Java, as the machine that runs them writes their names for profilers.
//!
//! ```text
//! java.lang.String com.example.Shop.price(int)    the machine itself
//! Lcom/example/Shop;::price                       agents
//! ```

use std::borrow::Cow;

/// The class with its packages and the method, without what it gives and takes; none where the text
/// is no method.
pub(super) fn parse(name: &str) -> Option<Cow<'_, str>> {
    // A `;` has become a `:` in folded text.
    let agents = name
        .strip_prefix('L')
        .and_then(|rest| rest.split_once(";::").or_else(|| rest.split_once(":::")));
    if let Some((class, method)) = agents {
        let method = method.split('(').next().unwrap_or(method);
        let class = class.replace('/', ".");
        return is_path(&class).then(|| Cow::Owned(format!("{class}.{method}")));
    }
    let (before, parameters) = name.split_once('(')?;
    // What it gives comes first.
    let (gives, path) = before.rsplit_once(' ')?;
    let (class, method) = path.rsplit_once('.')?;
    let is_method = |method: &str| {
        let plain = method.strip_prefix('<').and_then(|method| method.strip_suffix('>'));
        is_word(plain.unwrap_or(method))
    };
    let is_java =
        parameters.ends_with(')') && is_type(gives) && is_path(class) && is_method(method);
    is_java.then_some(Cow::Borrowed(path))
}

/// The packages of a class or method, without the class.
pub(super) fn package(path: &str) -> &str {
    let class = path.split('.').take_while(|part| part.starts_with(char::is_lowercase));
    let length: usize = class.map(|part| part.len() + 1).sum();
    path.get(..length.saturating_sub(1)).unwrap_or_default()
}

fn is_type(text: &str) -> bool {
    is_path(text.trim_end_matches("[]"))
}

fn is_path(text: &str) -> bool {
    text.split('.').all(is_word)
}

fn is_word(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '/' | '+' | '-');
    !text.is_empty() && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_taken_apart() {
        for (name, expected) in [
            ("java.lang.String Shop.renderCart(int)", Some("Shop.renderCart")),
            ("long Shop.parsePrice(int)", Some("Shop.parsePrice")),
            (
                "void com.example.Shop$Cart.add(java.lang.Object, int)",
                Some("com.example.Shop$Cart.add"),
            ),
            ("void java.lang.Object.<init>()", Some("java.lang.Object.<init>")),
            ("byte[] java.lang.String.getBytes()", Some("java.lang.String.getBytes")),
            (
                "void Shop$$Lambda/0x00007f0c.handle(com.sun.net.httpserver.HttpExchange)",
                Some("Shop$$Lambda/0x00007f0c.handle"),
            ),
            ("Lsun/nio/ch/Net;::poll", Some("sun.nio.ch.Net.poll")),
            ("Lsun/nio/ch/Net:::poll", Some("sun.nio.ch.Net.poll")),
            ("Interpreter", None),
            ("StubRoutines (1)", None),
            ("int shop::f<int>(int)", None),
            ("handle(char const*)", None),
            ("f.g(int)", None),
        ] {
            assert_eq!(parse(name).as_deref(), expected, "{name}");
        }
        assert_eq!(package("java.util.concurrent.Pool.run"), "java.util.concurrent");
        assert_eq!(package("Shop.price"), "");
    }
}
