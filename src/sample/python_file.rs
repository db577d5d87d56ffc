//! The files of Python's functions, called as their programmers call them.

use std::path::{Component, Path};

/// The path of a file from the outermost package that it is in, where the process finds its files
/// under `root`.
pub(crate) fn short<'a>(file: &'a str, root: &Path) -> &'a str {
    let path = Path::new(file);
    let is_plain = |part| matches!(part, Component::Normal(_) | Component::RootDir);
    // Only what is whole leads anywhere; some have no place, such as `<frozen os>`.
    if !path.is_absolute() || !path.components().all(is_plain) {
        return file;
    }
    let is_package = |folder: &Path| {
        let inside = folder.strip_prefix("/").unwrap_or(folder);
        root.join(inside).join("__init__.py").is_file()
    };
    let outside = path.ancestors().skip(1).find(|folder| !is_package(folder));
    let inside = outside.and_then(|folder| path.strip_prefix(folder).ok());
    inside.and_then(Path::to_str).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_called_from_their_outermost_package_on() {
        let dir = tempfile::tempdir().expect("a folder");
        for package in ["srv/app", "srv/app/views"] {
            fs::create_dir_all(dir.path().join(package)).expect("ours");
            fs::write(dir.path().join(package).join("__init__.py"), "").expect("ours");
        }
        let short = |file| short(file, dir.path());
        assert_eq!(short("/srv/app/views/users.py"), "app/views/users.py");
        assert_eq!(short("/srv/server.py"), "server.py");
        for as_is in ["<frozen os>", "", "app/views.py", "/srv/../app.py"] {
            assert_eq!(short(as_is), as_is);
        }
    }
}
