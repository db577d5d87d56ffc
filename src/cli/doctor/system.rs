//! What surrounds the process: containers and filters, and what may disturb a measurement.

use std::path::Path;

use super::{
    check::Check,
    privileges::Privileges,
    proc::{field, file, number},
};

/// What kind of container this process runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Docker,
    Podman,
}

impl Container {
    fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// How to start it so that it allows perf events.
    pub(super) fn allow_perf(self) -> String {
        let name = self.name();
        format!("{name} run --cap-add PERFMON --security-opt seccomp=unconfined ...")
    }
}

/// The container that this process runs in, by the files that their tools leave in it.
pub(super) fn container() -> Option<Container> {
    if Path::new("/.dockerenv").exists() {
        Some(Container::Docker)
    } else if Path::new("/run/.containerenv").exists() {
        Some(Container::Podman)
    } else {
        None
    }
}

/// Whether system calls are filtered, by the `Seccomp` line of `/proc/self/status`.
pub(super) fn seccomp(status: Option<&str>, container: Option<Container>, works: bool) -> Check {
    let name = "system calls";
    let mode = status.and_then(|status| field(status, "Seccomp"));
    let found = match (mode, container) {
        (Some("0"), None) => "not filtered".to_owned(),
        (Some("0"), Some(container)) => {
            format!("not filtered, in a {} container", container.name())
        }
        (Some("1" | "2"), None) => "filtered by seccomp".to_owned(),
        (Some("1" | "2"), Some(container)) => {
            format!("filtered by seccomp, in a {} container", container.name())
        }
        (other, _) => return Check::unknown(name, other, "whether sampling works was tried"),
    };
    if mode == Some("0") {
        Check::ok(name, found, "nothing here stands in the way of perf_event_open")
    } else if works {
        Check::ok(name, found, "the filter lets perf_event_open pass")
    } else {
        let check = Check::limit(name, found, "the filter may be what refuses perf_event_open");
        match container {
            Some(container) => check.lifted_by(container.allow_perf()),
            None => check,
        }
    }
}

/// Yama's `ptrace_scope`: whose memory may be read.
pub(super) fn ptrace(text: Option<&str>, privileges: Privileges) -> Check {
    let name = "ptrace_scope";
    let servers = "servers that are started here are ours to read";
    let Some(text) = text else { return Check::ok(name, "no Yama", servers) };
    let Some(scope) = number::<u32>(Some(text)) else {
        return Check::unknown(name, Some(text), servers);
    };
    let found = scope.to_string();
    let lift = || privileges.command("sysctl kernel.yama.ptrace_scope=0");
    match scope {
        0 => Check::ok(name, found, "all of the user's own processes may be read"),
        _ if privileges.ptrace() && scope < 3 => {
            Check::ok(name, found, "this process has the capability to read others")
        }
        1 => Check::note(
            name,
            found,
            "servers that are started here are ours to read; with --pid, some functions of a \
             stripped C library have no names",
        )
        .lifted_by(lift()),
        _ => {
            let check = Check::note(
                name,
                found,
                "some functions of a stripped C library have no names, because the server's \
                 memory may not be read",
            );
            // At 3, nothing but a restart of the machine takes it back.
            if scope == 2 { check.lifted_by(lift()) } else { check }
        }
    }
}

/// How the first CPU chooses its frequency.
pub(super) fn read_governor() -> Option<String> {
    file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
}

/// How the CPU chooses its frequency, where this machine has a say in it.
pub(super) fn governor(text: Option<&str>, privileges: Privileges) -> Check {
    let name = "CPU frequency";
    match text.map(str::trim) {
        None => Check::ok(
            name,
            "not controlled from here",
            "the host or the firmware decides; sampling in alternation cancels its drift",
        ),
        Some("performance") => Check::ok(name, "governor performance", "kept high"),
        Some(other) => Check::note(
            name,
            format!("governor {other}"),
            "the CPU may slow down and speed up while it is measured",
        )
        .lifted_by(privileges.command("cpupower frequency-set --governor performance")),
    }
}

/// Whether a server may be swapped out, by `/proc/swaps`.
pub(super) fn swap(text: Option<&str>, privileges: Privileges) -> Check {
    let name = "swap";
    let Some(text) = text else {
        return Check::ok(name, "none", "a server's memory stays where it is");
    };
    let used = |line: &str| line.split_whitespace().nth(3)?.parse::<u64>().ok();
    let used: Vec<u64> = text.lines().skip(1).filter_map(used).collect();
    match used.iter().fold(0_u64, |sum, kib| sum.saturating_add(*kib)) {
        _ if used.is_empty() => Check::ok(name, "none", "a server's memory stays where it is"),
        0 => Check::ok(name, "there, and not used", "a server's memory stays where it is"),
        kib => Check::note(
            name,
            format!("{} MiB in use", kib >> 10),
            "memory was short here: a server may be swapped out while it is measured",
        )
        .lifted_by(privileges.command("swapoff --all")),
    }
}

/// The text that names this distribution.
pub(super) fn os_release() -> Option<String> {
    file("/etc/os-release").or_else(|| file("/usr/lib/os-release"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(found: &[Check], expect: Expect) {
        let texts: Vec<String> = found.iter().map(Check::golden).collect();
        expect.assert_eq(&texts.concat());
    }

    #[test]
    fn filters_are_blamed_only_where_sampling_fails() {
        let status = |mode: &str| format!("Name:\tx\nSeccomp:\t{mode}\n");
        check(
            &[
                seccomp(Some(&status("0")), None, true),
                seccomp(Some(&status("0")), Some(Container::Docker), false),
                seccomp(Some(&status("2")), None, true),
                seccomp(Some(&status("2")), None, false),
                seccomp(Some(&status("2")), Some(Container::Podman), false),
                seccomp(Some(&status("x")), None, true),
                seccomp(Some(""), None, true),
                seccomp(None, None, true),
            ],
            expect![[r#"
                ok: not filtered
                    nothing here stands in the way of perf_event_open
                ok: not filtered, in a docker container
                    nothing here stands in the way of perf_event_open
                ok: filtered by seccomp
                    the filter lets perf_event_open pass
                limit: filtered by seccomp
                    the filter may be what refuses perf_event_open
                limit: filtered by seccomp, in a podman container
                    the filter may be what refuses perf_event_open
                    $ podman run --cap-add PERFMON --security-opt seccomp=unconfined ...
                note: not understood: "x"
                    whether sampling works was tried
                note: not there
                    whether sampling works was tried
                note: not there
                    whether sampling works was tried
            "#]],
        );
    }

    #[test]
    fn each_scope_of_yama_has_its_meaning() {
        let texts = [None, Some("0\n"), Some("1\n"), Some("2\n"), Some("3\n"), Some("x\n")];
        check(
            &texts.map(|text| ptrace(text, Privileges::NONE)),
            expect![[r#"
                ok: no Yama
                    servers that are started here are ours to read
                ok: 0
                    all of the user's own processes may be read
                note: 1
                    servers that are started here are ours to read; with --pid, some functions of a stripped C library have no names
                    $ sudo sysctl kernel.yama.ptrace_scope=0
                note: 2
                    some functions of a stripped C library have no names, because the server's memory may not be read
                    $ sudo sysctl kernel.yama.ptrace_scope=0
                note: 3
                    some functions of a stripped C library have no names, because the server's memory may not be read
                note: not understood: "x"
                    servers that are started here are ours to read
            "#]],
        );
        check(
            &["1", "3"].map(|text| ptrace(Some(text), Privileges::ROOT)),
            expect![[r#"
                ok: 1
                    this process has the capability to read others
                note: 3
                    some functions of a stripped C library have no names, because the server's memory may not be read
            "#]],
        );
    }

    #[test]
    fn what_disturbs_is_noted() {
        let texts = [None, Some("performance\n"), Some("powersave\n")];
        check(
            &texts.map(|text| governor(text, Privileges::NONE)),
            expect![[r#"
                ok: not controlled from here
                    the host or the firmware decides; sampling in alternation cancels its drift
                ok: governor performance
                    kept high
                note: governor powersave
                    the CPU may slow down and speed up while it is measured
                    $ sudo cpupower frequency-set --governor performance
            "#]],
        );
        let header = "Filename\tType\tSize\tUsed\tPriority\n";
        let (idle, used) = (
            format!("{header}/swapfile file 2097148 0 -2\n"),
            format!("{header}/swapfile file 2097148 524288 -2\n"),
        );
        let texts = [None, Some(header), Some(idle.as_str()), Some(used.as_str()), Some("a\nb c")];
        check(
            &texts.map(|text| swap(text, Privileges::NONE)),
            expect![[r#"
                ok: none
                    a server's memory stays where it is
                ok: none
                    a server's memory stays where it is
                ok: there, and not used
                    a server's memory stays where it is
                note: 512 MiB in use
                    memory was short here: a server may be swapped out while it is measured
                    $ sudo swapoff --all
                ok: none
                    a server's memory stays where it is
            "#]],
        );
    }
}
