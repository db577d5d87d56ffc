//! Functions of Python, as a perf map names them: called as a reader of the interpreter calls them.

use std::{collections::HashMap, path::Path};

use super::{
    profile::{Frame, FrameKind},
    source_path,
};
use crate::sample::python_file;

/// What stands where other code has its module: the code of Python's functions is data.
const MODULE: &str = "python";

/// Names of functions, and the short paths of their files.
#[derive(Debug, Default)]
pub(super) struct PythonNames {
    short: HashMap<String, String>,
}

impl PythonNames {
    /// The frame of `py::Handler.get:/srv/shop/app/views.py`: `Handler.get (app/views.py)`. None
    /// for what is called in another way.
    pub(super) fn frame(&mut self, name: &str) -> Option<Frame> {
        let (function, file) = name.strip_prefix("py::")?.split_once(':')?;
        if function.is_empty() || file.is_empty() {
            return None;
        }
        let short = self.short.entry(file.to_owned());
        let short = short.or_insert_with(|| python_file::short(file, Path::new("/")).to_owned());
        Some(Frame {
            name: format!("{function} ({short})"),
            module: Some(MODULE.to_owned()),
            file: Some(source_path::shorten(file).to_owned()),
            line: None,
            kind: FrameKind::User,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn functions_are_called_with_their_file() {
        let named = |name: &str| PythonNames::default().frame(name).map(|frame| frame.name);
        let frame = PythonNames::default().frame("py::f.<locals>.g:/srv/a.py").expect("a function");
        assert_eq!(frame.name, "f.<locals>.g (a.py)");
        assert_eq!(
            (frame.file.as_deref(), frame.module.as_deref()),
            (Some("/srv/a.py"), Some("python"))
        );
        let frozen = "_find_and_load (<frozen importlib._bootstrap>)";
        assert_eq!(
            named("py::_find_and_load:<frozen importlib._bootstrap>").as_deref(),
            Some(frozen)
        );
        for other in ["", "py::", "py::f", "py::f:", "py:::a.py", "LazyCompile:~f /a.js:1"] {
            assert_eq!(named(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_taken(name in "(py::)?\\PC{0,20}:?\\PC{0,20}") {
            let _ = PythonNames::default().frame(&name);
        }
    }
}
