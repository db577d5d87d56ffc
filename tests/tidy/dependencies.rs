//! Every dependency earns its place in the map of the project.

use super::{cargo::dependencies, source::text};

const MAP: &str = "docs/ARCHITECTURE.md";
const MANIFESTS: [&str; 2] = ["Cargo.toml", "xtask/Cargo.toml"];

/// The dependencies of a manifest that the map does not name.
fn unexplained(manifest: &str, map: &str) -> Vec<String> {
    let names = dependencies(manifest).into_iter();
    names.filter(|name| !map.contains(&format!("`{name}`"))).collect()
}

#[test]
fn every_dependency_is_explained() {
    let map = text(MAP).expect("it is text");
    for manifest in MANIFESTS {
        let missing = unexplained(&text(manifest).expect("it is text"), &map);
        assert!(missing.is_empty(), "{MAP} says nothing of {missing:?} in {manifest}");
    }
}

#[test]
fn an_unexplained_dependency_is_found() {
    let manifest = "[dependencies]\ntoml = '1'\nserde = { version = '1' }\nme = { path = '..' }";
    assert_eq!(unexplained(manifest, "`serde` reads Cargo.toml"), ["toml"]);
    assert_eq!(unexplained(manifest, "`serde` and `toml`"), [""; 0]);
}
