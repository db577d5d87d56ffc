//! The scripts that everybody has.

/// Their names and texts, in the order of the names. None needs another file.
pub(super) const SHIPPED: [(&str, &str); 9] = [
    ("chain", include_str!("../../../scripts/chain.toml")),
    ("chain-long", include_str!("../../../scripts/chain-long.toml")),
    ("hello", include_str!("../../../scripts/hello.toml")),
    ("hello-ladder", include_str!("../../../scripts/hello-ladder.toml")),
    ("io", include_str!("../../../scripts/io.toml")),
    ("posts", include_str!("../../../scripts/posts.toml")),
    ("users", include_str!("../../../scripts/users.toml")),
    ("users-api-heavy", include_str!("../../../scripts/users-api-heavy.toml")),
    ("users-api-light", include_str!("../../../scripts/users-api-light.toml")),
];

/// The text of the one with this name.
pub(super) fn text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
