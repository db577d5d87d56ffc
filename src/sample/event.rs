//! Which events are opened, and with what attributes.
//!
//! Four kinds: a ring owner per CPU (does nothing, owns the memory), the side band (mappings,
//! names, forks and exits; always on), the sampler itself (switched on and off), and the exact
//! count of CPU time. Attributes are those of `perf_event_open(2)`.

use perf_event_open_sys::bindings::{
    PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_SW_CPU_CLOCK, PERF_COUNT_SW_DUMMY,
    PERF_COUNT_SW_TASK_CLOCK, PERF_SAMPLE_CALLCHAIN, PERF_SAMPLE_IP, PERF_SAMPLE_REGS_USER,
    PERF_SAMPLE_STACK_USER, PERF_SAMPLE_TID, PERF_SAMPLE_TIME, PERF_TYPE_HARDWARE,
    PERF_TYPE_SOFTWARE, perf_event_attr,
};

use super::{
    access::{Access, SampleError, check_frequency},
    sys::Event,
    unwind,
};
use crate::unit::{Bytes, Hertz, Nanos};

/// Fields of every record: all our events share them, so that one ring can hold all.
const COMMON: u64 = PERF_SAMPLE_TID as u64 | PERF_SAMPLE_TIME as u64;

/// The fields of a sample, in the order in which [`super::record`] reads them.
const SAMPLE: u64 = COMMON
    | PERF_SAMPLE_IP as u64
    | PERF_SAMPLE_CALLCHAIN as u64
    | PERF_SAMPLE_REGS_USER as u64
    | PERF_SAMPLE_STACK_USER as u64;

/// What drives the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The processor's cycle counter.
    Cycles,
    /// The kernel's timer, where the processor's counters are hidden, as in most virtual machines.
    CpuClock,
}

impl Clock {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cycles => "cycles",
            Self::CpuClock => "cpu-clock",
        }
    }
}

/// How samples are to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampling {
    pub(super) clock: Clock,
    pub(super) access: Access,
    pub(super) hz: Hertz,
    /// Whether events may be opened on CPUs.
    pub(super) sees_cpus: bool,
}

impl Sampling {
    /// The best that this machine allows: cycles before the timer, the kernel's code as well
    /// before the server's alone. Tried on the calling thread, then on a CPU.
    pub(super) fn probe(hz: Hertz) -> Result<Self, SampleError> {
        check_frequency(hz)?;
        let dump = super::sampler::DUMP_LADDER[0];
        let mut refusal = None;
        for access in [Access::KernelAndUser, Access::UserOnly] {
            for clock in [Clock::Cycles, Clock::CpuClock] {
                let mut sampling = Self { clock, access, hz, sees_cpus: false };
                match Event::open(&sampling.of_thread(dump, hz.period()), Some(0), None) {
                    Ok(_) => {
                        let on_cpu = sampling.of_cpu(dump, hz.period());
                        sampling.sees_cpus = access == Access::KernelAndUser
                            && Event::open(&on_cpu, None, Some(0)).is_ok();
                        return Ok(sampling);
                    }
                    Err(error) => refusal = Some(error),
                }
            }
        }
        let source = refusal.unwrap_or_else(|| std::io::ErrorKind::Unsupported.into());
        Err(SampleError::from_open("cpu-clock", std::process::id(), source))
    }

    /// A period as the kernel wants it: the timer's in nanoseconds. How many cycles those are
    /// changes, so that of cycles it is a frequency, which the kernel keeps up with.
    pub(super) fn interval(&self, period: Nanos) -> u64 {
        match self.clock {
            Clock::CpuClock => period.0.max(1),
            Clock::Cycles => (1_000_000_000 / period.0.max(1)).max(1),
        }
    }

    /// A sampling event for whatever runs on a CPU; born disabled, as all of them.
    pub(super) fn of_cpu(&self, dump: Bytes, period: Nanos) -> perf_event_attr {
        let mut attr = self.of_thread(dump, period);
        attr.set_exclude_idle(1);
        attr
    }

    /// One for a thread and all that it starts.
    pub(super) fn inherited(&self, dump: Bytes, period: Nanos) -> perf_event_attr {
        let mut attr = self.of_thread(dump, period);
        attr.set_inherit(1);
        attr
    }

    /// One for a thread alone, which copies `dump` bytes of the user stack.
    pub(super) fn of_thread(&self, dump: Bytes, period: Nanos) -> perf_event_attr {
        let mut attr = base();
        (attr.type_, attr.config) = match self.clock {
            Clock::Cycles => (PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES.into()),
            Clock::CpuClock => (PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK.into()),
        };
        attr.sample_type = SAMPLE;
        attr.set_disabled(1);
        attr.set_freq(u64::from(self.clock == Clock::Cycles));
        attr.__bindgen_anon_1.sample_period = self.interval(period);
        attr.sample_regs_user = unwind::REGISTERS;
        attr.sample_stack_user = u32::try_from(dump.0).unwrap_or(u32::MAX);
        if self.access == Access::UserOnly {
            attr.set_exclude_kernel(1);
            attr.set_exclude_hv(1);
            attr.set_exclude_callchain_kernel(1);
        }
        attr
    }
}

/// Owns a CPU's ring and does nothing else.
pub(super) fn ring_owner(wakeup_bytes: usize) -> perf_event_attr {
    let mut attr = dummy();
    attr.set_disabled(1);
    attr.__bindgen_anon_2.wakeup_watermark = u32::try_from(wakeup_bytes).unwrap_or(u32::MAX);
    attr
}

/// Reports mappings, names, forks and exits, whether or not samples are being taken: of a thread
/// and all that it starts, or of whatever runs on a CPU.
pub(super) fn side_band() -> perf_event_attr {
    let mut attr = dummy();
    attr.set_inherit(1);
    attr.set_mmap(1);
    attr.set_mmap2(1);
    attr.set_comm(1);
    attr.set_comm_exec(1);
    attr.set_task(1);
    attr
}

/// Is on a thread and does nothing, least of all for what the thread starts: so the kernel does not
/// take the events of the two for the same.
pub(super) fn apart() -> perf_event_attr {
    let mut attr = dummy();
    attr.set_disabled(1);
    attr
}

/// Counts the nanoseconds of CPU time, exactly, of a process and all that it starts.
pub(super) fn task_clock() -> perf_event_attr {
    let mut attr = base();
    attr.type_ = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_TASK_CLOCK.into();
    attr.sample_type = 0;
    attr.set_inherit(1);
    // A clock counts alike with or without this bit, and unprivileged users may not unset it.
    attr.set_exclude_kernel(1);
    attr.set_exclude_hv(1);
    attr
}

fn dummy() -> perf_event_attr {
    let mut attr = base();
    attr.type_ = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_DUMMY.into();
    attr.set_exclude_kernel(1);
    attr.set_exclude_hv(1);
    attr
}

fn base() -> perf_event_attr {
    let mut attr = perf_event_attr::default();
    attr.sample_type = COMMON;
    attr.set_sample_id_all(1);
    attr.set_use_clockid(1);
    attr.clockid = CLOCK_MONOTONIC;
    // Wake the reader by bytes, never once a sample.
    attr.set_watermark(1);
    attr.__bindgen_anon_2.wakeup_watermark = u32::MAX;
    attr
}

/// `CLOCK_MONOTONIC` of `linux/time.h`: the clock of slices and latencies.
const CLOCK_MONOTONIC: i32 = 1;
