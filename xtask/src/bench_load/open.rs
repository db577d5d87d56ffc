//! Open loops: how well a schedule is kept, and what its requests wait for.

use std::{fmt, str::FromStr};

use flameload::load::{Arrival, OnOverload, Pace, Script};
use serde_json::{Value, json};

use super::{
    comparison::of,
    pair::{Turn, ms, turns},
    side::{Bench, Side},
    slice::{Quantiles, Slice, Sum},
    tool::Tool,
};
use crate::{out, table::Table};

/// Slices of an open loop are so many times as long as others: its rarest latencies matter.
pub(super) const LONGER: u32 = 5;

/// A rate that is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rate {
    /// Requests a second.
    Absolute(f64),
    /// A share of what our side has just reached in a closed loop.
    Share(f64),
}

/// Open loops at one rate.
#[derive(Debug)]
pub(super) struct OpenLoops {
    pub(super) connections: u32,
    pub(super) rate: f64,
    /// Which share of the capacity that is, where it was asked for as one.
    pub(super) share: Option<f64>,
    pub(super) sides: Vec<Driven>,
}

/// The slices of one side.
#[derive(Debug)]
pub(super) struct Driven {
    pub(super) name: String,
    /// Requests a second that were wanted; none in a closed loop.
    pub(super) rate: Option<f64>,
    pub(super) slices: Vec<Slice>,
}

impl Rate {
    /// Requests a second, where so many are the capacity.
    fn of(self, capacity: f64) -> f64 {
        match self {
            Self::Absolute(rate) => rate,
            Self::Share(share) => (capacity * share).round().max(1.0),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.trim().parse::<f64>().ok().filter(|rate| *rate > 0.0);
        let rate = match text.trim().strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| Self::Share(percent / 100.0)),
            None => number(text).map(Self::Absolute),
        };
        let finite =
            |rate: &Self| matches!(rate, Self::Absolute(x) | Self::Share(x) if x.is_finite());
        rate.filter(finite).ok_or_else(|| {
            format!("'{text}' is no rate: write requests a second, or a share such as 50%")
        })
    }
}

/// `script` with a schedule of `rate` requests a second over its connections.
pub(super) fn paced(script: &Script, rate: f64) -> Script {
    let pace = Pace::Open {
        rate,
        arrival: Arrival::Constant,
        max_in_flight: script.pace.connections(),
        on_overload: OnOverload::Queue,
    };
    Script { pace, ..script.clone() }
}

/// Drives open loops at `rate` by our side and by those tools that can, in balanced turns.
pub(super) fn drive(
    bench: &mut Bench,
    level: &Script,
    tools: &[Tool],
    rate: Rate,
    capacity: f64,
    blocks: usize,
) -> anyhow::Result<OpenLoops> {
    let requested = rate.of(capacity);
    let script = paced(level, requested).with_duration(level.duration() * LONGER)?;
    let connections = level.pace.connections().get();
    let progress = |name: &str, block: usize| {
        out::tell(&format!(
            "{}, {requested:.0} requests/s, {name}: block {block} of {blocks}",
            of(connections)
        ));
    };
    let mut able = Vec::new();
    for tool in tools {
        match bench.refusal(tool, &script) {
            None => able.push(tool),
            Some(why) => out::tell(&format!("{} is left out: {why}", tool.name())),
        }
    }
    let driven =
        |name: &str| Driven { name: name.to_owned(), rate: Some(requested), slices: vec![] };
    let mut ours = driven("ours");
    let mut sides = Vec::new();
    for tool in &able {
        let mut theirs = driven(tool.name());
        for block in 0..blocks {
            progress(tool.name(), block + 1);
            for turn in turns(block) {
                match turn {
                    Turn::Ours => ours.slices.push(bench.slice(Side::Ours, &script)?),
                    Turn::Theirs => theirs.slices.push(bench.slice(Side::Theirs(tool), &script)?),
                }
            }
        }
        sides.push(theirs);
    }
    if able.is_empty() {
        for block in 0..blocks {
            progress("ours", block + 1);
            ours.slices.push(bench.slice(Side::Ours, &script)?);
        }
    }
    sides.insert(0, ours);
    let share = match rate {
        Rate::Share(share) => Some(share),
        Rate::Absolute(_) => None,
    };
    Ok(OpenLoops { connections, rate: requested, share, sides })
}

impl Driven {
    /// Which share of the wanted rate there was.
    fn achieved(&self) -> Option<f64> {
        Some(Sum(&self.slices).requests_per_second() / self.rate?)
    }

    pub(super) fn json(&self) -> Value {
        let side = Sum(&self.slices);
        let quantiles = |of: fn(&Slice) -> Quantiles| {
            json!({
                "p50": side.median_ms(|slice| of(slice).p50),
                "p99": side.median_ms(|slice| of(slice).p99),
                "p99_9": side.median_ms(|slice| of(slice).p99_9),
            })
        };
        json!({
            "side": self.name,
            "loop": if self.rate.is_some() { "open" } else { "closed" },
            "slices": self.slices.len(),
            "requests_per_second": side.requests_per_second(),
            "achieved_ratio": self.achieved(),
            "lag_max_ms": side.lag_max().map(|lag| lag.as_micros_f64() / 1e3),
            "response_ms": quantiles(|slice| slice.response),
            "service_ms": quantiles(|slice| slice.service),
            "client_cpu_us_per_request": side.client_us(),
            "errors": side.errors(),
        })
    }
}

/// A row for each side.
pub(super) fn table(sides: &[Driven]) -> Table<11> {
    let mut table = Table::new([
        "side",
        "loop",
        "req/s",
        "achieved",
        "max lag",
        "response p50",
        "p99",
        "p99.9",
        "service p50",
        "p99",
        "p99.9",
    ]);
    for driven in sides {
        let side = Sum(&driven.slices);
        let median = |of: fn(&Slice) -> Option<flameload::unit::Nanos>| ms(side.median_ms(of));
        table.push([
            driven.name.clone(),
            if driven.rate.is_some() { "open" } else { "closed" }.to_owned(),
            format!("{:.0}", side.requests_per_second()),
            driven.achieved().map_or("-".to_owned(), |ratio| format!("{:.2} %", ratio * 100.0)),
            ms(side.lag_max().map(|lag| lag.as_micros_f64() / 1e3)),
            median(|slice| slice.response.p50),
            median(|slice| slice.response.p99),
            median(|slice| slice.response.p99_9),
            median(|slice| slice.service.p50),
            median(|slice| slice.service.p99),
            median(|slice| slice.service.p99_9),
        ]);
    }
    table
}

impl OpenLoops {
    pub(super) fn json(&self) -> Value {
        json!({
            "connections": self.connections,
            "rate": self.rate,
            "share_of_capacity": self.share,
            "sides": self.sides.iter().map(Driven::json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for OpenLoops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, rate, share, sides } = self;
        let share = share.map_or(String::new(), |share| {
            format!(", {:.0} % of what ours reached in a closed loop", share * 100.0)
        });
        writeln!(f, "  {rate:.0} requests/s over {}{share}; milliseconds", of(*connections))?;
        write!(f, "{}", table(sides))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use flameload::unit::Nanos;

    use super::{super::slice::tests::slice, *};

    #[test]
    fn rates_are_numbers_or_shares() {
        let rate = |text: &str| text.parse::<Rate>();
        assert_eq!(rate("5000").map(|rate| rate.of(100.0)), Ok(5000.0));
        assert_eq!(rate("20%").map(|rate| rate.of(50_001.0)), Ok(10_000.0));
        for wrong in ["", "%", "0", "-1", "0%", "x", "inf", "NaN%", "50 percent"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_schedule_and_its_latencies_are_told() {
        let quantiles = Quantiles {
            p50: Some(Nanos(100_000)),
            p99: Some(Nanos(180_000_000)),
            p99_9: Some(Nanos(199_000_000)),
        };
        let ours = Slice { response: quantiles, lag_max: Some(Nanos(40_000)), ..slice(1000, 5, 5) };
        let sides = vec![
            Driven { name: "ours".to_owned(), rate: Some(1000.0), slices: vec![ours] },
            Driven { name: "wrk".to_owned(), rate: None, slices: vec![slice(30_000, 9, 9)] },
        ];
        let loops = OpenLoops { connections: 8, rate: 1000.0, share: Some(0.2), sides };
        expect![[r#"
            output:
              1000 requests/s over 8 connections, 20 % of what ours reached in a closed loop; milliseconds
              side    loop  req/s  achieved  max lag  response p50      p99    p99.9  service p50     p99  p99.9
              ours    open   1000  100.00 %    0.040         0.100  180.000  199.000        0.100   0.400      -
               wrk  closed  30000         -        -             -        -        -        3.000  12.000      -
        "#]].assert_eq(&format!("output:\n{loops}"));
        assert_eq!(loops.json()["sides"][0]["achieved_ratio"], json!(1.0));
        assert_eq!(loops.json()["sides"][1]["achieved_ratio"], json!(null));
    }
}
