//! Foreign text made harmless: names and lines that servers, files and tools send may hold what a
//! terminal obeys, what turns the direction of writing, and what XML has no place for.

use std::borrow::Cow;

/// Whether a character is not shown as itself: control characters, which a terminal obeys and XML
/// refuses; those that turn the direction of writing, so that a name reads as another one; those
/// that break lines, and two that are no characters of XML 1.0 (section 2.2).
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// Text of many lines as a terminal, or a file that ends up on one, may have it.
///
/// Lines and tabs stay, colours go, and all else that is not shown as itself becomes its escape:
/// `\u001b`, as JSON has it, so that JSON stays JSON.
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_wrong = |c: char| is_unprintable(c) && c != '\n' && c != '\t';
    if !text.contains(is_wrong) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = after_color(rest) {
            rest = after;
            continue;
        }
        match c {
            // Of the end of a line as some systems have it.
            '\r' if rest.starts_with("\r\n") => {}
            c if is_wrong(c) => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => shown.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    Cow::Owned(shown)
}

/// What comes behind the colour that `text` begins with, if it does (ECMA-48, 8.3.117).
fn after_color(text: &str) -> Option<&str> {
    let codes = text.strip_prefix("\x1b[")?;
    codes.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_in_place_of_done() {
        assert_eq!(visible("error\n\tat main"), "error\n\tat main");
        assert_eq!(visible("\x1b[1m\x1b[92mCompiling\x1b[0m x\r\n"), "Compiling x\n");
        assert_eq!(visible("\x1b]0;title\x07"), "\\u001b]0;title\\u0007");
        assert_eq!(visible("\x1b[2J"), "\\u001b[2J");
        assert_eq!(visible("exe.\u{202e}gnp"), "exe.\\u202egnp");
        assert_eq!(visible("50 %\rdone"), "50 %\\u000ddone");
        assert_eq!(visible("\x1b["), "\\u001b[");
        assert_eq!(visible("Grüße, 世界"), "Grüße, 世界");
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_obey(text in "(\\PC|[\u{0}-\u{a0}\u{2028}-\u{202e}]|\x1b\\[[0-9;]*[mA-J]?){0,30}") {
            let shown = visible(&text);
            prop_assert!(!shown.contains(|c| is_unprintable(c) && c != '\n' && c != '\t'));
            prop_assert_eq!(visible(&shown), shown.clone());
        }
    }
}
