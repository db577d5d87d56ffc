//! Source paths as a reader knows them, not as the machine that compiled them does.

/// Cuts what differs between machines: the folder of a package registry, the compiler's own
/// build folder.
pub(super) fn shorten(path: &str) -> &str {
    if let Some((_, rest)) = path.split_once("/registry/src/")
        && let Some((_registry, package)) = rest.split_once('/')
    {
        return package;
    }
    if let Some(rest) = path.strip_prefix("/rustc/")
        && let Some((_commit, source)) = rest.split_once('/')
    {
        return source;
    }
    match path.split_once("/lib/rustlib/src/rust/") {
        Some((_, source)) => source,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn registries_and_compilers_are_cut_and_own_code_is_kept() {
        let registry = "/home/me/.cargo/registry/src/index-0123/hyper-1.0.0/src/proto.rs";
        assert_eq!(shorten(registry), "hyper-1.0.0/src/proto.rs");
        assert_eq!(shorten("/rustc/5980/library/core/src/ops.rs"), "library/core/src/ops.rs");
        assert_eq!(shorten("/srv/shop/src/main.rs"), "/srv/shop/src/main.rs");
        assert_eq!(shorten(""), "");
    }
}
