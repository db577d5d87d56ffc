//! The Lua script that wrk and wrk2 run, and the file of requests that it reads.

use std::path::Path;

use crate::load::{Expect, Pool, Script, Think};

/// What is the same for all runs: it takes what differs from a table above it.
const RUN: &str = include_str!("run.lua");
/// The name of the file with the requests.
pub(super) const POOL: &str = "requests";

/// The script that sends what `dir` has in its file of requests, or what the user's own says.
pub(super) fn script(script: &Script, threads: u32, dir: &Path) -> Vec<u8> {
    let mut lua = b"-- Written by flameload for one run.\nlocal config = {\n".to_vec();
    let mut entry = |key: &str, value: &[u8]| {
        lua.extend_from_slice(b"    ");
        lua.extend_from_slice(key.as_bytes());
        lua.extend_from_slice(b" = ");
        lua.extend_from_slice(value);
        lua.extend_from_slice(b",\n");
    };
    match &script.engine.own_script {
        Some(own) => entry("own", &text(own.as_os_str().as_encoded_bytes())),
        None => entry("pool", &text(dir.join(POOL).as_os_str().as_encoded_bytes())),
    }
    entry("threads", threads.to_string().as_bytes());
    // Lua's numbers are floats: any 32 bits of the seed fit, and as many are enough.
    entry("seed", (script.seed & 0xffff_ffff).to_string().as_bytes());
    entry("pipeline", script.pipeline.to_string().as_bytes());
    if let crate::load::Pace::Closed { think: Think::Uniform { min, max }, .. } = script.pace {
        entry("think", format!("{{ {}, {} }}", min.as_millis(), max.as_millis()).as_bytes());
    }
    if super::looks_at_responses(script) {
        let Expect { status, body_contains, max_bytes } = &script.request().expect;
        entry("statuses", statuses(status).as_bytes());
        if let Some(contains) = body_contains {
            entry("contains", &text(contains.as_bytes()));
        }
        if let Some(most) = max_bytes {
            entry("most", most.to_string().as_bytes());
        }
    }
    lua.extend_from_slice(b"}\n\n");
    lua.extend_from_slice(RUN.as_bytes());
    lua
}

/// The requests in their order, each after its length.
pub(super) fn requests(pool: &Pool) -> Vec<u8> {
    let mut file = Vec::new();
    for index in 0..pool.len() {
        let request = pool.get(index).bytes();
        file.extend_from_slice(format!("{}\n", request.len()).as_bytes());
        file.extend_from_slice(request);
    }
    file
}

/// A table with the good statuses as keys.
fn statuses(expected: &[u16]) -> String {
    let any_2xx: Vec<u16> = (200..300).collect();
    let good = if expected.is_empty() { &any_2xx } else { expected };
    let keys: Vec<String> = good.iter().map(|status| format!("[{status}] = true")).collect();
    format!("{{ {} }}", keys.join(", "))
}

/// A string literal: whatever is no letter, digit or space is escaped by its number.
fn text(bytes: &[u8]) -> Vec<u8> {
    let mut literal = vec![b'"'];
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b" /._-".contains(byte) {
            literal.push(*byte);
        } else {
            literal.extend_from_slice(format!("\\{byte:03}").as_bytes());
        }
    }
    literal.push(b'"');
    literal
}
