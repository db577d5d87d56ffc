//! Finds tools and runs what they are told, as the pipeline would.

use std::{
    env, fs,
    io::{self, Write as _},
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use flameload::load::{
    EngineKind, Expect, Extent, External, ExternalError, Invocation, Pace, Reported, Script,
    Secret, Think, ToolOutput,
};

use crate::skip::skip;

/// Set to record the data of golden tests anew: what the tools said goes to those files in
/// `tests/data/external` that are there already.
const RECORD: &str = "FLAMELOAD_RECORD_TOOLS";

/// Tools that a package has, so that they are there wherever no test may be skipped. The others
/// have to be built, which takes many minutes; what they printed is tested everywhere.
const PACKAGED: [EngineKind; 2] = [EngineKind::Wrk, EngineKind::Hey];

/// The tool, unless it is not installed: then the test that asks is skipped.
pub(super) fn find(kind: EngineKind) -> Option<External> {
    match External::find(kind) {
        Ok(external) => Some(external),
        Err(error @ ExternalError::NotInstalled { .. }) => {
            if PACKAGED.contains(&kind) || env::var_os("CI").is_none() {
                skip(error);
            } else {
                // Past the capture of a test's output, as `skip` does.
                let _ = writeln!(io::stderr(), "SKIPPED even with CI set: {error}");
            }
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A GET of `path` with four connections for a second.
pub(super) fn script(path: &str) -> Script {
    let text = format!(
        "schema = 1\nname = \"test\"\n[load]\nconnections = 4\nduration = \"1s\"\n\
         [[request]]\nname = \"first\"\npath = \"{path}\"\n"
    );
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("test.toml");
    fs::write(&file, text).expect("the script is written");
    let mut script = Script::read(&file).expect("the script is valid").remove(0);
    script.timeout = Duration::from_secs(2);
    script.requests[0].expect = Expect::default();
    script
}

/// The script with so many connections and so many requests in all.
pub(super) fn of_requests(mut script: Script, connections: u32, requests: u64) -> Script {
    let connections = NonZeroU32::new(connections).expect("some");
    script.pace = Pace::Closed { connections, think: Think::None };
    script.extent = Extent::Requests(NonZeroU64::new(requests).expect("some"));
    script
}

/// Runs the script with the tool, under the name `case` if it is recorded.
pub(super) fn run(
    external: &External,
    script: &Script,
    addr: SocketAddr,
    case: &str,
) -> Result<Reported, ExternalError> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let invocation = external.command(script, addr, dir.path())?;
    let output = command(&invocation, dir.path()).output().expect("the tool starts");
    let output = ToolOutput {
        stdout: output.stdout,
        stderr: output.stderr,
        exit_code: output.status.code(),
    };
    let figures = invocation.report.as_ref().and_then(|path| fs::read(path).ok());
    record(external.kind(), case, figures.as_deref().unwrap_or(&output.stdout));
    external.parse(&invocation, &output)
}

/// Starts the tool, whose output is not of interest.
pub(super) fn spawn(invocation: &Invocation, dir: &Path) -> Child {
    let mut command = command(invocation, dir);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the tool starts")
}

fn command(invocation: &Invocation, dir: &Path) -> Command {
    let env = invocation.env.iter().map(|(name, Secret(value))| (name, value));
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.args).envs(env).current_dir(dir).stdin(Stdio::null());
    command
}

fn record(kind: EngineKind, case: &str, figures: &[u8]) {
    if env::var_os(RECORD).is_none() {
        return;
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/external");
    let path = dir.join(format!("{kind}-{case}.txt"));
    if path.exists() {
        fs::write(path, figures).expect("the data is written");
    }
}

/// That the tool counted what the server did: each connection may have had a request under way
/// when the tool ended, and another that the tool was about to send.
#[track_caller]
pub(super) fn assert_counts(reported: u64, served: u64, under_way: u64) {
    assert!(reported > 0, "nothing was counted, but {served} were served");
    assert!(reported <= served, "{reported} were counted, but only {served} served");
    assert!(served - reported <= under_way, "{reported} were counted of {served}");
}
