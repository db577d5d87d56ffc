//! What generates code in a target, and how each such runtime is told to say what it is.

use crate::symbolize::{FrameKind, Profile};

/// A runtime that generates code.
struct Runtime {
    /// What a record calls it.
    name: &'static str,
    /// How the files begin that it is made of.
    files: &'static [&'static str],
    /// What makes it write names for profilers.
    names: &'static str,
    /// What makes its code keep frame pointers, where it does not without.
    callers: Option<&'static str>,
}

const RUNTIMES: [Runtime; 9] = [
    Runtime {
        name: "node",
        files: &["node", "nodejs", "libnode.so"],
        names: "start Node with --perf-basic-prof",
        callers: None,
    },
    Runtime {
        name: "deno",
        files: &["deno"],
        names: "start Deno with --v8-flags=--perf-basic-prof",
        callers: None,
    },
    Runtime {
        name: "java",
        files: &["libjvm.so"],
        names: "run `jcmd PID Compiler.perfmap` while it works, or start Java with \
                -XX:+DumpPerfMapAtExit",
        callers: Some("start Java with -XX:+PreserveFramePointer"),
    },
    Runtime {
        name: "dotnet",
        files: &["libcoreclr.so"],
        names: "set DOTNET_PerfMapEnabled=1",
        callers: None,
    },
    Runtime {
        name: "python",
        files: &["python", "libpython"],
        names: "start Python (3.12 or later) with -X perf",
        callers: Some("start Python (3.12 or later) with -X perf"),
    },
    Runtime {
        name: "ruby",
        files: &["ruby", "libruby"],
        names: "start Ruby with --yjit-perf",
        callers: Some("start Ruby with --yjit-perf"),
    },
    Runtime {
        name: "erlang",
        files: &["beam.smp"],
        names: "start Erlang with +JPperf true",
        callers: Some("start Erlang with +JPperf true"),
    },
    Runtime {
        name: "php",
        files: &["php", "libphp", "opcache.so"],
        names: "set opcache.jit_debug=0x10",
        callers: None,
    },
    Runtime {
        name: "julia",
        files: &["libjulia"],
        names: "set ENABLE_JITPROFILING=1",
        callers: None,
    },
];

/// The runtime that a profile has code of, if one is known.
pub fn runtime_of(profile: &Profile) -> Option<&'static str> {
    let is_code = |kind| matches!(kind, FrameKind::User | FrameKind::Inlined | FrameKind::Unknown);
    let frames = profile.frames.iter().filter(|frame| is_code(frame.kind));
    let modules: Vec<&str> = frames.filter_map(|frame| frame.module.as_deref()).collect();
    let is_there = |runtime: &&Runtime| modules.iter().any(|module| runtime.has(module));
    RUNTIMES.iter().find(is_there).map(|runtime| runtime.name)
}

/// How to get names for the code that a runtime generates.
pub(super) fn names(runtime: Option<&str>) -> &'static str {
    named(runtime).map_or("have its runtime write a perf map", |runtime| runtime.names)
}

/// How to get callers of the code that a runtime generates, where it can be told.
pub(super) fn callers(runtime: Option<&str>) -> Option<&'static str> {
    named(runtime)?.callers
}

fn named(name: Option<&str>) -> Option<&'static Runtime> {
    RUNTIMES.iter().find(|runtime| Some(runtime.name) == name)
}

impl Runtime {
    /// `python3.12` is Python's, `node-agent` not Node's.
    fn has(&self, module: &str) -> bool {
        self.files.iter().any(|file| {
            let rest = module.strip_prefix(file);
            rest.is_some_and(|rest| {
                !rest.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '-')
            }) || (file.starts_with("lib") && module.starts_with(file))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_known_by_their_files() {
        let of = |module: &str| {
            RUNTIMES.iter().find(|runtime| runtime.has(module)).map(|runtime| runtime.name)
        };
        for (module, expected) in [
            ("node", Some("node")),
            ("node22", Some("node")),
            ("libjvm.so", Some("java")),
            ("python3.12", Some("python")),
            ("libpython3.11.so.1.0", Some("python")),
            ("libruby-3.1.so.3.1", Some("ruby")),
            ("php8.2", Some("php")),
            ("node-agent", None),
            ("nodes", None),
            ("server", None),
        ] {
            assert_eq!(of(module), expected, "{module}");
        }
        assert!(names(Some("java")).contains("Compiler.perfmap"));
        assert_eq!(names(None), "have its runtime write a perf map");
        assert_eq!(callers(Some("node")), None);
    }
}
