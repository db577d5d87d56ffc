//! The environment variables that started processes get.

use std::{collections::BTreeMap, env, ffi::OsString};

/// The variables of this process, without those that `cargo run` set for it.
///
/// Under `cargo xtask` the tool carries the name, version and folder of its own package. A build
/// script that watches such a variable would run again for no reason, and a server that reads one
/// would take itself for the tool.
pub(super) fn inherited() -> BTreeMap<OsString, OsString> {
    env::vars_os().filter(|(name, _)| !name.to_str().is_some_and(is_cargos)).collect()
}

fn is_cargos(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    const PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_BIN_EXE_", "CARGO_FEATURE_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_set_for_the_tool_is_left_out() {
        // Tests run under cargo, as the tool does.
        assert!(env::var_os("CARGO_MANIFEST_DIR").is_some());
        let inherited = inherited();
        assert!(!inherited.contains_key(&OsString::from("CARGO_MANIFEST_DIR")));
        assert!(inherited.contains_key(&OsString::from("PATH")));
    }

    #[test]
    fn what_a_user_set_for_cargo_is_kept() {
        for kept in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "RUSTFLAGS"] {
            assert!(!is_cargos(kept), "{kept}");
        }
    }
}
