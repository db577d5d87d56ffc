//! Loads of every kind through the real command: levels, schedules, counts, stages, limits, tools.

use std::{fs, process::Command};

use serde_json::Value;

use super::{
    case::{Case, Outcome, run},
    system::{alone, can_sample},
};
use crate::skip::skip;

/// A healthy server and a script with this table `[load]` and whatever follows it.
fn case(load: &str, rest: &str) -> Case {
    let case = Case::faulty("none", u64::MAX);
    let script = format!(
        r#"
schema = 1
name = "short"
[load]
warmup = "300ms"
timeout = "30s"
{load}
[[request]]
name = "short"
path = "/"
{rest}
"#
    );
    fs::write(case.path("short.toml"), script).expect("a file");
    case
}

/// The records that were printed.
#[track_caller]
fn records(outcome: &Outcome) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("a line is a record");
    outcome.stdout.lines().map(parse).collect()
}

/// The only record that was printed, of a run that went to its end.
#[track_caller]
fn record(case: &Case, arguments: &[&str]) -> Value {
    let outcome = run(case.profile().args(arguments).arg("--json"));
    case.assert_clean();
    let mut all = records(&outcome);
    assert_eq!(all.len(), 1, "{outcome:#?}");
    let record = all.remove(0);
    assert_eq!(record["status"], "complete", "{outcome:#?}");
    record
}

fn list<'a>(record: &'a Value, name: &str) -> &'a [Value] {
    record[name].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn each_level_of_a_sweep_is_a_run() {
    if can_sample() {
        let _alone = alone();
        let case = case("duration = \"1s\"\nconnections = [3, 5]\ncooldown = \"100ms\"", "");
        let outcome = run(case.profile().arg("--json"));
        outcome.expect(0, &["level 1 of 2: 3 connections", "level 2 of 2: 5 connections"]);
        let connections = |record: &Value| record["load"]["connections"].as_u64();
        let levels: Vec<_> = records(&outcome).iter().map(connections).collect();
        assert_eq!(levels, [Some(3), Some(5)]);
        assert_eq!(case.runs().len(), 2);

        let outcome = run(case.profile().args(["--connections", "2,4"]));
        outcome.expect(0, &[]);
        let table: Vec<&str> =
            outcome.stdout.lines().skip_while(|line| !line.starts_with("level")).collect();
        let [title, two, four] = table.as_slice() else { panic!("no table: {outcome:#?}") };
        assert!(title.contains("requests/s") && title.contains("µs CPU/req"), "{title}");
        assert!(two.starts_with("2 connections") && two.ends_with("cpu.svg"), "{two}");
        assert!(four.starts_with("4 connections"), "{four}");
        case.assert_clean();
    }
}

#[test]
fn an_open_loop_tells_response_from_service() {
    if can_sample() {
        let _alone = alone();
        let case = case("duration = \"1s\"\nconnections = 4", "");
        let load = record(&case, &["--rate", "80"])["load"].clone();
        assert_eq!((&load["mode"], &load["latency_kind"]), (&"open".into(), &"response".into()));
        assert_eq!(load["rate_target"], 80.0);
        for name in ["rate_achieved", "achieved_ratio", "schedule_lag_max_us"] {
            assert!(load[name].as_f64().is_some_and(|figure| figure > 0.0), "{name}: {load}");
        }
        let (response, service) = (&load["latency_us"]["mean"], &load["service_us"]["mean"]);
        assert!(response.as_f64() >= service.as_f64() && service.as_f64() > Some(0.0), "{load}");
    }
}

#[test]
fn a_number_of_requests_is_what_each_slice_has() {
    if can_sample() {
        let _alone = alone();
        let case = case("requests = 120\nconnections = 7", "");
        let record = record(&case, &[]);
        let requests: Vec<_> =
            list(&record, "slices").iter().map(|slice| slice["requests"].as_u64()).collect();
        assert_eq!(requests, [Some(120); 4]);
        assert_eq!(record["load"]["requests"], 240, "{}", record["load"]);
    }
}

#[test]
fn stages_have_rows_and_slices_of_their_own() {
    if can_sample() {
        let _alone = alone();
        let stages = "[[stage]]\nduration = \"400ms\"\nconnections = 4\nrecord = false\n\
                      [[stage]]\nduration = \"1s\"\nconnections = 4";
        let case = case(stages, "");
        let record = record(&case, &[]);
        let rows = list(&record["load"], "stages");
        let facts = |row: &Value| (row["level_to"].as_f64(), row["record"].as_bool());
        let rows: Vec<_> = rows.iter().map(facts).collect();
        assert_eq!(rows, [(Some(4.0), Some(false)), (Some(4.0), Some(true))]);
        let stages: Vec<_> =
            list(&record, "slices").iter().map(|slice| slice["stage"].as_u64()).collect();
        assert_eq!(stages, [[Some(0); 4], [Some(1); 4]].concat());
        let unsampled = |slice: &&Value| slice["sampled"] == false && slice["stage"] == 1;
        let counted = list(&record, "slices").iter().filter(unsampled);
        let requests: u64 = counted.filter_map(|slice| slice["requests"].as_u64()).sum();
        assert_eq!(record["load"]["requests"], requests);
    }
}

#[test]
fn a_broken_threshold_ends_with_1_and_a_record() {
    if can_sample() {
        let _alone = alone();
        let limits = "[[threshold]]\nmetric = \"errors.rate\"\nmax = 0.5\n\
                      [[threshold]]\nmetric = \"rps\"\nmin = 1000000000";
        let case = case("duration = \"1s\"\nconnections = 4", limits);
        let outcome = run(case.profile().arg("--json"));
        outcome.expect(1, &["does not keep its thresholds: rps"]);
        let (_, record) = case.kept();
        let passed: Vec<_> =
            list(&record, "thresholds").iter().map(|limit| limit["passed"].as_bool()).collect();
        assert_eq!(passed, [Some(true), Some(false)]);
        assert_eq!(record["status"], "complete");
    }
}

#[test]
fn a_threshold_may_end_the_measurement() {
    if can_sample() {
        let _alone = alone();
        let limits = "[[threshold]]\nmetric = \"rps\"\nmin = 1000000000\nabort_after = \"500ms\"";
        let case = case("duration = \"60s\"\nconnections = 4", limits);
        let outcome = run(case.profile().arg("--json"));
        outcome.expect(1, &["does not keep its thresholds: rps"]);
        let (_, record) = case.kept();
        assert_eq!(record["status"], "failed");
        assert!(record["reason"].as_str().is_some_and(|why| why.contains("a threshold ended it")));
        assert!(list(&record, "slices").len() < 240 && record["thresholds"][0]["aborted"] == true);
    }
}

#[test]
fn an_installed_tool_can_drive_the_load() {
    if Command::new("wrk").arg("-v").output().is_err() {
        return skip("wrk is not installed");
    }
    if can_sample() {
        let _alone = alone();
        let case = case("duration = \"1s\"\nconnections = 4", "");
        let record = record(&case, &["--engine", "wrk"]);
        let load = &record["load"];
        assert_eq!(load["engine"], "wrk");
        let command = load["engine_command"].as_str().expect("a command");
        assert!(command.contains("wrk") && command.contains("127.0.0.1"), "{command}");
        assert!(load["requests"].as_u64() > Some(0) && load["valid"] == true, "{load}");
        assert!(record["server"]["cpu_us_per_request"].as_f64() > Some(0.0), "{record}");
        assert_eq!(load["origins"]["requests"], "reported");
        assert_eq!(load["origins"]["server.cpu_us_per_request"], "measured");
        assert_eq!(load["origins"]["schedule_lag_max_us"], "absent");
        assert_eq!(record["profile"]["observer_effect"], Value::Null);
        let (directory, _) = case.kept();
        let output = record["artifacts"]["engine_stdout"].as_str().expect("it is kept");
        let text = fs::read_to_string(directory.join(output)).expect("a text");
        assert!(text.contains("requests in"), "{text}");
    }
}

#[test]
fn what_a_tool_cannot_do_is_said_before_anything_is_started() {
    if Command::new("wrk").arg("-v").output().is_err() {
        return skip("wrk is not installed");
    }
    if can_sample() {
        let case = case("requests = 100\nconnections = 4", "");
        run(case.profile().args(["--engine", "wrk"])).expect(2, &["wrk cannot express"]);
        assert!(case.runs().is_empty());
        case.assert_clean();
    }
}
