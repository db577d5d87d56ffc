//! Words that have no place in what is committed.

use super::source::{files, text};

/// What was put off, or left over from looking for a fault. In two parts, so that this file does
/// not break its own rule.
const UNFINISHED: [(&str, &str); 6] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("to", "do!("),
    ("unimple", "mented!("),
    ("db", "g!("),
    ("#[ign", "ore"),
];

/// Folders at the root of somebody's machine.
const MACHINE_FOLDERS: [&str; 4] = ["root", "home", "work", "Users"];

/// Files that have such a path for a reason.
const MACHINE_PATHS_ALLOWED: &[&str] = &[
    // Cases for the function that leaves such paths out of a profile.
    "src/symbolize/source_path.rs",
];

fn unfinished(text: &str) -> Vec<(usize, String)> {
    let words = UNFINISHED.map(|(first, second)| format!("{first}{second}"));
    numbered(text, |line| words.iter().find(|word| line.contains(*word)).cloned())
}

/// Absolute paths of one machine. Such a folder's name within a longer path or an address is none.
fn machine_paths(text: &str) -> Vec<(usize, String)> {
    let folders = MACHINE_FOLDERS.map(|folder| format!("/{folder}/"));
    numbered(text, |line| {
        let starts = |folder: &str| {
            line.match_indices(folder).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "./_-}~".contains(c))
            })
        };
        folders.iter().find(|folder| starts(folder)).cloned()
    })
}

fn numbered(text: &str, find: impl Fn(&str) -> Option<String>) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| Some((index + 1, find(line)?))).collect()
}

fn complaints(
    is_checked: impl Fn(&str) -> bool,
    find: fn(&str) -> Vec<(usize, String)>,
) -> Vec<String> {
    let files = files().into_iter().filter(|path| is_checked(path));
    let texts = files.filter_map(|path| text(&path).map(|text| (path, text)));
    let of = |(path, text): (String, String)| {
        find(&text).into_iter().map(move |(line, word)| format!("{path}:{line}: {word}"))
    };
    texts.flat_map(of).collect()
}

#[test]
fn nothing_is_left_unfinished() {
    let extensions = [".rs", ".toml", ".md", ".sh", ".yml", "/run"];
    let is_checked = |path: &str| extensions.iter().any(|extension| path.ends_with(extension));
    let complaints = complaints(is_checked, unfinished);
    assert!(complaints.is_empty(), "finish it or leave it out:\n{}", complaints.join("\n"));
}

#[test]
fn nothing_names_a_path_of_one_machine() {
    let complaints = complaints(|path| !MACHINE_PATHS_ALLOWED.contains(&path), machine_paths);
    assert!(complaints.is_empty(), "use a relative path:\n{}", complaints.join("\n"));
}

#[test]
fn allowed_paths_are_still_there() {
    for path in MACHINE_PATHS_ALLOWED {
        let needed = text(path).is_some_and(|text| !machine_paths(&text).is_empty());
        assert!(needed, "{path} is allowed a path that it does not have");
    }
}

#[test]
fn banned_words_are_found() {
    let found = |text: &str| unfinished(text).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
    assert_eq!(found(&format!("a\n// {}: b", "todo".to_uppercase())), [2]);
    assert_eq!(found(&["    dbg", "!(a);"].concat()), [1]);
    assert_eq!(found(&["#[ig", "nore = \"later\"]"].concat()), [1]);
    assert_eq!(found("todo, ignore, dbg"), [0; 0]);
}

#[test]
fn paths_of_a_machine_are_found() {
    let found = |text: &str| machine_paths(text).into_iter().map(|(line, _)| line).next();
    let home = ["/ho", "me/"].concat();
    assert_eq!(found(&format!("\n\"{home}me/.cargo\"")), Some(2));
    assert_eq!(found(&format!("{home}me")), Some(1));
    assert_eq!(found(&format!("https://example.org{home}")), None);
    assert_eq!(found("at /homestead/ and /proc/self"), None);
}
