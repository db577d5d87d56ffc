//! Each tool counts what the server counts, and says what it does.

use std::{num::NonZeroU32, time::Duration};

use flameload::load::{
    Arrival, EngineKind, Expect, Extent, LatencyKind, Metric, OnOverload, Origin, Pace, Pick,
    Secret, Stage, Stat, Think, Threshold, Values, Var,
};

use super::{
    server::Server,
    tool::{assert_counts, find, of_requests, run, script},
};

const CLOSED: [EngineKind; 5] =
    [EngineKind::Wrk, EngineKind::K6, EngineKind::Hey, EngineKind::Oha, EngineKind::Bombardier];
const COUNTED: [EngineKind; 4] =
    [EngineKind::K6, EngineKind::Hey, EngineKind::Oha, EngineKind::Bombardier];

#[track_caller]
fn counts_what_the_server_counts(kind: EngineKind) {
    let Some(external) = find(kind) else { return };
    let server = Server::start();
    let reported = run(&external, &script("/"), server.addr, "plain").expect("it runs");
    assert_counts(reported.requests, server.count(), 8);
    let seconds = reported.duration.expect("it says how long").as_secs_f64();
    assert!((0.9..60.0).contains(&seconds), "{seconds}");
    let rate = reported.requests_per_second.expect("both are known");
    assert!((rate * seconds - reported.requests as f64).abs() < 1.0, "{rate}");
    assert_eq!((reported.engine, reported.errors.total()), (kind, 0), "{:?}", reported.errors);
    assert_eq!(reported.latency.kind, LatencyKind::Service);
    let latency = reported.latency;
    assert!(latency.max >= latency.p99 && latency.p99 >= latency.p50, "{latency:?}");
    assert!(latency.max.is_some() && latency.mean.is_some(), "{latency:?}");
    if let Some(histogram) = &reported.histogram {
        assert_eq!(histogram.len(), reported.requests);
    }
    let origin = reported.origins()["latency_us.p99_9"];
    let is_absent = matches!(kind, EngineKind::Hey | EngineKind::Bombardier);
    assert_eq!(origin == Origin::Absent, is_absent);
}

#[test]
fn wrk_counts_what_the_server_counts() {
    counts_what_the_server_counts(EngineKind::Wrk);
}

#[test]
fn k6_counts_what_the_server_counts() {
    counts_what_the_server_counts(EngineKind::K6);
}

#[test]
fn hey_counts_what_the_server_counts() {
    counts_what_the_server_counts(EngineKind::Hey);
}

#[test]
fn oha_counts_what_the_server_counts() {
    counts_what_the_server_counts(EngineKind::Oha);
}

#[test]
fn bombardier_counts_what_the_server_counts() {
    counts_what_the_server_counts(EngineKind::Bombardier);
}

#[test]
fn wrk_observed_each_latency_that_is_reported() {
    let Some(external) = find(EngineKind::Wrk) else { return };
    let server = Server::start();
    let reported = run(&external, &script("/"), server.addr, "observed").expect("it runs");
    let estimated = reported.notes.iter().filter(|note| note.contains("estimated")).count();
    assert_eq!(estimated, 0, "{:?}", reported.notes);
    assert_eq!(reported.histogram.map(|histogram| histogram.len()), Some(reported.requests));
}

#[test]
fn so_many_requests_are_so_many() {
    for kind in COUNTED {
        let Some(external) = find(kind) else { continue };
        let server = Server::start();
        let mut script = of_requests(script("/users?id=7"), 2, 40);
        let request = &mut script.requests[0];
        request.method = "POST".to_owned();
        request.headers = vec![
            ("X-Color".to_owned(), "blue green".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        request.body = flameload::load::Body::Fixed(b"{\"name\": \"a % b\"}\n".to_vec());
        let has_secret = kind == EngineKind::K6;
        script.authorization = has_secret.then(|| Secret("Bearer of-a-secret".to_owned()));
        let reported = run(&external, &script, server.addr, "requests").expect("it runs");
        assert_eq!((reported.requests, server.count()), (40, 40), "{kind}");
        let asked = server.asked();
        let (only, _) = asked.iter().next().expect("one");
        assert_eq!((asked.len(), only.method.as_str()), (1, "POST"), "{kind}: {asked:?}");
        assert_eq!(only.path, "/users?id=7", "{kind}");
        let authorization = has_secret.then_some("Bearer of-a-secret");
        assert_eq!(only.authorization.as_deref(), authorization, "{kind}");
        assert_eq!(only.color.as_deref(), Some("blue green"), "{kind}");
        assert_eq!(only.body, "{\"name\": \"a % b\"}\n", "{kind}");
    }
}

#[test]
fn rates_are_kept() {
    for kind in COUNTED {
        let Some(external) = find(kind) else { continue };
        let server = Server::start();
        let mut script = script("/");
        let on_overload = if kind == EngineKind::K6 { OnOverload::Drop } else { OnOverload::Queue };
        let max_in_flight = NonZeroU32::new(4).expect("some");
        script.pace =
            Pace::Open { rate: 100.0, arrival: Arrival::Constant, max_in_flight, on_overload };
        script.extent = Extent::Duration(Duration::from_secs(2));
        let reported = run(&external, &script, server.addr, "rate").expect("it runs");
        assert_counts(reported.requests, server.count(), 8);
        assert!(reported.requests <= 210, "{kind}: {}", reported.requests);
        let kind_of =
            if kind == EngineKind::Oha { LatencyKind::Response } else { LatencyKind::Service };
        assert_eq!(reported.latency.kind, kind_of, "{kind}");
    }
}

#[test]
fn another_status_is_no_good_response() {
    for kind in CLOSED {
        for path in ["/missing", "/moved"] {
            let Some(external) = find(kind) else { continue };
            if (kind, path) == (EngineKind::Wrk, "/moved") {
                continue; // It cannot tell, and says so.
            }
            let server = Server::start();
            let case = path.trim_start_matches('/');
            let reported = run(&external, &script(path), server.addr, case).expect("it runs");
            assert_eq!(reported.requests, 0, "{kind}");
            let status = reported.errors.status.expect("it tells statuses apart");
            assert_counts(status, server.count(), 8);
            assert_eq!(server.paths().len(), 1, "{kind} follows redirects");
        }
    }
}

#[test]
fn an_expected_status_is_a_good_response() {
    for kind in [EngineKind::Wrk, EngineKind::K6, EngineKind::Hey, EngineKind::Oha] {
        let Some(external) = find(kind) else { continue };
        let server = Server::start();
        let mut script = script("/missing");
        script.requests[0].expect.status = vec![200, 404];
        let reported = run(&external, &script, server.addr, "expected").expect("it runs");
        assert_counts(reported.requests, server.count(), 8);
        assert_eq!(reported.errors.status, Some(0), "{kind}");
    }
}

#[test]
fn bodies_are_checked() {
    for kind in [EngineKind::Wrk, EngineKind::K6] {
        let Some(external) = find(kind) else { continue };
        for (expect, are_good) in [
            (Expect { body_contains: Some("o, w".to_owned()), ..Expect::default() }, true),
            (Expect { body_contains: Some("%.".to_owned()), ..Expect::default() }, false),
            (Expect { max_bytes: Some(12), ..Expect::default() }, true),
            (Expect { max_bytes: Some(11), ..Expect::default() }, false),
        ] {
            let server = Server::start();
            let mut script = script("/");
            script.requests[0].expect = expect;
            let reported = run(&external, &script, server.addr, "bodies").expect("it runs");
            let check = reported.errors.check.expect("it looks at bodies");
            assert_counts(if are_good { reported.requests } else { check }, server.count(), 8);
            assert_eq!(if are_good { check } else { reported.requests }, 0, "{kind}");
        }
    }
}

#[test]
fn mixes_and_variables_come_as_often_as_they_should() {
    for kind in [EngineKind::Wrk, EngineKind::K6, EngineKind::Oha] {
        let Some(external) = find(kind) else { continue };
        let server = Server::start();
        let mut script = script("/");
        script.requests[0].path = "/users/{id}".to_owned();
        script.vars = vec![Var {
            name: "id".to_owned(),
            values: Values::Integers { min: 1, max: 2 },
            pick: Pick::Random,
        }];
        let mut other = script.requests[0].clone();
        other.name = "second".to_owned();
        other.path = "/other".to_owned();
        script.requests[0].weight = NonZeroU32::new(3).expect("some");
        script.requests.push(other);
        if kind != EngineKind::Oha {
            script.authorization = Some(Secret("Bearer of-a-secret".to_owned()));
        }
        let reported = run(&external, &script, server.addr, "mix").expect("it runs");
        assert_counts(reported.requests, server.count(), 8);
        let (paths, all) = (server.paths(), server.count() as f64);
        assert_eq!(paths.len(), 3, "{kind}: {paths:?}");
        for (path, share) in [("/users/1", 0.375), ("/users/2", 0.375), ("/other", 0.25)] {
            let found = paths[path] as f64 / all;
            assert!((found - share).abs() < 0.15, "{kind}: {path} has a share of {found}");
        }
        let has_secret =
            |authorization: &Option<String>| authorization.is_some() == (kind != EngineKind::Oha);
        assert!(server.asked().keys().all(|asked| has_secret(&asked.authorization)), "{kind}");
    }
}

#[test]
fn users_think() {
    for kind in [EngineKind::Wrk, EngineKind::K6] {
        let Some(external) = find(kind) else { continue };
        let server = Server::start();
        let mut script = script("/");
        let time = Duration::from_millis(50);
        let connections = NonZeroU32::new(4).expect("some");
        script.pace = Pace::Closed { connections, think: Think::Uniform { min: time, max: time } };
        let reported = run(&external, &script, server.addr, "think").expect("it runs");
        // Four users with 20 requests a second each at most.
        assert_counts(reported.requests, server.count(), 8);
        assert!(reported.requests <= 100, "{kind}: {}", reported.requests);
    }
}

#[test]
fn wrk_sends_requests_in_batches() {
    let Some(external) = find(EngineKind::Wrk) else { return };
    let server = Server::start();
    let mut script = script("/");
    script.pipeline = NonZeroU32::new(8).expect("some");
    let reported = run(&external, &script, server.addr, "pipeline").expect("it runs");
    assert_counts(reported.requests, server.count(), 64);
    assert!(reported.histogram.is_some(), "{:?}", reported.notes);
}

#[test]
fn connections_close_after_each_request() {
    for kind in CLOSED {
        let Some(external) = find(kind) else { continue };
        let server = Server::start();
        let mut script = script("/");
        script.requests_per_connection = Some(NonZeroU32::MIN);
        let reported = run(&external, &script, server.addr, "churn").expect("it runs");
        assert_counts(reported.requests, server.count(), 8);
        assert_eq!(reported.errors.total(), 0, "{kind}: {:?}", reported.errors);
    }
}

#[test]
fn k6_follows_stages_and_keeps_thresholds() {
    let Some(external) = find(EngineKind::K6) else { return };
    let server = Server::start();
    let mut script = script("/");
    let stage = |level| Stage { duration: Duration::from_millis(600), level, record: true };
    script.extent = Extent::Stages { start: 1.0, stages: vec![stage(4.0), stage(1.0)] };
    let limit = |max| Threshold {
        metric: Metric::Latency(Stat::P99),
        min: None,
        max: Some(max),
        abort_after: None,
    };
    script.thresholds = vec![limit(60e6), limit(0.001)];
    let reported = run(&external, &script, server.addr, "stages").expect("it runs");
    assert_counts(reported.requests, server.count(), 8);
    assert_eq!(
        reported.thresholds_failed,
        ["http_req_duration{expected_response:true}: p(99)<=0.000001"]
    );
}
