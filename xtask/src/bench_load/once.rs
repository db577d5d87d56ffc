//! Our side of a slice: this program again as a process of its own, so that its CPU time is told
//! by the same account as a tool's.

use std::{net::SocketAddr, thread};

use anyhow::Context as _;
use flameload::{
    load::{Generator, Plan, Script, Tally},
    target::Cpus,
    unit::Nanos,
};
use serde_json::{Value, json};

use super::slice::{Quantiles, Slice};
use crate::out;

/// Drives `script` at `addr` once, on the CPUs that this process may use, and prints the tally.
pub(super) fn run(script: &Script, addr: SocketAddr) -> anyhow::Result<()> {
    let cpus = Cpus::available().context("cannot tell which CPUs are available")?;
    let plan = Plan::new(script, addr, cpus.as_slice())?;
    let mut generator = Generator::start(&plan)?;
    generator.begin_course();
    generator.resume();
    thread::sleep(script.duration());
    let tally = generator.pause();
    drop(generator);
    out::print(&format!("{}\n", report(&tally)))
}

fn report(tally: &Tally) -> Value {
    let response = tally.response.as_ref();
    json!({
        "requests": tally.requests,
        "errors": tally.errors.total(),
        "first_error": tally.errors.first().map(|(failure, _)| failure.to_string()),
        "elapsed_ns": tally.elapsed().0,
        "service_ns": quantiles(|quantile| Some(tally.latency.value_at_quantile(quantile))),
        "response_ns": quantiles(|quantile| Some(response?.value_at_quantile(quantile))),
        "lag_max_ns": response.map(|_| tally.schedule.lag_max.0),
    })
}

fn quantiles(at: impl Fn(f64) -> Option<u64>) -> Value {
    json!({ "p50": at(0.5), "p99": at(0.99), "p99_9": at(0.999) })
}

/// Reads what [`run`] has printed; the CPU times are for others to tell.
pub(super) fn parse(printed: &[u8]) -> anyhow::Result<Slice> {
    let report: Value =
        serde_json::from_slice(printed).context("our own side did not print its tally")?;
    let number = |place: &str| report.pointer(place).and_then(Value::as_u64);
    let nanos = |place: &str| number(place).map(Nanos);
    let need = |place: &str| number(place).with_context(|| format!("our tally has no {place}"));
    let quantiles = |of: &str| Quantiles {
        p50: nanos(&format!("/{of}/p50")),
        p99: nanos(&format!("/{of}/p99")),
        p99_9: nanos(&format!("/{of}/p99_9")),
    };
    Ok(Slice {
        requests: need("/requests")?,
        errors: Some(need("/errors")?),
        first_error: report["first_error"].as_str().map(str::to_owned),
        elapsed: Nanos(need("/elapsed_ns")?),
        client_cpu: Nanos(0),
        server_cpu: Nanos(0),
        service: quantiles("service_ns"),
        response: quantiles("response_ns"),
        lag_max: nanos("/lag_max_ns"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_comes_through_as_it_is() {
        let mut tally = Tally::new(Nanos(5));
        tally.ended = Nanos(1_000_000_005);
        tally.requests = 3;
        tally.latency.saturating_record(2_000_000);
        let slice = parse(report(&tally).to_string().as_bytes()).expect("it is a tally");
        assert_eq!((slice.requests, slice.errors), (3, Some(0)));
        assert_eq!((slice.elapsed, slice.lag_max), (Nanos(1_000_000_000), None));
        let p50 = slice.service.p50.expect("it has one").0;
        assert!((1_990_000..=2_010_000).contains(&p50), "{p50}");
        assert_eq!(slice.response, Quantiles::default());
        tally.response = Some(tally.latency.clone());
        tally.schedule.lag_max = Nanos(7);
        let slice = parse(report(&tally).to_string().as_bytes()).expect("it is a tally");
        assert_eq!((slice.response, slice.lag_max), (slice.service, Some(Nanos(7))));
    }

    #[test]
    fn anything_else_is_no_tally() {
        for wrong in ["", "{}", "[1]", "{\"requests\": 1}", "wrk"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
