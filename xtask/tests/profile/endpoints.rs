//! A script of several requests, each with slices of its own, on a server whose costs are known.

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    case::{Case, run, tool},
    picture::Picture,
    system::{alone, can_sample, known_endpoints},
};
use crate::measured::{Measured, holds, repeated};

/// Each endpoint with its weight and the CPU time that it takes beside what all take, µs.
const ENDPOINTS: [(&str, u32, f64); 3] =
    [("light", 6, 40.0), ("medium", 3, 120.0), ("heavy", 1, 400.0)];

/// The server with a script of its endpoints, whose load is this.
fn endpoints(load: &str) -> Option<Case> {
    let case = Case::working(known_endpoints()?, &["{port}"]);
    let requests = ENDPOINTS.map(|(name, weight, _)| {
        format!("[[request]]\nname = \"{name}\"\nweight = {weight}\npath = \"/{name}\"\n")
    });
    let script = format!(
        "schema = 1\nname = \"endpoints\"\n[load]\nwarmup = \"500ms\"\ntimeout = \"30s\"\n{load}\n{}",
        requests.concat()
    );
    fs::write(case.path("short.toml"), script).expect("a file");
    Some(case)
}

fn figure(facts: &Value, name: &str) -> f64 {
    facts[name].as_f64().unwrap_or_else(|| panic!("no {name} in {facts}"))
}

/// The half of an interval.
fn reach(facts: &Value, name: &str) -> f64 {
    let end = |index: usize| facts[name][index].as_f64();
    let (Some(low), Some(high)) = (end(0), end(1)) else { panic!("no {name} in {facts}") };
    (high - low) / 2.0
}

/// What receiving and answering takes is the same for all, and not known: costs differ by what is.
fn check_costs(record: &Value) -> Measured {
    let facts = record["alone"].as_array().expect("a list");
    let light = &facts[0];
    // A machine that stood still leaves slices out.
    let has_all = facts.iter().all(|facts| facts["cpu_ci95"].is_array());
    holds(has_all && record["mix"]["difference_ci95"].is_array(), format_args!("{record}"))?;
    for (facts, (name, weight, cost)) in facts.iter().zip(ENDPOINTS) {
        assert_eq!((&facts["name"], &facts["weight"]), (&name.into(), &weight.into()));
        let more = figure(facts, "cpu_us_per_request") - figure(light, "cpu_us_per_request");
        let expected = cost - ENDPOINTS[0].2;
        let doubt = reach(facts, "cpu_ci95") + reach(light, "cpu_ci95") + 0.05 * expected + 3.0;
        let shown = format!("{name}: {more} µs more than light, not {expected} +- {doubt}");
        holds((more - expected).abs() <= doubt, shown)?;
        let share = figure(facts, "share") - f64::from(weight) / 10.0;
        holds(share.abs() < 0.03, format_args!("{facts}"))?;
    }
    let mix = &record["mix"];
    let together = figure(mix, "cpu_us_per_request");
    let headline = figure(&record["server"], "cpu_us_per_request");
    // The headline of a run that is not valid is of other slices.
    holds(record["load"]["valid"] == true, format_args!("{record}"))?;
    assert!((together - headline).abs() < 1e-9 * headline, "{together} is not {headline}");
    let difference = figure(mix, "difference_us");
    let sum: f64 =
        facts.iter().map(|it| figure(it, "share") * figure(it, "cpu_us_per_request")).sum();
    assert!((figure(mix, "sum_us_per_request") - sum).abs() < 1e-6 * sum, "{mix} is not {sum}");
    assert!((together - sum - difference).abs() < 1e-6 * sum, "{mix} does not add up");
    let doubt = reach(mix, "difference_ci95") + 0.1 * together;
    holds(difference.abs() <= doubt, format_args!("nothing is mixed here: {mix}"))
}

/// The weight of the stacks through a function.
fn weight(folded: &str, function: &str) -> u64 {
    let stacks = folded.lines().filter_map(|line| line.rsplit_once(' '));
    let through = stacks.filter(|(stack, _)| stack.split(';').any(|frame| frame == function));
    through.map(|(_, weight)| weight.parse::<u64>().expect("a number")).sum()
}

/// Each request's picture has its own samples and nobody else's; the run's own has those of all.
fn check_pictures(directory: &Path, record: &Value) -> Measured {
    let read = |file: &str| fs::read_to_string(directory.join(file)).expect("it is there");
    let functions = ENDPOINTS.map(|(name, ..)| format!("work_{name}"));
    let own = record["alone"].as_array().expect("a list");
    for (facts, function) in own.iter().zip(&functions) {
        let folded = read(facts["files"]["folded"].as_str().expect("a file"));
        for other in functions.iter().filter(|other| *other != function) {
            assert_eq!(weight(&folded, other), 0, "{other} in what has {function}");
        }
        holds(weight(&folded, function) > 50, format_args!("{function}: {folded}"))?;
        holds(facts["hottest"][0]["name"] == **function, format_args!("{facts}"))?;
        let weights = folded.lines().filter_map(|line| line.rsplit_once(' '));
        let all: u64 = weights.map(|(_, weight)| weight.parse::<u64>().expect("a number")).sum();
        assert_eq!(Value::from(all), facts["samples"]);
        let svg = Picture::read(&read(facts["files"]["svg"].as_str().expect("a file")));
        let name = facts["name"].as_str().expect("a name");
        assert_eq!(svg.titles[0], format!("working · endpoints · request {name} alone"));
        assert_eq!(svg.metadata()["request"], name);
        assert_eq!(svg.metadata()["cpu_us_per_request"], facts["cpu_us_per_request"]);
    }
    let mix = read("cpu.folded");
    let seen = functions.iter().all(|function| weight(&mix, function) > 0);
    holds(seen, format_args!("{mix}"))?;
    let alone: f64 = own.iter().map(|facts| figure(facts, "samples")).sum();
    let all = figure(&record["profile"], "samples");
    assert_eq!(alone + figure(&record["mix"], "samples"), all, "each sample is of one of them");
    Ok(())
}

#[test]
fn each_request_alone_has_its_own_cost_and_picture() {
    if !can_sample() {
        return;
    }
    repeated(|| {
        let load = "connections = 4\nduration = \"8s\"\nby_request = true";
        let Some(case) = endpoints(load) else { return Ok(()) };
        let _alone = alone();
        let outcome = run(&mut case.profile());
        holds(outcome.code == Some(0), format_args!("{outcome:#?}"))?;
        for text in ["request alone", "  work_heavy\n", "  mix  ", "request-medium.svg"] {
            assert!(outcome.stdout.contains(text), "no '{text}' in {}", outcome.stdout);
        }
        let (directory, record) = case.kept();
        check_costs(&record)?;
        check_pictures(&directory, &record)?;
        let files = ["cpu.svg", "request-light.svg", "request-heavy.folded"];
        let bytes = || files.map(|file| fs::read(directory.join(file)).expect("it is there"));
        let before = bytes();
        let rendered = run(tool().arg("render").arg(&directory));
        assert_eq!(rendered.code, Some(0), "{rendered:?}");
        assert!(bytes() == before, "rendered again, byte for byte");
        case.assert_clean();
        Ok(())
    });
}

#[test]
fn a_schedule_keeps_its_rate_for_each_request() {
    if !can_sample() {
        return;
    }
    repeated(|| {
        let load = "mode = \"open\"\nrate = 300\nmax_in_flight = 32\nduration = \"8s\"";
        let Some(case) = endpoints(load) else { return Ok(()) };
        let _alone = alone();
        let outcome = run(case.profile().arg("--by-request"));
        holds(outcome.code == Some(0), format_args!("{outcome:#?}"))?;
        let (_, record) = case.kept();
        for facts in record["alone"].as_array().expect("a list") {
            let rate = figure(facts, "requests_per_second");
            holds((255.0..345.0).contains(&rate), format_args!("{facts}"))?;
            let strays = figure(facts, "strays") / figure(facts, "requests");
            holds(strays < 0.02, format_args!("{facts}"))?;
        }
        check_costs(&record)
    });
}

#[test]
fn what_cannot_be_told_apart_is_said() {
    let Some(case) = endpoints("connections = 4\nduration = \"1s\"\nby_request = true") else {
        return;
    };
    run(case.profile().args(["--engine", "wrk"])).expect(2, &["wrk knows no slices", "by_request"]);
    let stages =
        "connections = 4\nby_request = true\n[[stage]]\nduration = \"1s\"\nconnections = 4";
    let Some(case) = endpoints(stages) else { return };
    run(&mut case.profile()).expect(2, &["stage 1", "by_request", "make the stage longer"]);
    let only = "schema = 1\nname = \"only\"\n[load]\nconnections = 1\nduration = \"1s\"\n\
                warmup = \"0s\"\nby_request = true\n[[request]]\nname = \"light\"\npath = \"/light\"\n";
    fs::write(case.path("short.toml"), only).expect("a file");
    if !can_sample() {
        return;
    }
    let _alone = alone();
    run(&mut case.profile()).expect(0, &["has only one request, so by_request changes nothing"]);
    let (_, record) = case.kept();
    assert_eq!((&record["alone"], &record["mix"]), (&serde_json::json!([]), &Value::Null));
}
