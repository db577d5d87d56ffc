//! [`Labels`]: what each of many frames is called beside the others, if anything.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    KERNEL_SUFFIX,
    label::{self, Label, Role},
    language::Language,
};
use crate::symbolize::{Frame, FrameKind};

/// The root of what Go's runtime does on the stack of a thread.
pub(super) const GO_RUNTIME: &str = "[go runtime]";

/// What each of many frames is called beside the others, if anything.
pub(super) struct Labels {
    roles: Vec<Named>,
    /// Which frames are functions of Python.
    is_python: Vec<bool>,
}

/// A role with the name that is left.
enum Named {
    Shown(String),
    Interpreter(String),
    Merged,
    GoRoot,
}

impl Labels {
    pub(super) fn of(frames: &[Frame], languages: &[Language]) -> Self {
        let is_python = languages.iter().map(|language| *language == Language::Python).collect();
        let frames = frames.iter().zip(languages);
        let roles: Vec<Role> =
            frames.map(|(frame, language)| label::role(frame, *language)).collect();
        // What two functions would both be called is said in full for both.
        let mut meant: FxHashMap<&str, &str> = FxHashMap::default();
        let mut ambiguous: FxHashSet<&str> = FxHashSet::default();
        for role in &roles {
            if let Role::Shown(Label { short, long }) | Role::Interpreter(Label { short, long }) =
                role
                && *meant.entry(short).or_insert(long) != long
            {
                ambiguous.insert(short);
            }
        }
        let name = |Label { short, long }: &Label| {
            if ambiguous.contains(short.as_str()) { long.clone() } else { short.clone() }
        };
        let roles = roles.iter().map(|role| match role {
            Role::Shown(label) => Named::Shown(name(label)),
            Role::Interpreter(label) => Named::Interpreter(name(label)),
            Role::Merged => Named::Merged,
            Role::GoRoot => Named::GoRoot,
        });
        Self { roles: roles.collect(), is_python }
    }

    /// The names of a stack's frames that are left, each with its frame; `path` has their places
    /// among the frames that the labels are of, from the outermost on.
    pub(super) fn stack(&self, frames: &[Frame], path: &[usize]) -> Vec<(&str, usize)> {
        let mut labels: Vec<(&str, usize)> = Vec::with_capacity(path.len());
        let mut runs_python = false;
        for &frame in path {
            let called_by_python = std::mem::replace(&mut runs_python, self.is_python[frame]);
            match &self.roles[frame] {
                Named::Merged => {}
                // It runs the function that has called it.
                Named::Interpreter(_) if called_by_python => {}
                Named::GoRoot if labels.is_empty() => labels.push((GO_RUNTIME, frame)),
                Named::GoRoot => {}
                Named::Shown(label) | Named::Interpreter(label) => {
                    let stands = labels.last().is_some_and(|(last, of)| {
                        last == label && is_one(&frames[*of], &frames[frame])
                    });
                    if !stands {
                        labels.push((label, frame));
                    }
                }
            }
        }
        labels
    }
}

/// Whether two frames of one label, one above the other, are one to a reader: a function and a
/// closure in it, or code of a file without names. A recursion is not.
fn is_one(caller: &Frame, callee: &Frame) -> bool {
    caller.name != callee.name || callee.kind == FrameKind::Unknown
}

/// Functions of which no more than their names is known, as a reader wants to see them.
///
/// The rules are those of [`super::Readable`]. Short names go by all functions together, so that
/// profiles that are compared have the same ones.
pub struct NamedFunctions {
    frames: Vec<Frame>,
    languages: Vec<Language>,
    labels: Labels,
}

impl NamedFunctions {
    /// Functions by their full names, each with whether it is the kernel's.
    pub fn of<'a>(names: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let frame = |(name, kernel): (&str, bool)| Frame {
            name: name.to_owned(),
            module: None,
            file: None,
            line: None,
            kind: match name {
                _ if kernel => FrameKind::Kernel,
                "[truncated]" => FrameKind::Truncated,
                name if name.starts_with('[') => FrameKind::Unknown,
                _ => FrameKind::User,
            },
        };
        let frames: Vec<Frame> = names.into_iter().map(frame).collect();
        let languages = Language::of_names(&frames);
        let labels = Labels::of(&frames, &languages);
        Self { frames, languages, labels }
    }

    /// A stack as it is shown: short names, each with the place of its function among all. `path`
    /// has the places of the stack's functions, from the outermost on.
    pub fn stack(&self, path: &[usize]) -> Vec<(&str, usize)> {
        self.labels.stack(&self.frames, path)
    }

    /// The full name of the function at a place, as folded text has it, and its language.
    pub fn full(&self, place: usize) -> Option<(String, Language)> {
        let frame = self.frames.get(place)?;
        let suffix = if frame.kind == FrameKind::Kernel { KERNEL_SUFFIX } else { "" };
        let language = self.languages.get(place).copied().unwrap_or(Language::Other);
        Some((format!("{}{suffix}", super::name::safe(&frame.name)), language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_is_part_of_the_function_that_it_runs() {
        let names = ["main", "_PyEval_EvalFrameDefault", "f (a.py)", "_PyEval_Vector", "list_sort"];
        let functions = NamedFunctions::of(names.map(|name| (name, false)));
        let shown = |path: &[usize]| -> Vec<&str> {
            functions.stack(path).iter().map(|(name, _)| *name).collect()
        };
        assert_eq!(shown(&[0, 2, 1, 3, 2, 1, 4]), ["main", "f (a.py)", "f (a.py)", "list_sort"]);
        // Without names of functions it stands for them.
        assert_eq!(
            shown(&[0, 1, 3, 1]),
            ["main", "_PyEval_EvalFrameDefault", "_PyEval_EvalFrameDefault"]
        );
    }

    #[test]
    fn functions_of_several_languages_are_told_apart_by_their_names() {
        let names = [
            ("clone3", false),
            ("app::run", false),
            ("<core::pin::Pin<P> as core::future::future::Future>::poll", false),
            ("hyper::proto::h1::dispatch::Dispatcher<D>::poll", false),
            ("runtime.goexit.abi0", false),
            ("net/http.(*conn).serve", false),
            ("tcp_sendmsg", true),
            ("[truncated]", false),
        ];
        let functions = NamedFunctions::of(names);
        let shown = |path: &[usize]| -> Vec<String> {
            functions.stack(path).iter().map(|(name, at)| format!("{name} {at}")).collect()
        };
        assert_eq!(
            shown(&[0, 1, 2, 3, 6]),
            ["app::run 1", "hyper::…::Dispatcher::poll 3", "tcp_sendmsg_[k] 6"]
        );
        assert_eq!(shown(&[4, 5, 6]), ["http.(*conn).serve 5", "tcp_sendmsg_[k] 6"]);
        assert_eq!(shown(&[7, 1]), ["[truncated] 7", "app::run 1"]);
        assert_eq!(functions.full(6), Some(("tcp_sendmsg_[k]".to_owned(), Language::Other)));
        assert_eq!(functions.full(5).map(|(_, language)| language), Some(Language::Go));
        assert_eq!(functions.full(8), None);
    }
}
