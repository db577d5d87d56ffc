//! Whether server and load have CPUs of their own.

use rustix::thread::sched_getaffinity;

use super::{
    check::Check,
    proc::{file, list},
};

/// The CPUs of this machine and which of them this process may use.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cpus {
    pub(super) online: Vec<usize>,
    pub(super) allowed: Vec<usize>,
    /// CPU time per time that the control group may use, where it has a limit.
    pub(super) quota: Option<f64>,
}

impl Cpus {
    pub(super) fn read() -> Self {
        let online = file("/sys/devices/system/cpu/online").and_then(|text| list(&text));
        let allowed = match sched_getaffinity(None) {
            Ok(set) => {
                let size = rustix::thread::CpuSet::MAX_CPU;
                (0..size).filter(|cpu| set.is_set(*cpu)).collect()
            }
            Err(_) => Vec::new(),
        };
        Self { online: online.unwrap_or_else(|| allowed.clone()), allowed, quota: read_quota() }
    }
}

/// The limit of our control group: version 2's, as a container sees its own, or version 1's.
fn read_quota() -> Option<f64> {
    if let Some(text) = file("/sys/fs/cgroup/cpu.max") {
        return quota(&text);
    }
    let cpu = |name| file(format!("/sys/fs/cgroup/cpu/cpu.cfs_{name}_us"));
    quota(&format!("{} {}", cpu("quota")?.trim(), cpu("period")?.trim()))
}

/// Reads `QUOTA PERIOD`, both in microseconds; `max` and -1 stand for no limit.
fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.trim().parse().ok()?);
    (period > 0).then(|| quota as f64 / period as f64)
}

/// Whether server and load have CPUs of their own.
pub(super) fn check(cpus: &Cpus) -> Check {
    let name = "CPUs";
    let Cpus { online, allowed, quota } = cpus;
    let quota_text = quota.map(|quota| format!(", {quota:.1} CPUs of time allowed"));
    let found = format!(
        "{} online, {} for this process{}",
        online.len(),
        allowed.len(),
        quota_text.unwrap_or_default()
    );
    if quota.is_some_and(|quota| quota < allowed.len() as f64) {
        let means = "the control group stops server and load when their time is used up, which \
                     shows as latency that is not the server's";
        return Check::limit(name, found, means);
    }
    if allowed.len() >= 2 {
        return Check::ok(name, found, "server and load have CPUs of their own");
    }
    let check = Check::limit(
        name,
        found,
        "server and load share a CPU: each takes time from the other, and throughput is of both",
    );
    match (online.first(), online.last()) {
        (Some(first), Some(last)) if online.len() >= 2 => {
            check.lifted_by(format!("taskset --cpu-list --pid {first}-{last} $$"))
        }
        _ => check,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn sharing_is_told() {
        let golden = |online, allowed, quota| {
            let cpus =
                Cpus { online: (0..online).collect(), allowed: (0..allowed).collect(), quota };
            check(&cpus).golden()
        };
        let texts = [
            golden(4, 4, None),
            golden(4, 1, None),
            golden(1, 1, None),
            golden(8, 8, Some(1.5)),
            golden(2, 2, Some(2.0)),
            golden(0, 0, None),
        ];
        expect![[r#"
            ok: 4 online, 4 for this process
                server and load have CPUs of their own
            limit: 4 online, 1 for this process
                server and load share a CPU: each takes time from the other, and throughput is of both
                $ taskset --cpu-list --pid 0-3 $$
            limit: 1 online, 1 for this process
                server and load share a CPU: each takes time from the other, and throughput is of both
            limit: 8 online, 8 for this process, 1.5 CPUs of time allowed
                the control group stops server and load when their time is used up, which shows as latency that is not the server's
            ok: 2 online, 2 for this process, 2.0 CPUs of time allowed
                server and load have CPUs of their own
            limit: 0 online, 0 for this process
                server and load share a CPU: each takes time from the other, and throughput is of both
        "#]].assert_eq(&texts.concat());
    }

    #[test]
    fn quotas_are_read() {
        assert_eq!(quota("150000 100000\n"), Some(1.5));
        assert_eq!(quota("-1 100000"), None);
        for none in ["max 100000\n", "", "1", "1 0", "a b"] {
            assert_eq!(quota(none), None, "{none}");
        }
    }

    #[test]
    fn this_machine_has_some() {
        let cpus = Cpus::read();
        assert!(!cpus.online.is_empty() && !cpus.allowed.is_empty(), "{cpus:?}");
    }
}
