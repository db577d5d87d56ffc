//! What one slice of load came to, for whoever drove it.

use flameload::unit::Nanos;

/// A slice of load by one side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slice {
    /// Good responses.
    pub(super) requests: u64,
    /// Requests, and attempts to connect, that failed; none where the side does not say.
    pub(super) errors: Option<u64>,
    /// The first of them, where the side says.
    pub(super) first_error: Option<String>,
    /// How long the load lasted, as the side says.
    pub(super) elapsed: Nanos,
    /// CPU time of the side's whole process, from its start to its end.
    pub(super) client_cpu: Nanos,
    /// CPU time of the server meanwhile.
    pub(super) server_cpu: Nanos,
    /// From writing a request to its complete response.
    pub(super) service: Quantiles,
    /// From when the schedule wanted the request; nothing in a closed loop.
    pub(super) response: Quantiles,
    /// The longest that a request was written after it was due, where the side says.
    pub(super) lag_max: Option<Nanos>,
}

/// Latencies of a slice; none where the side does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Quantiles {
    pub(super) p50: Option<Nanos>,
    pub(super) p99: Option<Nanos>,
    pub(super) p99_9: Option<Nanos>,
}

/// All slices of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum<'a>(pub(super) &'a [Slice]);

impl Sum<'_> {
    fn total(self, of: impl Fn(&Slice) -> f64) -> f64 {
        self.0.iter().map(of).sum()
    }

    pub(super) fn requests(self) -> f64 {
        self.total(|slice| slice.requests as f64)
    }

    /// None where one slice does not say.
    pub(super) fn errors(self) -> Option<u64> {
        self.0.iter().map(|slice| slice.errors).sum()
    }

    pub(super) fn requests_per_second(self) -> f64 {
        self.requests() / self.total(|slice| slice.elapsed.as_secs_f64())
    }

    /// Microseconds of client CPU time for each request.
    pub(super) fn client_us(self) -> f64 {
        self.total(|slice| slice.client_cpu.as_micros_f64()) / self.requests()
    }

    /// Requests for each second of client CPU time.
    pub(super) fn per_client_second(self) -> f64 {
        1e6 / self.client_us()
    }

    /// Microseconds of server CPU time for each request.
    pub(super) fn server_us(self) -> f64 {
        self.total(|slice| slice.server_cpu.as_micros_f64()) / self.requests()
    }

    /// The median over the slices of a latency, in milliseconds: those of a whole cannot be had
    /// from those of its parts. None where one slice does not say.
    pub(super) fn median_ms(self, of: impl Fn(&Slice) -> Option<Nanos>) -> Option<f64> {
        let mut all: Vec<Nanos> = self.0.iter().map(of).collect::<Option<_>>()?;
        all.sort_unstable();
        let middle = |index: usize| all.get(index).map(|nanos| nanos.as_micros_f64() / 1e3);
        let (low, high) = (middle((all.len().checked_sub(1)?) / 2)?, middle(all.len() / 2)?);
        Some(f64::midpoint(low, high))
    }

    pub(super) fn lag_max(self) -> Option<Nanos> {
        self.0.iter().map(|slice| slice.lag_max).max()?
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A second of load with 1,000 good requests for each millisecond of client CPU time given.
    pub(in super::super) fn slice(requests: u64, client_ms: u64, server_ms: u64) -> Slice {
        let ms = |ms: u64| Nanos(ms * 1_000_000);
        let quantiles = |p50: u64| Quantiles {
            p50: Some(Nanos(p50 * 1000)),
            p99: Some(Nanos(p50 * 4000)),
            p99_9: None,
        };
        Slice {
            requests,
            errors: Some(0),
            first_error: None,
            elapsed: ms(1000),
            client_cpu: ms(client_ms),
            server_cpu: ms(server_ms),
            service: quantiles(requests / 10),
            response: Quantiles::default(),
            lag_max: None,
        }
    }

    #[test]
    fn figures_are_of_all_slices_together() {
        let slices = [slice(1000, 4, 10), slice(3000, 8, 10)];
        let sum = Sum(&slices);
        assert_eq!((sum.requests(), sum.errors()), (4000.0, Some(0)));
        assert_eq!(sum.requests_per_second(), 2000.0);
        assert_eq!((sum.client_us(), sum.server_us()), (3.0, 5.0));
        assert_eq!(sum.median_ms(|slice| slice.service.p50), Some(0.2));
        assert_eq!(sum.median_ms(|slice| slice.service.p99_9), None);
    }

    #[test]
    fn what_one_slice_does_not_say_is_not_said() {
        let silent = Slice { errors: None, ..slice(1, 1, 1) };
        assert_eq!(Sum(&[slice(1, 1, 1), silent]).errors(), None);
        assert_eq!(Sum(&[]).median_ms(|slice| slice.service.p50), None);
    }
}
