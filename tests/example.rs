//! The library as somebody's own program uses it: `examples/bound.rs`.

#[path = "support/skip.rs"]
mod skip;

use std::process::{Command, Output};

use flameload::sample::{Config, Sampler};

/// Holds the C server of known cost to a bound, in µs for each request.
fn bound(bound: &str) -> (Output, String) {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "bound", "--", "tests/programs/known-cost", bound])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, said)
}

#[test]
fn a_bound_is_held_or_not() {
    if let Err(error) = Sampler::start(&Config::at("997".parse().expect("a frequency"))) {
        return skip::skip(format!("perf events: {error}"));
    }
    if Command::new("cc").arg("--version").output().is_err() {
        return skip::skip("no C compiler");
    }
    let (output, said) = bound("1000000");
    assert!(output.status.success() && said.contains("µs for each request, most of it"), "{said}");
    let (output, said) = bound("0.001");
    assert!(!output.status.success() && said.contains("more than 0.001 µs"), "{said}");
}
