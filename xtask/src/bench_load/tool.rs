//! The tools that are compared with.

use std::{ffi::OsString, net::SocketAddr, path::Path};

use anyhow::Context as _;
use flameload::{
    load::{
        EngineKind, External, ExternalError, Invocation, LatencyKind, ReportedErrors, Script,
        ToolOutput,
    },
    target::{Ending, ToolRun},
    unit::Nanos,
};

use super::slice::{Quantiles, Slice};

/// A tool that is installed.
#[derive(Debug)]
pub(super) struct Tool(External);

/// A tool's command for a script.
#[derive(Debug)]
pub(super) struct Call<'a> {
    tool: &'a External,
    invocation: Invocation,
}

impl Tool {
    /// Finds a tool that may use so many CPUs.
    pub(super) fn find(kind: EngineKind, cpus: usize) -> Result<Self, ExternalError> {
        Ok(Self(External::find(kind)?.on_cpus(cpus)))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.kind().as_str()
    }

    /// Its version, where it says one.
    pub(super) fn version(&self) -> Option<&str> {
        self.0.version()
    }

    /// The command for `script`, with its files in `dir`.
    pub(super) fn call(
        &self,
        script: &Script,
        addr: SocketAddr,
        dir: &Path,
    ) -> Result<Call<'_>, ExternalError> {
        let invocation = self.0.command(script, addr, dir)?.brief();
        Ok(Call { tool: &self.0, invocation })
    }
}

impl Call<'_> {
    /// Program, arguments and variables.
    pub(super) fn words(&self) -> (OsString, Vec<OsString>, Vec<(OsString, OsString)>) {
        let Invocation { program, args, env, .. } = &self.invocation;
        let env = env.iter().map(|(name, value)| (name.into(), value.0.clone().into()));
        (program.into(), args.clone(), env.collect())
    }

    /// What the tool has said; the CPU times are for others to tell.
    pub(super) fn read(&self, run: ToolRun) -> anyhow::Result<Slice> {
        let exit_code = match run.exit {
            Ending::Status(code) => Some(code),
            Ending::Signal(_) | Ending::Unknown | Ending::Never => None,
        };
        let output = ToolOutput { stdout: run.stdout, stderr: run.stderr, exit_code };
        let reported = self.tool.parse(&self.invocation, &output)?;
        let latency = &reported.latency;
        let quantiles = Quantiles { p50: latency.p50, p99: latency.p99, p99_9: latency.p99_9 };
        let (service, response) = match latency.kind {
            LatencyKind::Service => (quantiles, Quantiles::default()),
            LatencyKind::Response => (Quantiles::default(), quantiles),
        };
        Ok(Slice {
            requests: reported.requests,
            errors: known(&reported.errors),
            first_error: reported.errors.details.first().map(|(text, _)| text.clone()),
            elapsed: reported.duration.context("it does not say how long the load lasted")?,
            client_cpu: run.cpu,
            server_cpu: Nanos(0),
            service,
            response,
            lag_max: None,
        })
    }
}

/// All errors, if the tool tells any of them apart.
fn known(errors: &ReportedErrors) -> Option<u64> {
    let is_known = errors.named().iter().any(|(_, count)| count.is_some());
    is_known.then(|| errors.total())
}
