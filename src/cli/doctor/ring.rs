//! How much memory the kernel's sample rings may take.

use crate::unit::Bytes;
use rustix::process::{Resource, getrlimit};

use super::{
    check::Check,
    privileges::Privileges,
    proc::{number, proc_file},
};

/// A sample with the usual copy of the stack, in bytes.
const SAMPLE: u64 = 8 << 10;
/// What a ring takes beside its data.
const PAGE: u64 = 4 << 10;
/// Smaller rings fill up while their reader waits for a CPU.
const COMFORTABLE: u64 = 512 << 10;

/// What limits the memory of rings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// `kernel.perf_event_mlock_kb`: what each user may lock for each CPU.
    pub(super) mlock_kb: Option<u64>,
    /// `RLIMIT_MEMLOCK`: what each process may lock beyond that; none for no limit.
    pub(super) memlock: Option<u64>,
    pub(super) cpus: u64,
    /// Whether `perf_event_paranoid` is below 0, which lifts both.
    pub(super) unlimited: bool,
}

impl Limits {
    pub(super) fn read() -> Self {
        let sysctl = |name: &str| proc_file(&format!("sys/kernel/{name}"));
        Self {
            mlock_kb: number(sysctl("perf_event_mlock_kb").as_deref()),
            memlock: getrlimit(Resource::Memlock).current,
            cpus: super::cpus::Cpus::read().online.len() as u64,
            unlimited: number::<i32>(sysctl("perf_event_paranoid").as_deref()) < Some(0),
        }
    }

    /// The largest ring, a power of two, that every CPU can have at once.
    fn ring(&self) -> Option<u64> {
        let cpus = self.cpus.max(1);
        let per_user = self.mlock_kb?.saturating_mul(1 << 10).saturating_mul(cpus);
        let each = per_user.saturating_add(self.memlock.unwrap_or(0)) / cpus;
        let data = each.saturating_sub(PAGE);
        Some(if data == 0 { 0 } else { 1 << data.ilog2() })
    }
}

/// What size of rings fits.
pub(super) fn check(limits: &Limits, privileges: Privileges) -> Check {
    let name = "sample rings";
    let Some(mlock_kb) = limits.mlock_kb else {
        return Check::unknown(name, None, "the size that fits is found out by trying");
    };
    let memlock = match limits.memlock {
        Some(bytes) => Bytes(bytes).to_string(),
        None => "unlimited".to_owned(),
    };
    let found = format!("perf_event_mlock_kb {mlock_kb}, RLIMIT_MEMLOCK {memlock}");
    let free = privileges.lock() || limits.unlimited || limits.memlock.is_none();
    if free {
        return Check::ok(name, found, "no limit applies: rings are as large as is sensible");
    }
    let ring = limits.ring().unwrap_or(0);
    let means = format!(
        "a ring of {} fits for each CPU: {} samples wait there until they are read",
        Bytes(ring),
        ring / SAMPLE
    );
    if ring >= COMFORTABLE {
        Check::ok(name, found, &means)
    } else {
        let lift = privileges.command("sysctl kernel.perf_event_mlock_kb=4096");
        Check::limit(name, found, &format!("{means}, and some may be lost")).lifted_by(lift)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_ring_that_fits_is_named() {
        let golden = |mlock_kb, memlock, cpus| {
            let limits = Limits { mlock_kb, memlock, cpus, unlimited: false };
            check(&limits, Privileges::NONE).golden()
        };
        let texts = [
            golden(Some(516), Some(64 << 10), 2),
            golden(Some(516), Some(8 << 20), 2),
            golden(Some(516), Some(8 << 20), 64),
            golden(Some(64), Some(0), 2),
            golden(Some(0), Some(0), 0),
            golden(Some(u64::MAX), Some(u64::MAX), 3),
            golden(Some(516), None, 2),
            golden(None, Some(0), 2),
        ];
        expect![[r#"
            ok: perf_event_mlock_kb 516, RLIMIT_MEMLOCK 64.0 KiB
                a ring of 512.0 KiB fits for each CPU: 64 samples wait there until they are read
            ok: perf_event_mlock_kb 516, RLIMIT_MEMLOCK 8.0 MiB
                a ring of 4.0 MiB fits for each CPU: 512 samples wait there until they are read
            ok: perf_event_mlock_kb 516, RLIMIT_MEMLOCK 8.0 MiB
                a ring of 512.0 KiB fits for each CPU: 64 samples wait there until they are read
            limit: perf_event_mlock_kb 64, RLIMIT_MEMLOCK 0 B
                a ring of 32.0 KiB fits for each CPU: 4 samples wait there until they are read, and some may be lost
                $ sudo sysctl kernel.perf_event_mlock_kb=4096
            limit: perf_event_mlock_kb 0, RLIMIT_MEMLOCK 0 B
                a ring of 0 B fits for each CPU: 0 samples wait there until they are read, and some may be lost
                $ sudo sysctl kernel.perf_event_mlock_kb=4096
            ok: perf_event_mlock_kb 18446744073709551615, RLIMIT_MEMLOCK 16777216.0 TiB
                a ring of 4194304.0 TiB fits for each CPU: 562949953421312 samples wait there until they are read
            ok: perf_event_mlock_kb 516, RLIMIT_MEMLOCK unlimited
                no limit applies: rings are as large as is sensible
            note: not there
                the size that fits is found out by trying
        "#]].assert_eq(&texts.concat());
    }

    #[test]
    fn root_has_no_limit() {
        let limits = Limits { mlock_kb: Some(0), memlock: Some(0), cpus: 2, unlimited: false };
        assert_eq!(check(&limits, Privileges::ROOT).state, super::super::check::State::Ok);
    }
}
