//! What tools say of a server that does not answer as it should.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use flameload::load::{EngineKind, ExternalError};

use super::{
    server::Server,
    tool::{find, run, script},
};

const ALL: [EngineKind; 5] =
    [EngineKind::Wrk, EngineKind::K6, EngineKind::Hey, EngineKind::Oha, EngineKind::Bombardier];

#[test]
fn nobody_listens() {
    for kind in ALL {
        let Some(external) = find(kind) else { continue };
        let mut server = Server::start();
        server.stop();
        match run(&external, &script("/"), server.addr, "refused") {
            Ok(reported) => {
                assert_eq!(reported.requests, 0, "{kind}");
                let connect = reported.errors.connect;
                assert!(connect > Some(0), "{kind}: {:?}", reported.errors);
                let known: Vec<_> = reported
                    .latency
                    .named()
                    .into_iter()
                    .filter(|(_, value)| value.is_some())
                    .collect();
                assert!(known.is_empty(), "{kind} invents {known:?}");
            }
            Err(error @ ExternalError::Failed { .. }) => {
                assert_eq!(kind, EngineKind::Wrk, "{error}");
                assert!(error.to_string().contains("unable to connect"), "{error}");
            }
            Err(error) => panic!("{kind}: {error}"),
        }
    }
}

#[test]
fn the_server_ends_in_mid_run() {
    for kind in ALL {
        let Some(external) = find(kind) else { continue };
        let mut server = Server::start();
        let addr = server.addr;
        let is_over = Arc::new(AtomicBool::new(false));
        let tool_ended = Arc::clone(&is_over);
        let ends = thread::spawn(move || {
            while server.count() < 20 && !tool_ended.load(SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            server.stop();
            server.count()
        });
        let reported = run(&external, &script("/"), addr, "killed");
        is_over.store(true, SeqCst);
        let reported = reported.expect("it runs");
        let served = ends.join().expect("the server ends");
        assert!(reported.requests > 0 && reported.requests <= served, "{kind}: {reported:?}");
        assert!(reported.errors.total() > 0, "{kind}: {:?}", reported.errors);
    }
}

#[test]
fn the_server_hangs_up_without_an_answer() {
    for kind in ALL {
        let Some(external) = find(kind) else { continue };
        let server = Server::start();
        let reported = run(&external, &script("/cut"), server.addr, "cut").expect("it runs");
        assert_eq!(reported.requests, 0, "{kind}");
        assert!(reported.errors.read > Some(0), "{kind}: {:?}", reported.errors);
    }
}

#[test]
fn the_server_never_answers() {
    for kind in ALL {
        let Some(external) = find(kind) else { continue };
        let server = Server::start();
        let mut script = script("/never");
        script.timeout = Duration::from_secs(1);
        script.extent = flameload::load::Extent::Duration(Duration::from_secs(2));
        let reported = run(&external, &script, server.addr, "never").expect("it runs");
        assert_eq!(reported.requests, 0, "{kind}");
        // wrk notices timeouts only when a late response comes.
        let is_silent = kind == EngineKind::Wrk;
        assert_eq!(reported.errors.timeout == Some(0), is_silent, "{kind}: {:?}", reported.errors);
    }
}
