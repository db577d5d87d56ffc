//! `--pid`: a server that runs already is measured and left running.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use super::{
    case::{Case, Outcome, run, tool},
    system::{alone, can_sample, faulty_server},
};

/// A server that the test itself has started.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(fault: &str) -> Self {
        let mut command = Command::new(faulty_server());
        command.args([fault, "0", &u64::MAX.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says that it serves");
        let port = line.trim().rsplit(' ').next().and_then(|port| port.parse().ok());
        Self { child, port: port.expect("it says where it serves") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn attach(case: &Case, pid: u32, arguments: &[&str]) -> Outcome {
    let mut command = tool();
    command.args(["profile", "--pid", &pid.to_string()]);
    command.arg("--script").arg(case.path("short.toml")).arg("--out").arg(case.store());
    run(command.args(arguments))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn a_running_server_is_measured_and_runs_on() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    let mut server = Server::start("none");
    attach(&case, server.child.id(), &[]).expect(0, &[]);
    assert!(server.child.try_wait().expect("its status").is_none(), "it runs on");
    let (_, record) = case.kept();
    assert_eq!(record["target"]["name"], "process");
    assert!(record["profile"]["samples"].as_u64() > Some(0), "{record}");
}

#[test]
fn several_ports_need_a_choice() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    let server = Server::start("two-ports");
    let (pid, port) = (server.child.id(), server.port);
    let outcome = attach(&case, pid, &[]);
    outcome.expect(3, &["several ports", &format!("127.0.0.1:{port}"), "--url"]);
    attach(&case, pid, &["--url", &format!("http://127.0.0.1:{port}")]).expect(0, &[]);
}

#[test]
fn processes_that_cannot_be_measured_say_why() {
    if !can_sample() {
        return;
    }
    let case = Case::faulty("none", u64::MAX);
    // This test itself runs, but may listen for others; a child of it does not.
    let mut idle = Command::new("sleep").arg("3600").spawn().expect("it starts");
    let outcome = attach(&case, idle.id(), &[]);
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let refused = attach(&case, idle.id(), &["--url", &nobody]);
    idle.kill().expect("it runs");
    idle.wait().expect("it ends");
    outcome.expect(3, &["listens on no port", "--url"]);
    refused.expect(3, &["does not answer", "refused"]);
    attach(&case, idle.id(), &["--url", &nobody]).expect(3, &["does not run"]);
    assert!(case.runs().is_empty());
}
