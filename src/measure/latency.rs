//! A histogram of latencies -> the figures that a record has of it.

use hdrhistogram::Histogram;

use crate::{
    load::Tally,
    record::{Distribution, LatencyFacts},
    unit::Nanos,
};

/// The figures of a histogram of nanoseconds, in microseconds; none of an empty one.
pub(super) fn latency(histogram: &Histogram<u64>) -> LatencyFacts {
    if histogram.is_empty() {
        return LatencyFacts::default();
    }
    let us = |nanos: f64| Some(nanos / 1e3);
    let percentile = |percent| us(histogram.value_at_percentile(percent) as f64);
    LatencyFacts {
        mean: us(histogram.mean()),
        stdev: us(histogram.stdev()),
        p10: percentile(10.0),
        p25: percentile(25.0),
        p50: percentile(50.0),
        p75: percentile(75.0),
        p90: percentile(90.0),
        p95: percentile(95.0),
        p99: percentile(99.0),
        p99_9: percentile(99.9),
        max: us(histogram.max() as f64),
    }
}

/// The buckets of a histogram of nanoseconds; none of an empty one.
pub(super) fn distribution(histogram: &Histogram<u64>) -> Option<Distribution> {
    let buckets = histogram.iter_recorded();
    let buckets = buckets.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()));
    (!histogram.is_empty()).then(|| Distribution::new(buckets))
}

/// A histogram with all that these have, whose figures are those of all latencies together.
pub(super) fn merged<'a>(all: impl IntoIterator<Item = &'a Distribution>) -> Histogram<u64> {
    let mut histogram = Tally::new(Nanos(0)).latency;
    for (nanos, count) in all.into_iter().flat_map(Distribution::buckets) {
        histogram.saturating_record_n(*nanos, *count);
    }
    histogram
}

/// A median between these, in microseconds, is no work of the server's.
const DELAYED_ACK_US: std::ops::RangeInclusive<f64> = 39_500.0..=45_000.0;

/// What a median of 40 to 44 ms tells: Linux acknowledges data after 40 ms where it has nothing to
/// send along, and a sender with Nagle's algorithm (RFC 896) holds a small segment back until
/// then.
pub(super) fn delayed_ack(service: &LatencyFacts) -> Option<String> {
    let median = service.p50.filter(|us| DELAYED_ACK_US.contains(us))?;
    Some(format!(
        "the median service time is {:.1} ms, which is what a delayed acknowledgement costs: a \
         server that writes head and body separately waits for it; let it set TCP_NODELAY, or \
         write both at once",
        median / 1e3
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_survives_the_record_to_the_last_figure() {
        let mut histogram = merged([]);
        for step in 1..2_000_u64 {
            histogram.saturating_record_n(step * step * 977, step % 7 + 1);
        }
        let kept = distribution(&histogram).expect("it is not empty");
        let read: Distribution = kept.to_string().parse().expect("it is its text");
        assert_eq!(latency(&merged([&read])), latency(&histogram));
        let twice = latency(&merged([&read, &read]));
        assert_eq!(twice, LatencyFacts { stdev: twice.stdev, ..latency(&histogram) });
        assert_eq!(distribution(&merged([])), None);
    }

    #[test]
    fn the_delay_of_an_acknowledgement_is_known_by_its_median() {
        let median = |us| LatencyFacts { p50: Some(us), ..LatencyFacts::default() };
        assert_eq!(delayed_ack(&LatencyFacts::default()), None);
        assert_eq!(delayed_ack(&median(12_000.0)), None);
        assert_eq!(delayed_ack(&median(50_000.0)), None);
        let said = delayed_ack(&median(41_023.0)).expect("it is that long");
        assert!(said.starts_with("the median service time is 41.0 ms"), "{said}");
    }
}
