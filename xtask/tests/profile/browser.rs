//! The flamegraph in a real browser, whose parser is stricter than ours.

use std::process::Command;

use super::hyper::Real;
use crate::skip::skip;

#[test]
fn a_browser_shows_the_flamegraph() {
    let Some(real) = Real::get() else { return };
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    });
    let Some(browser) = found else {
        return skip("there is no Chromium");
    };
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", real.directory.join("cpu.svg").display()))
        .output()
        .expect("it runs");
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(page.contains("<title>hyper · users</title>"), "{page:.2000}");
    assert!(page.contains("id=\"frames\""), "{page:.2000}");
    assert!(!page.contains("parsererror") && !page.contains("error on line"), "{page:.2000}");
}
