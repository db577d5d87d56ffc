//! Outputs, and figures as text.

use std::{fmt::Write as _, path::Path};

use crate::load::{
    EngineKind, External, ExternalError, Invocation, Reported, ToolOutput,
    external::invocation::{Context, Draft},
};

/// A tool that is not asked for anything.
pub(super) fn external(kind: EngineKind) -> External {
    External {
        kind,
        program: kind.as_str().into(),
        version: Some("1.0".to_owned()),
        help: "--output-format".to_owned(),
        cpus: 2,
    }
}

/// What has to be known of the load for outputs of four connections.
pub(super) fn context() -> Context {
    Context { connections: 4, pipeline: 1, statuses: Some(Vec::new()), corrected: false }
}

/// What the tool makes of this output.
pub(super) fn parse(
    kind: EngineKind,
    context: Context,
    stdout: &[u8],
    exit_code: Option<i32>,
) -> Result<Reported, ExternalError> {
    let mut draft = Draft::default();
    draft.context = context;
    let invocation: Invocation =
        draft.write(kind, Path::new(kind.as_str()), Path::new("/nowhere"))?;
    let output = ToolOutput { stdout: stdout.to_vec(), stderr: Vec::new(), exit_code };
    external(kind).parse(&invocation, &output)
}

/// All figures that are known, one on a line.
pub(super) fn shown(reported: &Reported) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name} {value}");
    };
    line("requests", reported.requests.to_string());
    if let Some(duration) = reported.duration {
        line("duration", format!("{:.6} s", duration.as_secs_f64()));
    }
    if let Some(rate) = reported.requests_per_second {
        line("requests/s", format!("{rate:.2}"));
    }
    if let Some(bytes) = reported.bytes {
        line("bytes", bytes.0.to_string());
    }
    line("kind", format!("{:?}", reported.latency.kind));
    for (name, value) in reported.latency.named() {
        if let Some(value) = value {
            line(name, format!("{:.1}", value.as_micros_f64()));
        }
    }
    if let Some(histogram) = &reported.histogram {
        line("histogram of", histogram.len().to_string());
    }
    for (name, count) in reported.errors.named() {
        if let Some(count) = count {
            line(name, count.to_string());
        }
    }
    for (status, count) in &reported.statuses {
        line("status", format!("{status}: {count}"));
    }
    if let Some(dropped) = reported.dropped {
        line("dropped", dropped.to_string());
    }
    for threshold in &reported.thresholds_failed {
        line("failed threshold", threshold.clone());
    }
    for note in &reported.notes {
        line("note:", note.clone());
    }
    text
}
