//! Our side against one tool at one load level: blocks of balanced slices.

use std::{fmt, iter};

use flameload::measure::Estimate;
use serde_json::{Value, json};

use super::{
    comparison::of,
    slice::{Slice, Sum},
};
use crate::table::Table;

/// One of the two sides of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Ours,
    Theirs,
}

/// The turns of a block: each side is first once and last once, so that a steady drift of the
/// machine's speed favours neither. Blocks begin in turn with either.
pub(super) fn turns(block: usize) -> [Turn; 4] {
    match block.is_multiple_of(2) {
        true => [Turn::Ours, Turn::Theirs, Turn::Theirs, Turn::Ours],
        false => [Turn::Theirs, Turn::Ours, Turn::Ours, Turn::Theirs],
    }
}

/// The slices of both sides in one block.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    pub(super) ours: Vec<Slice>,
    pub(super) theirs: Vec<Slice>,
}

impl Block {
    pub(super) fn push(&mut self, turn: Turn, slice: Slice) {
        match turn {
            Turn::Ours => self.ours.push(slice),
            Turn::Theirs => self.theirs.push(slice),
        }
    }
}

/// What the blocks of a pair come to.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    connections: u32,
    /// The tool's name.
    tool: String,
    /// Its version, where it says one.
    version: Option<String>,
    /// Every slice of ours, then of theirs.
    pub(super) ours: Vec<Slice>,
    theirs: Vec<Slice>,
    ratios: Ratios,
}

/// Ours over theirs: geometric means over blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ratios {
    /// Client CPU time for each request.
    client_us: Option<Estimate>,
    /// Requests for each second of client CPU time.
    per_client_second: Option<Estimate>,
    requests_per_second: Option<Estimate>,
    /// Server CPU time for each request.
    server_us: Option<Estimate>,
}

/// Above this share of failed requests, a side has done something else than the other.
const ERRORS_MAX: f64 = 0.001;

impl Pair {
    pub(super) fn new(
        connections: u32,
        tool: &str,
        version: Option<&str>,
        blocks: &[Block],
    ) -> Self {
        let all = |of: fn(&Block) -> &[Slice]| blocks.iter().flat_map(of).cloned().collect();
        Self {
            connections,
            tool: tool.to_owned(),
            version: version.map(str::to_owned),
            ours: all(|block| &block.ours),
            theirs: all(|block| &block.theirs),
            ratios: Ratios::of(blocks),
        }
    }

    /// The sides with their names, ours first.
    fn sides(&self) -> [(&str, Sum<'_>); 2] {
        [("ours", Sum(&self.ours)), (&self.tool, Sum(&self.theirs))]
    }

    pub(super) fn json(&self) -> Value {
        let ratios = &self.ratios;
        json!({
            "connections": self.connections,
            "tool": self.tool,
            "version": self.version,
            "ours": side_json(Sum(&self.ours)),
            "theirs": side_json(Sum(&self.theirs)),
            "ours_over_theirs": {
                "client_cpu_per_request": estimate_json(ratios.client_us),
                "requests_per_client_cpu_second": estimate_json(ratios.per_client_second),
                "requests_per_second": estimate_json(ratios.requests_per_second),
                "server_cpu_per_request": estimate_json(ratios.server_us),
            },
        })
    }
}

impl Ratios {
    fn of(blocks: &[Block]) -> Self {
        Self {
            client_us: ratio(blocks, |side| side.client_us()),
            per_client_second: ratio(blocks, |side| side.per_client_second()),
            requests_per_second: ratio(blocks, |side| side.requests_per_second()),
            server_us: ratio(blocks, |side| side.server_us()),
        }
    }
}

fn ratio(blocks: &[Block], figure: impl Fn(Sum<'_>) -> f64) -> Option<Estimate> {
    let ratios = blocks.iter().map(|block| figure(Sum(&block.ours)) / figure(Sum(&block.theirs)));
    Estimate::geometric(ratios)
}

fn side_json(side: Sum<'_>) -> Value {
    json!({
        "slices": side.0.len(),
        "requests": side.requests(),
        "errors": side.errors(),
        "requests_per_second": side.requests_per_second(),
        "client_cpu_us_per_request": side.client_us(),
        "requests_per_client_cpu_second": side.per_client_second(),
        "server_cpu_us_per_request": side.server_us(),
        "p50_ms": side.median_ms(|slice| slice.service.p50),
        "p99_ms": side.median_ms(|slice| slice.service.p99),
    })
}

pub(super) fn estimate_json(estimate: Option<Estimate>) -> Value {
    json!(estimate.map(|of| json!({ "ratio": of.value, "ci95": of.ci95 })))
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, tool, version, .. } = self;
        let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        writeln!(f, "  {}, against {tool}{version}", of(*connections))?;
        write!(f, "{}", self.table())?;
        for (name, side) in self.sides() {
            let errors = side.errors().unwrap_or(0) as f64;
            if errors > ERRORS_MAX * side.requests() {
                let first = side.0.iter().find_map(|slice| slice.first_error.as_deref());
                let first = first.map(|error| format!(" (first, {error})")).unwrap_or_default();
                writeln!(f, "  NOT COMPARABLE: {name} had {errors} errors{first}")?;
            }
        }
        writeln!(f, "  ours over {tool}, with the 95 % interval")?;
        let Ratios { client_us, per_client_second, requests_per_second, server_us } = self.ratios;
        for (what, ratio) in [
            ("client CPU time per request", client_us),
            ("requests per second of client CPU time", per_client_second),
            ("requests/s", requests_per_second),
            ("server CPU time per request", server_us),
        ] {
            writeln!(f, "  {}  {what}", times(ratio))?;
        }
        Ok(())
    }
}

impl Pair {
    fn table(&self) -> Table<8> {
        let mut table = Table::new([
            "side",
            "client µs/req",
            "req/s",
            "req/s per CPU",
            "server µs/req",
            "p50 ms",
            "p99 ms",
            "errors",
        ]);
        for (name, side) in self.sides() {
            table.push([
                name.to_owned(),
                format!("{:.2}", side.client_us()),
                format!("{:.0}", side.requests_per_second()),
                format!("{:.0}", side.per_client_second()),
                format!("{:.2}", side.server_us()),
                ms(side.median_ms(|slice| slice.service.p50)),
                ms(side.median_ms(|slice| slice.service.p99)),
                side.errors().map_or("-".to_owned(), |errors| errors.to_string()),
            ]);
        }
        table
    }
}

/// A latency, or that there is none.
pub(super) fn ms(ms: Option<f64>) -> String {
    ms.map_or("-".to_owned(), |ms| format!("{ms:.3}"))
}

fn times(estimate: Option<Estimate>) -> String {
    let text = match estimate {
        Some(Estimate { value, ci95: Some([low, high]) }) => {
            format!("{value:.3} ({low:.3} to {high:.3})")
        }
        Some(Estimate { value, ci95: None }) => format!("{value:.3} (one block: no interval)"),
        None => "-".to_owned(),
    };
    let padding: String = iter::repeat_n(' ', 24_usize.saturating_sub(text.len())).collect();
    text + &padding
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::slice::tests::slice, *};

    #[test]
    fn each_side_has_the_same_turns() {
        for block in 0..4 {
            let ours = turns(block).into_iter().enumerate().filter(|(_, turn)| *turn == Turn::Ours);
            // The middle of each side's turns is the middle of the block.
            assert_eq!(ours.map(|(place, _)| place).sum::<usize>(), 3);
        }
    }

    fn pair() -> Pair {
        let block = |ours: u64| Block {
            ours: vec![slice(100_000, ours, 900), slice(100_000, ours, 900)],
            theirs: vec![slice(90_000, 810, 810), slice(90_000, 810, 810)],
        };
        Pair::new(64, "wrk", Some("4.1.0"), &[block(790), block(810)])
    }

    #[test]
    fn both_sides_are_told_with_their_ratios() {
        expect![[r#"
            output:
              64 connections, against wrk 4.1.0
              side  client µs/req   req/s  req/s per CPU  server µs/req  p50 ms  p99 ms  errors
              ours           8.00  100000         125000           9.00  10.000  40.000       0
               wrk           9.00   90000         111111           9.00   9.000  36.000       0
              ours over wrk, with the 95 % interval
              0.889 (0.758 to 1.042)    client CPU time per request
              1.125 (0.960 to 1.319)    requests per second of client CPU time
              1.111 (1.111 to 1.111)    requests/s
              1.000 (1.000 to 1.000)    server CPU time per request
        "#]]
        .assert_eq(&format!("output:\n{}", pair()));
        let json = pair().json();
        assert_eq!((&json["tool"], &json["connections"]), (&json!("wrk"), &json!(64)));
        assert_eq!(json["ours"]["client_cpu_us_per_request"], json!(8.0));
        let ratio = &json["ours_over_theirs"]["client_cpu_per_request"]["ratio"];
        assert!(ratio.as_f64().is_some_and(|ratio| (ratio - 0.889).abs() < 0.001), "{ratio}");
    }

    #[test]
    fn a_side_with_errors_is_not_comparable() {
        let mut pair = pair();
        pair.theirs[0].errors = Some(90_000);
        pair.theirs[0].first_error = Some("connect: refused".to_owned());
        let told = pair.to_string();
        assert!(told.contains("NOT COMPARABLE: wrk had 90000 errors (first, connect: refused)"));
    }

    #[test]
    fn without_requests_there_is_no_ratio() {
        let block = Block { ours: vec![slice(0, 1, 1)], theirs: vec![slice(1, 1, 1)] };
        let told = Pair::new(1, "wrk", Some("4.1.0"), &[block]).to_string();
        assert!(told.contains("  -                         client CPU time"), "{told}");
    }
}
