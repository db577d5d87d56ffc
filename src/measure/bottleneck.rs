//! What kept the throughput from being higher: load generator, server, or neither.

/// What was seen of both sides, in the slices of the headline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    /// CPU time of the load threads over time.
    pub(super) client_cpus: f64,
    /// How many CPUs the load threads could use at most.
    pub(super) client_cpus_max: f64,
    /// CPU time of the server over time.
    pub(super) server_cpus: f64,
    /// How many CPUs the server could use at most: those it may use, or its threads if fewer.
    pub(super) server_cpus_max: Option<f64>,
    /// How many CPUs both may use together, where some are the same; none where each has its own.
    pub(super) shared_cpus: Option<f64>,
    /// Good responses a second.
    pub(super) rate: f64,
    /// Mean service time, seconds.
    pub(super) latency: f64,
    /// Connections at once.
    pub(super) connections: u32,
    /// Whether connections wait between a response and the next request.
    pub(super) thinks: bool,
    /// How well an open loop kept its schedule; none in a closed loop.
    pub(super) schedule: Option<Kept>,
    /// Failures over attempts.
    pub(super) error_ratio: f64,
}

/// How well the schedule of an open loop was kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kept {
    /// Requests that were sent over those that were due.
    pub(super) achieved: f64,
    /// The longest that a request was sent after it was due, seconds.
    pub(super) lag: f64,
    /// Whether requests had to wait for a connection, or were dropped for want of one.
    pub(super) overloaded: bool,
}

/// What kept the throughput from being higher, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bottleneck {
    pub(super) verdict: Verdict,
    pub(super) why: String,
}

/// What kept the throughput from being higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The load generator: the server could do more.
    ClientBound,
    /// The CPUs of the server.
    ServerBound,
    /// Neither is busy: requests wait for something, or connections for their user.
    Waiting,
    /// The schedule: the server keeps up with it.
    Paced,
}

/// A side that works for this share of the time that it may use is busy: what is left goes to
/// the switches between waiting and working.
const BUSY: f64 = 0.9;
/// A schedule that is kept to this share is kept.
pub(super) const KEPT: f64 = 0.99;
/// More than this share of failures makes any verdict doubtful.
const DOUBTFUL_ERRORS: f64 = 0.01;

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ClientBound => "client-bound",
            Self::ServerBound => "server-bound",
            Self::Waiting => "waiting",
            Self::Paced => "paced",
        }
    }
}

impl Evidence {
    /// The verdict; none without a single good response, or where the time is not known.
    pub(super) fn verdict(&self) -> Option<Bottleneck> {
        let figures = [self.client_cpus, self.server_cpus, self.rate, self.latency];
        if self.rate <= 0.0 || figures.iter().any(|figure| !figure.is_finite()) {
            return None;
        }
        let (verdict, why) = self.judge();
        let why = match self.error_ratio {
            ratio if ratio > DOUBTFUL_ERRORS => {
                format!(
                    "{why}; {:.1} % of all attempts failed, which may explain it",
                    ratio * 100.0
                )
            }
            _ => why,
        };
        Some(Bottleneck { verdict, why })
    }

    fn judge(&self) -> (Verdict, String) {
        let client = self.client_cpus / self.client_cpus_max;
        let server = self.server_cpus_max.map_or(0.0, |most| self.server_cpus / most);
        let is_kept = self.schedule.is_none_or(|kept| kept.achieved >= KEPT);
        if client >= BUSY && client >= server {
            return (Verdict::ClientBound, format!("{}; give the load more CPUs", self.usage()));
        }
        if server >= BUSY {
            return (Verdict::ServerBound, self.usage());
        }
        let both = self.client_cpus + self.server_cpus;
        if let Some(shared) = self.shared_cpus.filter(|shared| both >= BUSY * shared) {
            let verdict = match self.client_cpus > self.server_cpus {
                true => Verdict::ClientBound,
                false => Verdict::ServerBound,
            };
            let why = format!(
                "{}, and they share {shared:.0}: each had what the other left, so give them CPUs \
                 of their own (--cpus)",
                self.usage()
            );
            return (verdict, why);
        }
        match self.schedule {
            Some(kept) if is_kept => (
                Verdict::Paced,
                format!("the server keeps up with the schedule; {}", self.behind(kept)),
            ),
            Some(kept) if !kept.overloaded => (
                Verdict::ClientBound,
                format!(
                    "connections were free, but requests were sent late; {}",
                    self.behind(kept)
                ),
            ),
            _ => (Verdict::Waiting, self.waiting()),
        }
    }

    /// How much of what they may use both sides used.
    fn usage(&self) -> String {
        let server = match self.server_cpus_max {
            Some(most) => format!("{:.2} of {most:.0}", self.server_cpus),
            None => format!("{:.2}", self.server_cpus),
        };
        format!(
            "the server used {server} CPUs, the load {:.2} of {:.0}",
            self.client_cpus, self.client_cpus_max
        )
    }

    fn behind(&self, kept: Kept) -> String {
        format!(
            "{:.1} % of the requests due were sent, at most {:.1} ms late; {}",
            kept.achieved * 100.0,
            kept.lag * 1e3,
            self.usage()
        )
    }

    /// By Little's law, requests a second times their latency are the requests under way.
    fn waiting(&self) -> String {
        let under_way = self.rate * self.latency;
        let connections = f64::from(self.connections);
        let usage = self.usage();
        if self.thinks {
            return format!(
                "{usage}; {under_way:.1} of {connections:.0} connections had a request under way \
                 on average, the others think"
            );
        }
        // A server's thread that is always busy shows as one CPU, however many there are.
        let one_thread = (BUSY..=1.05).contains(&self.server_cpus)
            && self.server_cpus_max.is_some_and(|most| most > 1.0);
        let cause = match one_thread {
            true => "one busy thread of the server may be the limit",
            false => "they wait in the server: for locks, I/O, timers, or CPUs that others use",
        };
        format!(
            "{usage}; {under_way:.1} requests were under way on average ({connections:.0} \
             connections), and {cause}"
        )
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// 64 connections that are answered after a millisecond each.
    fn busy(client_cpus: f64, server_cpus: f64) -> Evidence {
        Evidence {
            client_cpus,
            client_cpus_max: 1.0,
            server_cpus,
            server_cpus_max: Some(3.0),
            shared_cpus: None,
            rate: 64_000.0,
            latency: 0.001,
            connections: 64,
            thinks: false,
            schedule: None,
            error_ratio: 0.0,
        }
    }

    fn open(achieved: f64, overloaded: bool) -> Evidence {
        let schedule = Some(Kept { achieved, lag: 0.0123, overloaded });
        Evidence { schedule, ..busy(0.3, 0.8) }
    }

    #[test]
    fn cpus_that_both_use_are_no_wait_for_locks() {
        let shared = |client_cpus, server_cpus| Evidence {
            server_cpus_max: Some(1.0),
            shared_cpus: Some(1.0),
            ..busy(client_cpus, server_cpus)
        };
        check(
            shared(0.39, 0.58),
            expect![[
                r#"server-bound: the server used 0.58 of 1 CPUs, the load 0.39 of 1, and they share 1: each had what the other left, so give them CPUs of their own (--cpus)"#
            ]],
        );
        assert_eq!(shared(0.6, 0.35).verdict().map(|it| it.verdict), Some(Verdict::ClientBound));
        assert_eq!(shared(0.3, 0.3).verdict().map(|it| it.verdict), Some(Verdict::Waiting));
    }

    #[track_caller]
    fn check(evidence: Evidence, expected: Expect) {
        let text = match evidence.verdict() {
            Some(found) => format!("{}: {}", found.verdict.as_str(), found.why),
            None => "none".to_owned(),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn the_busier_side_is_the_limit() {
        check(
            busy(0.97, 1.2),
            expect![
                "client-bound: the server used 1.20 of 3 CPUs, the load 0.97 of 1; give the load more CPUs"
            ],
        );
        check(
            busy(0.5, 2.9),
            expect!["server-bound: the server used 2.90 of 3 CPUs, the load 0.50 of 1"],
        );
        check(
            busy(0.91, 2.99),
            expect!["server-bound: the server used 2.99 of 3 CPUs, the load 0.91 of 1"],
        );
        let one = Evidence { server_cpus_max: Some(1.0), ..busy(0.92, 0.94) };
        check(one, expect!["server-bound: the server used 0.94 of 1 CPUs, the load 0.92 of 1"]);
    }

    #[test]
    fn where_neither_is_busy_requests_wait() {
        check(
            busy(0.2, 0.3),
            expect![
                "waiting: the server used 0.30 of 3 CPUs, the load 0.20 of 1; 64.0 requests were under way on average (64 connections), and they wait in the server: for locks, I/O, timers, or CPUs that others use"
            ],
        );
        check(
            busy(0.2, 0.98),
            expect![
                "waiting: the server used 0.98 of 3 CPUs, the load 0.20 of 1; 64.0 requests were under way on average (64 connections), and one busy thread of the server may be the limit"
            ],
        );
        check(
            Evidence { thinks: true, rate: 3_200.0, ..busy(0.1, 0.1) },
            expect![
                "waiting: the server used 0.10 of 3 CPUs, the load 0.10 of 1; 3.2 of 64 connections had a request under way on average, the others think"
            ],
        );
        check(
            Evidence { server_cpus_max: None, error_ratio: 0.25, ..busy(0.2, 4.0) },
            expect![
                "waiting: the server used 4.00 CPUs, the load 0.20 of 1; 64.0 requests were under way on average (64 connections), and they wait in the server: for locks, I/O, timers, or CPUs that others use; 25.0 % of all attempts failed, which may explain it"
            ],
        );
    }

    #[test]
    fn an_open_loop_is_paced_while_its_schedule_is_kept() {
        check(
            open(0.999, false),
            expect![
                "paced: the server keeps up with the schedule; 99.9 % of the requests due were sent, at most 12.3 ms late; the server used 0.80 of 3 CPUs, the load 0.30 of 1"
            ],
        );
        check(
            open(0.5, false),
            expect![
                "client-bound: connections were free, but requests were sent late; 50.0 % of the requests due were sent, at most 12.3 ms late; the server used 0.80 of 3 CPUs, the load 0.30 of 1"
            ],
        );
        check(
            open(0.5, true),
            expect![
                "waiting: the server used 0.80 of 3 CPUs, the load 0.30 of 1; 64.0 requests were under way on average (64 connections), and they wait in the server: for locks, I/O, timers, or CPUs that others use"
            ],
        );
        check(
            Evidence { server_cpus: 2.95, ..open(0.5, true) },
            expect!["server-bound: the server used 2.95 of 3 CPUs, the load 0.30 of 1"],
        );
    }

    #[test]
    fn without_responses_nothing_is_said() {
        check(Evidence { rate: 0.0, ..busy(1.0, 1.0) }, expect!["none"]);
        check(Evidence { latency: f64::NAN, ..busy(1.0, 1.0) }, expect!["none"]);
    }
}
