//! What one slice came to.

use flameload::unit::Nanos;

/// What one slice came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slice {
    /// Good responses in the part that counts.
    pub(super) requests: u64,
    /// How long that part lasted.
    pub(super) elapsed: Nanos,
    /// CPU time of the server meanwhile.
    pub(super) cpu: Nanos,
    /// The same since its profiler had attached, while the load ran in included.
    pub(super) watched: Nanos,
    /// What its profiler took of that time; none where it does not say.
    pub(super) taken: Option<Taken>,
}

/// What a profiler took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) samples: u64,
    /// Samples that the kernel could not write.
    pub(super) lost: u64,
    /// Times that the kernel held samples back.
    pub(super) throttled: u64,
}

/// Slices of one profiler.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum<'a>(pub(super) &'a [Slice]);

impl Sum<'_> {
    fn total(self, of: impl Fn(&Slice) -> f64) -> f64 {
        self.0.iter().map(of).sum()
    }

    /// Microseconds of the server's CPU time for each request.
    pub(super) fn cpu_us(self) -> f64 {
        self.total(|slice| slice.cpu.as_micros_f64()) / self.total(|slice| slice.requests as f64)
    }

    pub(super) fn requests_per_second(self) -> f64 {
        self.total(|slice| slice.requests as f64) / self.total(|slice| slice.elapsed.as_secs_f64())
    }

    /// None where one slice does not say.
    pub(super) fn taken(self) -> Option<Taken> {
        let all: Option<Vec<Taken>> = self.0.iter().map(|slice| slice.taken).collect();
        let all = all.filter(|all| !all.is_empty())?;
        Some(all.iter().fold(Taken::default(), |sum, one| Taken {
            samples: sum.samples + one.samples,
            lost: sum.lost + one.lost,
            throttled: sum.throttled + one.throttled,
        }))
    }

    /// Samples for each second of the server's CPU time. None where one slice does not say.
    pub(super) fn rate(self) -> Option<f64> {
        let rate = self.taken()?.samples as f64 / self.total(|slice| slice.watched.as_secs_f64());
        rate.is_finite().then_some(rate)
    }
}
