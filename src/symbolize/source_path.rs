//! Source paths as a reader knows them, not as the machine that compiled them does.

/// What stands before the path of a library's source: in Go's cache of modules, in Go itself, and
/// among an interpreter's packages.
const LIBRARIES: [&str; 3] = ["/pkg/mod/", "/go/src/", "/site-packages/"];

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
    if let Some((_, source)) = path.split_once("/lib/rustlib/src/rust/") {
        return source;
    }
    let library = LIBRARIES.iter().find_map(|folder| path.split_once(folder));
    library.map_or(path, |(_, source)| source)
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn registries_and_compilers_are_cut_and_own_code_is_kept() {
        let registry = "/home/me/.cargo/registry/src/index-0123/hyper-1.0.0/src/proto.rs";
        assert_eq!(shorten(registry), "hyper-1.0.0/src/proto.rs");
        assert_eq!(shorten("/rustc/5980/library/core/src/ops.rs"), "library/core/src/ops.rs");
        assert_eq!(shorten("/usr/local/go/src/net/http/server.go"), "net/http/server.go");
        assert_eq!(shorten("/home/me/go/pkg/mod/a.b/c@v1/d.go"), "a.b/c@v1/d.go");
        let package = "/srv/venv/lib/python3.11/site-packages/uvicorn/server.py";
        assert_eq!(shorten(package), "uvicorn/server.py");
        assert_eq!(shorten("/srv/shop/src/main.rs"), "/srv/shop/src/main.rs");
        assert_eq!(shorten(""), "");
    }
}
