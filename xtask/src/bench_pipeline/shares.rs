//! One yardstick for the quality of stacks, whoever took them.

use std::collections::BTreeSet;

use flameload::{
    fold::{Folded, clean},
    unit::{Ratio, Samples},
};

/// Where a thread or a program begins: a stack that starts elsewhere has lost its callers.
const ROOTS: [&str; 12] = [
    "_start",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "clone",
    "__clone",
    "clone3",
    "__clone3",
    "start_thread",
    "thread_start",
    "ret_from_fork",
    "runtime.goexit",
];

/// What stands for all unnamed functions by which a C library starts a thread, in our stacks.
const LIBRARY_START: &str = "[libc start]";

/// What comes first where the callers are missing: in our stacks, and in perf's.
const MARKS: [&str; 2] = ["[truncated]", "[unknown]"];

/// The shares of samples whose stacks have a fault that a reader of the picture sees.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Shares {
    /// Those whose stack begins at none of the functions that threads begin at.
    pub(super) rootless: Ratio,
    /// Those with a function without a name somewhere in their stack.
    pub(super) nameless: Ratio,
}

impl Shares {
    /// Judges folded stacks. The first part of each is its process or thread; the second is one
    /// too if it is among `names`, and a function else.
    ///
    /// Weights may be samples or, as inferno takes them from perf, the time each stands for.
    ///
    /// The unnamed functions of a C or C++ library that come first are a root, and no fault: nothing
    /// else can be there in a stripped one. An unnamed function of no module that comes first is
    /// how perf marks that the callers are missing, as `[truncated]` is ours: a missing root, not
    /// a missing name.
    pub(super) fn of(folded: &Folded, names: &BTreeSet<String>) -> Self {
        let mut rootless = Samples(0);
        let mut nameless = Samples(0);
        for (stack, samples) in folded.iter() {
            let mut functions = stack.split(';').skip(1).peekable();
            if functions.peek().is_some_and(|name| names.contains(*name)) {
                functions.next();
            }
            if functions.peek().is_none_or(|first| !is_root(first)) {
                rootless += samples;
            }
            functions.next_if(|first| MARKS.contains(first));
            if functions.skip_while(|name| is_unnamed_library(name)).any(is_nameless) {
                nameless += samples;
            }
        }
        let total = folded.total();
        Self { rootless: rootless.share_of(total), nameless: nameless.share_of(total) }
    }
}

fn is_root(function: &str) -> bool {
    ROOTS.contains(&clean(function)) || function == LIBRARY_START || is_unnamed_library(function)
}

/// Both tools write a function without a name as its module in brackets.
fn is_nameless(function: &str) -> bool {
    function.starts_with('[') && function.ends_with(']') && function != LIBRARY_START
}

fn is_unnamed_library(function: &str) -> bool {
    ["[libc.", "[libc-", "[ld-", "[libpthread", "[libstdc++.", "[libc++."]
        .iter()
        .any(|prefix| function.starts_with(prefix))
        && function.ends_with(']')
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(folded: &str, expected: Expect) {
        let names = BTreeSet::from(["server".to_owned(), "worker".to_owned()]);
        let folded: Folded = folded.parse().expect("this is folded text");
        let Shares { rootless, nameless } = Shares::of(&folded, &names);
        expected.assert_eq(&format!("no root {rootless}, nameless {nameless}"));
    }

    #[test]
    fn a_root_is_the_first_function() {
        check(
            "worker;__clone3;start_thread;f 6\nserver;worker;clone3;f 1\nserver;_start 1\n",
            expect!["no root 0.0 %, nameless 0.0 %"],
        );
        check("worker;f;_start 1\nworker;clone;f 3\n", expect!["no root 25.0 %, nameless 0.0 %"]);
        check("worker 1\nserver;worker 1\n", expect!["no root 100.0 %, nameless 0.0 %"]);
    }

    #[test]
    fn a_mark_of_missing_callers_is_no_root() {
        check(
            "worker;[truncated];f 1\nworker;clone;f 1\n",
            expect!["no root 50.0 %, nameless 0.0 %"],
        );
        check(
            "worker;[unknown];f 1\nworker;clone;f 3\n",
            expect!["no root 25.0 %, nameless 0.0 %"],
        );
        check("worker;[unknown];f;[unknown];g 1\n", expect!["no root 100.0 %, nameless 100.0 %"]);
    }

    #[test]
    fn an_unnamed_function_counts_wherever_it_is() {
        check(
            "worker;clone;[server];f 1\nworker;clone;f;[unknown] 1\nworker;clone;f 2\n",
            expect!["no root 0.0 %, nameless 50.0 %"],
        );
        check("worker;clone;<[T]>::f;[u8]::len 1\n", expect!["no root 0.0 %, nameless 0.0 %"]);
    }

    #[test]
    fn a_stripped_c_library_may_lead_into_the_program() {
        check("worker;[libc.so.6];[libc.so.6];f 1\n", expect!["no root 0.0 %, nameless 0.0 %"]);
        check("worker;[libc start];f 1\n", expect!["no root 0.0 %, nameless 0.0 %"]);
        check("worker;clone;f;[libc.so.6] 1\n", expect!["no root 0.0 %, nameless 100.0 %"]);
    }

    #[test]
    fn no_stacks_have_no_faults() {
        check("", expect!["no root 0.0 %, nameless 0.0 %"]);
    }
}
