//! [`Probe`]: whether sampling works, found out by sampling this very process.

use std::fs;

use crate::{
    sample::{Access, Capture, Config, Origin, SampleError, Sampler},
    unit::{Bytes, Hertz, Nanos, Samples},
};
use rustix::time::{ClockId, clock_gettime};

use super::{check::Check, privileges::Privileges, system::Container};

const NAME: &str = "sampling";
/// The frequency that a profile uses unless told otherwise.
const HZ: Hertz = Hertz(997);
/// How much of its stack each sample copies: most of what the kernel can.
const DUMP: Bytes = Bytes(48 << 10);
/// How much CPU time this process spends on being sampled.
const CPU_TIME: Nanos = Nanos(100_000_000);

/// What came of sampling this process.
#[derive(Debug)]
pub(super) enum Probe {
    /// It was sampled.
    Sampled(Sampled),
    /// It could not be.
    Refused(SampleError),
}

/// How this process was sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampled {
    pub(super) access: Access,
    /// `cycles` or `cpu-clock`.
    pub(super) clock: &'static str,
    pub(super) samples: Samples,
    /// Samples whose callers are not all known.
    pub(super) truncated: Samples,
    /// The CPU time that was sampled.
    pub(super) cpu: Nanos,
}

impl Probe {
    /// Samples this process while it works, partly in the kernel.
    pub(super) fn run() -> Self {
        match sample() {
            Ok((capture, cpu)) => Self::Sampled(Sampled {
                access: capture.access,
                clock: capture.clock,
                samples: capture.counts.samples,
                truncated: capture.counts.truncated(),
                cpu,
            }),
            Err(error) => Self::Refused(error),
        }
    }

    /// Whether a profile can be made.
    pub(super) fn works(&self) -> bool {
        matches!(self, Self::Sampled(sampled) if sampled.samples > Samples(0))
    }

    /// Whether samples cover the kernel's code.
    pub(super) fn sees_kernel(&self) -> bool {
        matches!(self, Self::Sampled(sampled) if sampled.access == Access::KernelAndUser)
    }

    /// Whether sampling works, and how much it covers.
    pub(super) fn sampling(&self, container: Option<Container>, privileges: Privileges) -> Check {
        match self {
            Self::Refused(error) => refused(error, container, privileges),
            Self::Sampled(sampled) if sampled.samples == Samples(0) => Check::limit(
                NAME,
                "perf_event_open works, but no sample came",
                "no profile can be made: the kernel's timer does not reach the sampler",
            ),
            Self::Sampled(sampled) => {
                let found = format!("works: {}", sampled.describe());
                match sampled.access {
                    Access::KernelAndUser => {
                        Check::ok(NAME, found, "a profile shows the server's code and the kernel's")
                    }
                    Access::UserOnly => Check::limit(
                        NAME,
                        found,
                        "a profile shows the server's code; time in system calls is missing",
                    )
                    .lifted_by(privileges.command("sysctl kernel.perf_event_paranoid=1")),
                }
            }
        }
    }

    /// What drives the samples.
    pub(super) fn clock(&self) -> Check {
        let name = "clock";
        match self {
            Self::Refused(_) => Check::unknown(name, None, "nothing is sampled"),
            Self::Sampled(Sampled { clock: "cycles", .. }) => Check::ok(
                name,
                "cycles, counted by the CPU",
                "samples reach into code that masks interrupts",
            ),
            Self::Sampled(Sampled { clock, .. }) => Check::ok(
                name,
                format!("{clock}, the kernel's timer"),
                "the CPU's own counters are hidden, as in most virtual machines; that is fine: \
                 shares of CPU time are the same, only kernel code that masks interrupts is seen \
                 when it ends",
            ),
        }
    }
}

impl Sampled {
    fn describe(&self) -> String {
        let whole = self.samples.0 - self.truncated.0.min(self.samples.0);
        format!(
            "{} samples in {:.0} ms of CPU time, {}, {whole} with all their callers",
            self.samples.0,
            self.cpu.as_micros_f64() / 1e3,
            self.access.as_str(),
        )
    }
}

fn refused(error: &SampleError, container: Option<Container>, privileges: Privileges) -> Check {
    let means = "no profile can be made";
    let check = Check::limit(NAME, error.to_string(), means);
    match error {
        SampleError::Refused { .. } if crate::sample::paranoid() > Some(2) => {
            check.lifted_by(privileges.command("sysctl kernel.perf_event_paranoid=1"))
        }
        SampleError::Refused { .. } => match container {
            Some(container) => check.lifted_by(container.allow_perf()),
            None => check,
        },
        SampleError::Ring { .. } => {
            check.lifted_by(privileges.command("sysctl kernel.perf_event_mlock_kb=4096"))
        }
        _ => check,
    }
}

fn sample() -> Result<(Capture, Nanos), SampleError> {
    // There is no warm-up that could find out how much is enough.
    let mut sampler = Sampler::start(&Config { dump: Some(DUMP), ..Config::at(HZ) })?;
    sampler.watch(std::process::id(), Origin::Running)?;
    sampler.begin_window();
    let before = sampler.cpu_time();
    sampler.enable();
    work();
    sampler.disable();
    let cpu = sampler.cpu_time() - before;
    Ok((sampler.finish(), cpu))
}

/// Spends [`CPU_TIME`], partly in the kernel.
fn work() {
    let used = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    };
    let start = used();
    while used().since(start) < CPU_TIME {
        std::hint::black_box(fs::read("/proc/self/stat").ok());
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn sampled(access: Access, clock: &'static str, samples: u64) -> Probe {
        Probe::Sampled(Sampled {
            access,
            clock,
            samples: Samples(samples),
            truncated: Samples(1),
            cpu: CPU_TIME,
        })
    }

    #[track_caller]
    fn check(probe: &Probe, expect: Expect) {
        let checks = [probe.sampling(Some(Container::Docker), Privileges::NONE), probe.clock()];
        expect.assert_eq(&checks.map(|check| check.golden()).concat());
    }

    #[test]
    fn each_rung_says_what_a_profile_shows() {
        check(
            &sampled(Access::KernelAndUser, "cycles", 98),
            expect![[r#"
                ok: works: 98 samples in 100 ms of CPU time, kernel and user, 97 with all their callers
                    a profile shows the server's code and the kernel's
                ok: cycles, counted by the CPU
                    samples reach into code that masks interrupts
            "#]],
        );
        check(
            &sampled(Access::UserOnly, "cpu-clock", 50),
            expect![[r#"
                limit: works: 50 samples in 100 ms of CPU time, user only, 49 with all their callers
                    a profile shows the server's code; time in system calls is missing
                    $ sudo sysctl kernel.perf_event_paranoid=1
                ok: cpu-clock, the kernel's timer
                    the CPU's own counters are hidden, as in most virtual machines; that is fine: shares of CPU time are the same, only kernel code that masks interrupts is seen when it ends
            "#]],
        );
        check(
            &sampled(Access::UserOnly, "cpu-clock", 0),
            expect![[r#"
                limit: perf_event_open works, but no sample came
                    no profile can be made: the kernel's timer does not reach the sampler
                ok: cpu-clock, the kernel's timer
                    the CPU's own counters are hidden, as in most virtual machines; that is fine: shares of CPU time are the same, only kernel code that masks interrupts is seen when it ends
            "#]],
        );
    }

    #[test]
    fn a_refusal_comes_with_its_command() {
        let denied = || std::io::ErrorKind::PermissionDenied.into();
        let ring = SampleError::Ring { cpu: 0, pages: 16, source: denied() };
        let refused = Probe::Refused(ring);
        assert!(!refused.works());
        check(
            &refused,
            expect![[r#"
                limit: cannot map a sample ring of 16 pages on CPU 0: permission denied: raise the limit with `sudo sysctl kernel.perf_event_mlock_kb=4096` or `ulimit -l unlimited`
                    no profile can be made
                    $ sudo sysctl kernel.perf_event_mlock_kb=4096
                note: not there
                    nothing is sampled
            "#]],
        );
    }

    #[test]
    fn this_process_is_sampled_or_the_kernel_says_why_not() {
        match Probe::run() {
            Probe::Sampled(Sampled { samples, cpu, .. }) => {
                assert!(samples > Samples(0));
                assert!(cpu >= CPU_TIME, "{cpu:?}");
            }
            Probe::Refused(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
