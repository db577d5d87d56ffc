//! What stacks begin with: the process, and the thread where its name differs.

use rustc_hash::{FxHashMap, FxHashSet};

use super::name;
use crate::symbolize::Thread;

/// What each thread's stacks begin with.
///
/// Where the target has several processes, that is the process of the target, with the name of
/// the system's process that it was launched as; then that of a child, where it differs.
///
/// The threads of the system's processes in `merged` are not told apart.
pub(super) fn of_all(threads: &[Thread], merged: &FxHashSet<u32>) -> Vec<Option<String>> {
    let mut launched: FxHashMap<&str, &str> = FxHashMap::default();
    for thread in threads {
        // A process comes before its children.
        if let Some(of) = &thread.of {
            launched.entry(of).or_insert(&thread.process);
        }
    }
    let root = |thread: &Thread, own: String| {
        let Some(of) = &thread.of else { return own };
        let process = launched.get(of.as_str()).copied().unwrap_or_default();
        let named = format!("{} ({})", name::safe(of), name::safe(process));
        match own.strip_prefix(&*name::safe(process)) {
            Some(rest) if rest.is_empty() || rest.starts_with(';') => format!("{named}{rest}"),
            _ => format!("{named};{own}"),
        }
    };
    threads.iter().zip(own(threads, merged)).map(|(thread, own)| Some(root(thread, own))).collect()
}

/// The same for the threads of one of the target's processes alone; none for the others.
pub(super) fn of_process(
    threads: &[Thread],
    process: &str,
    merged: &FxHashSet<u32>,
) -> Vec<Option<String>> {
    let is_of = |thread: &Thread| thread.of.as_deref() == Some(process);
    threads
        .iter()
        .zip(own(threads, merged))
        .map(|(thread, own)| is_of(thread).then_some(own))
        .collect()
}

/// Each thread's process, and its own or its pool's name where that differs.
fn own(threads: &[Thread], merged: &FxHashSet<u32>) -> Vec<String> {
    let mut stems = FxHashMap::<_, FxHashSet<&str>>::default();
    for thread in threads {
        if let Some(stem) = name::pool(&thread.name, true) {
            stems.entry((&thread.of, &thread.process, stem)).or_default().insert(&thread.name);
        }
    }
    let is_pool = |thread: &Thread, stem| {
        stems.get(&(&thread.of, &thread.process, stem)).is_some_and(|names| names.len() > 1)
    };
    threads
        .iter()
        .map(|thread| {
            let process = name::safe(&thread.process);
            if thread.name == thread.process || merged.contains(&thread.pid) {
                return process.into_owned();
            }
            let own = name::pool(&thread.name, false)
                .or_else(|| name::pool(&thread.name, true).filter(|stem| is_pool(thread, stem)))
                .unwrap_or(&thread.name);
            format!("{process};{}", name::safe(own))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(threads: &[(Option<&str>, &str, &str)], process: Option<&str>, expected: Expect) {
        let threads: Vec<Thread> = threads
            .iter()
            .map(|(of, process, name)| Thread {
                pid: 1,
                tid: 1,
                of: of.map(String::from),
                process: (*process).to_owned(),
                name: (*name).to_owned(),
            })
            .collect();
        let roots = match process {
            None => of_all(&threads, &FxHashSet::default()),
            Some(process) => of_process(&threads, process, &FxHashSet::default()),
        };
        let lines: String =
            roots.iter().map(|root| root.as_deref().unwrap_or("-").to_owned() + "\n").collect();
        expected.assert_eq(&lines);
    }

    const CHAIN: [(Option<&str>, &str, &str); 6] = [
        (Some("front"), "server", "server"),
        (Some("front"), "server", "worker-1"),
        (Some("back"), "server", "server"),
        (Some("back"), "helper", "helper"),
        (Some("back"), "helper", "io"),
        (None, "stray", "stray"),
    ];

    #[test]
    fn processes_of_a_chain_are_told_apart() {
        check(
            &CHAIN,
            None,
            expect![[r#"
                front (server)
                front (server);worker
                back (server)
                back (server);helper
                back (server);helper;io
                stray
            "#]],
        );
    }

    #[test]
    fn a_process_alone_begins_as_a_single_one_does() {
        check(
            &CHAIN,
            Some("back"),
            expect![[r#"
                -
                -
                server
                helper
                helper;io
                -
            "#]],
        );
    }
}
