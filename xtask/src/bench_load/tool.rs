//! The tools that are compared with.

use std::{ffi::OsString, fs, net::SocketAddr, path::Path, process::Command};

use anyhow::{Context as _, ensure};
use flameload::{
    load::{EngineKind, Pace, Script},
    target::ToolRun,
    unit::Nanos,
};
use serde_json::Value;

use super::slice::{Quantiles, Slice};

/// A tool that is installed.
#[derive(Debug)]
pub(super) struct Tool {
    kind: EngineKind,
    version: String,
}

/// A tool's command for a script.
#[derive(Debug)]
pub(super) struct Call {
    words: Vec<OsString>,
}

impl Tool {
    pub(super) fn find(kind: EngineKind, _cpus: usize) -> anyhow::Result<Self> {
        ensure!(kind == EngineKind::Wrk, "{kind} is not known here");
        let output = Command::new(kind.as_str()).arg("-v").output().context("not installed")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().nth(1).unwrap_or("?").to_owned();
        Ok(Self { kind, version })
    }

    pub(super) fn name(&self) -> &'static str {
        self.kind.as_str()
    }

    pub(super) fn version(&self) -> Option<&str> {
        Some(&self.version)
    }

    /// The command for `script`, with its files in `dir`.
    pub(super) fn call(
        &self,
        script: &Script,
        addr: SocketAddr,
        dir: &Path,
    ) -> anyhow::Result<Call> {
        ensure!(matches!(script.pace, Pace::Closed { .. }), "wrk has no open loop");
        let lua = dir.join("done.lua");
        fs::write(
            &lua,
            "function done(s, l, r) io.write(string.format('{\"n\":%d,\"us\":%d,\"e\":%d,\"p50\":%d,\"p99\":%d}', \
             s.requests, s.duration, s.errors.connect+s.errors.read+s.errors.write+s.errors.status+s.errors.timeout, \
             l:percentile(50), l:percentile(99))) end",
        )?;
        let path = &script.request().path;
        let words = vec![
            "wrk".into(),
            "-t1".into(),
            format!("-c{}", script.pace.connections()).into(),
            format!("-d{}s", script.duration().as_secs()).into(),
            "-s".into(),
            lua.into(),
            format!("http://{addr}{path}").into(),
        ];
        Ok(Call { words })
    }
}

impl Call {
    /// Program, arguments and variables.
    pub(super) fn words(&self) -> (OsString, Vec<OsString>, Vec<(OsString, OsString)>) {
        let mut words = self.words.iter().cloned();
        (words.next().unwrap_or_default(), words.collect(), Vec::new())
    }

    /// What the tool has said; the CPU times are for others to tell.
    pub(super) fn read(&self, run: ToolRun) -> anyhow::Result<Slice> {
        let text = String::from_utf8_lossy(&run.stdout);
        let json = text.rfind('{').map(|at| &text[at..]).context("no figures")?;
        let value: Value = serde_json::from_str(json)?;
        let number = |name: &str| value[name].as_u64().with_context(|| format!("no {name}"));
        let us = |name: &str| Some(Nanos(value[name].as_u64()? * 1000));
        Ok(Slice {
            requests: number("n")?,
            errors: Some(number("e")?),
            first_error: None,
            elapsed: Nanos(number("us")? * 1000),
            client_cpu: run.cpu,
            server_cpu: Nanos(0),
            service: Quantiles { p50: us("p50"), p99: us("p99"), p99_9: None },
            response: Quantiles::default(),
            lag_max: None,
        })
    }
}
