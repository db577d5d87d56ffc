//! The language of a frame, as far as its name is written in another way.

use rustc_hash::FxHashSet;

use crate::symbolize::{Frame, FrameKind, Profile};

/// The language of a frame, as far as its name is written in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Go, and what is linked into a Go program.
    Go,
    /// Python, as a profiler of its interpreter or a perf map names it.
    Python,
    /// Rust, C, C++, and whatever else: parts of names are joined by `::`, if at all.
    Other,
}

/// Functions that every program of Go has.
const GO_RUNTIME: [&str; 11] = [
    "goexit",
    "main",
    "mallocgc",
    "mcall",
    "morestack",
    "mstart",
    "mstart0",
    "mstart1",
    "rt0_go",
    "schedule",
    "systemstack",
];

impl Language {
    /// That of each frame of a profile, in their order.
    pub fn of_frames(profile: &Profile) -> Vec<Self> {
        let go_modules: FxHashSet<&Option<String>> =
            profile.frames.iter().filter(|f| is_gos_runtime(f)).map(|f| &f.module).collect();
        let language = |frame: &Frame| match frame {
            _ if !is_code(frame) => Self::Other,
            _ if is_python(&frame.name) => Self::Python,
            _ if go_modules.contains(&frame.module) => Self::Go,
            _ => Self::Other,
        };
        profile.frames.iter().map(language).collect()
    }

    /// The same where nobody knows the modules: Go's names have a `.`, and never a `::`.
    pub(super) fn of_names(frames: &[Frame]) -> Vec<Self> {
        let has_go = frames.iter().any(is_gos_runtime);
        let language = |frame: &Frame| match frame {
            _ if !is_code(frame) => Self::Other,
            _ if is_python(&frame.name) => Self::Python,
            _ if has_go && frame.name.contains('.') && !frame.name.contains("::") => Self::Go,
            _ => Self::Other,
        };
        frames.iter().map(language).collect()
    }
}

fn is_code(frame: &Frame) -> bool {
    matches!(frame.kind, FrameKind::User | FrameKind::Inlined)
}

fn is_gos_runtime(frame: &Frame) -> bool {
    let function = frame.name.strip_prefix("runtime.").unwrap_or_default();
    GO_RUNTIME.contains(&function.strip_suffix(".abi0").unwrap_or(function))
}

/// `py::handler:/srv/app.py`, or `handler (app.py:12)`.
fn is_python(name: &str) -> bool {
    let place = name.strip_suffix(')').and_then(|name| Some(name.rsplit_once(" (")?.1));
    let file = place.map(|place| place.rsplit_once(':').map_or(place, |(file, _)| file));
    // What is compiled into the interpreter, or was given to it as text, has no file.
    let is_source = |file: &str| {
        file.ends_with(".py") || file.starts_with("<frozen ") || file.starts_with("<string>")
    };
    name.starts_with("py::") || file.is_some_and(is_source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::folded::tests::profile;

    #[test]
    fn a_module_with_gos_runtime_is_go() {
        let mut profile = profile(
            "a/a;runtime.goexit.abi0;main.f 1\nb/b;main;runtime.f 1\n\
             a/a;[libc.so.6];handler (app.py:12);py::f:/a.py;f (int);\
             load (<frozen importlib._bootstrap>:9) 1\n",
        );
        for (index, frame) in profile.frames.iter_mut().enumerate() {
            frame.module = Some(if index < 2 { "a" } else { "b" }.to_owned());
        }
        use Language::{Go, Other, Python};
        let found = Language::of_frames(&profile);
        assert_eq!(found, [Go, Go, Other, Other, Other, Python, Python, Other, Python]);
    }
}
