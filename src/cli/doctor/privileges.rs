//! [`Privileges`]: what the kernel lets this process do beyond an ordinary one.

use super::{
    check::Check,
    proc::{field, proc_file},
};

/// What the kernel lets this process do beyond an ordinary one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Privileges {
    root: bool,
    /// The effective capabilities by their number in `linux/capability.h`; none in a user
    /// namespace, where they hold for what belongs to it, and perf events belong to the machine.
    effective: u64,
    namespaced: bool,
}

const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYSLOG: u32 = 34;
const CAP_PERFMON: u32 = 38;

const NAMES: [(u32, &str); 5] = [
    (CAP_PERFMON, "CAP_PERFMON"),
    (CAP_SYS_ADMIN, "CAP_SYS_ADMIN"),
    (CAP_SYSLOG, "CAP_SYSLOG"),
    (CAP_IPC_LOCK, "CAP_IPC_LOCK"),
    (CAP_SYS_PTRACE, "CAP_SYS_PTRACE"),
];

impl Privileges {
    /// Those of this process.
    pub(super) fn read() -> Self {
        let text = |path| proc_file(path).unwrap_or_default();
        Self::parse(&text("self/status"), &text("self/uid_map"))
    }

    /// From the texts of `/proc/self/status` and `/proc/self/uid_map`; none where they are not
    /// understood.
    fn parse(status: &str, uid_map: &str) -> Self {
        let effective_user = field(status, "Uid").and_then(|ids| ids.split_whitespace().nth(1));
        let effective = field(status, "CapEff").and_then(|set| u64::from_str_radix(set, 16).ok());
        // The machine's own namespace maps every user to itself.
        let namespaced = !uid_map.split_whitespace().eq(["0", "0", "4294967295"]);
        Self {
            root: effective_user == Some("0"),
            effective: if namespaced { 0 } else { effective.unwrap_or(0) },
            namespaced,
        }
    }

    fn has(self, capability: u32) -> bool {
        self.effective & (1 << capability) != 0
    }

    /// Whether `perf_event_paranoid` does not apply.
    pub(super) fn perfmon(self) -> bool {
        self.has(CAP_PERFMON) || self.has(CAP_SYS_ADMIN)
    }

    /// Whether locked memory has no limit.
    pub(super) fn lock(self) -> bool {
        self.has(CAP_IPC_LOCK)
    }

    /// Whether kernel addresses are shown in spite of `kptr_restrict` 1.
    pub(super) fn syslog(self) -> bool {
        self.has(CAP_SYSLOG)
    }

    /// Whether other processes' memory may be read in spite of Yama.
    pub(super) fn ptrace(self) -> bool {
        self.has(CAP_SYS_PTRACE)
    }

    /// A command that only root may run, as this user would run it.
    pub(super) fn command(self, command: &str) -> String {
        if self.root { command.to_owned() } else { format!("sudo {command}") }
    }

    /// What is there.
    pub(super) fn check(self) -> Check {
        let names = NAMES.into_iter().filter(|(number, _)| self.has(*number));
        let names: Vec<&str> = names.map(|(_, name)| name).collect();
        let user = match (self.root, self.namespaced) {
            (true, false) => "root",
            (true, true) => "root in a user namespace",
            (false, _) => "an ordinary user",
        };
        let found = match names[..] {
            [] => format!("{user}, without capabilities that matter here"),
            _ => format!("{user} with {}", names.join(", ")),
        };
        let means = if self.perfmon() {
            "kernel.perf_event_paranoid does not apply to this process"
        } else {
            "kernel.perf_event_paranoid decides what can be sampled"
        };
        Check::ok("capabilities", found, means)
    }

    /// For tests: an ordinary user.
    #[cfg(test)]
    pub(super) const NONE: Self = Self { root: false, effective: 0, namespaced: false };

    /// For tests: root with all capabilities.
    #[cfg(test)]
    pub(super) const ROOT: Self = Self { root: true, effective: u64::MAX, namespaced: false };
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn capabilities_are_named() {
        let statuses = [
            "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
            "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n",
            "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000004000000000\n",
            // A container's root without the capability.
            "Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n",
            "Uid:\nCapEff:\tmany\n",
            "",
        ];
        let of = |status, uid_map| Privileges::parse(status, uid_map).check().golden();
        let mut texts: Vec<String> =
            statuses.iter().map(|status| of(status, "0 0 4294967295\n")).collect();
        texts.push(of(statuses[0], "0 100000 65536\n"));
        expect![[r#"
            ok: root with CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYSLOG, CAP_IPC_LOCK, CAP_SYS_PTRACE
                kernel.perf_event_paranoid does not apply to this process
            ok: an ordinary user, without capabilities that matter here
                kernel.perf_event_paranoid decides what can be sampled
            ok: an ordinary user with CAP_PERFMON
                kernel.perf_event_paranoid does not apply to this process
            ok: root, without capabilities that matter here
                kernel.perf_event_paranoid decides what can be sampled
            ok: an ordinary user, without capabilities that matter here
                kernel.perf_event_paranoid decides what can be sampled
            ok: an ordinary user, without capabilities that matter here
                kernel.perf_event_paranoid decides what can be sampled
            ok: root in a user namespace, without capabilities that matter here
                kernel.perf_event_paranoid decides what can be sampled
        "#]]
        .assert_eq(&texts.concat());
    }

    #[test]
    fn only_root_goes_without_sudo() {
        assert_eq!(Privileges::NONE.command("sysctl a=1"), "sudo sysctl a=1");
        assert_eq!(Privileges::ROOT.command("sysctl a=1"), "sysctl a=1");
    }
}
