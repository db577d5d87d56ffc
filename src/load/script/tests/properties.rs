//! No text panics, and whatever is valid makes requests that a server can read.

use proptest::prelude::*;

use super::{LEAST, read, read_levels};
use crate::load::Pool;

/// Lines that a script may have, right and wrong ones.
const LINES: [&str; 40] = [
    "schema = 1",
    "name = \"x\"",
    "engine = \"wrk\"",
    "engine_script = \"own.lua\"",
    "base = \"https://[::1]:1\"",
    "seed = -1",
    "[load]",
    "mode = \"open\"",
    "connections = 5",
    "connections = [1, 2]",
    "rate = [nan, 1e308]",
    "rate = 1",
    "duration = \"1s\"",
    "duration = \"18446744073709551615s\"",
    "requests = 9",
    "think = \"uniform(1ms,2ms)\"",
    "think = \"uniform(\"",
    "max_in_flight = 4_000_000_000",
    "pipeline = 2",
    "requests_per_connection = 3",
    "[[stage]]",
    "connections = 0",
    "[http]",
    "version = \"2\"",
    "unix = \"\"",
    "auth = { basic = \"{env:USERPASS}\" }",
    "tls = {}",
    "[vars]",
    "id = { int = [-9223372036854775808, 9223372036854775807] }",
    "id = { int = [1, 9223372036854775807], pick = \"sequential\" }",
    "id = { file = \"users.csv\", column = \"name\", pick = { zipf = 1 } }",
    "[[request]]",
    "path = \"/{id}\"",
    "body = { template = \"{{{id}\" }",
    "headers = { a = \"{id}\" }",
    "weight = 4_000_000_000",
    "expect = { status = 65535 }",
    "[[threshold]]",
    "metric = \"achieved_ratio\"",
    "max = 1",
];

proptest! {
    #[test]
    fn any_lines_are_read_without_a_panic(
        lines in proptest::collection::vec(proptest::sample::select(&LINES[..]), 0..24)
    ) {
        let _ = read_levels(&lines.join("\n"));
    }

    #[test]
    fn a_damaged_script_is_read_without_a_panic(
        at in 0..LEAST.len(), length in 0..12_usize, text in "[\\[\\]{}=\".a-z0-9\n]{0,8}"
    ) {
        let end = (at + length).min(LEAST.len());
        let _ = read_levels(&format!("{}{text}{}", &LEAST[..at], &LEAST[end..]));
    }
}

/// Texts that are quoted as TOML.
fn quoted(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}

proptest! {
    // A pool has thousands of requests.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn valid_scripts_make_requests_that_can_be_parsed(
        method in "GET|POST|PUT|DELETE|HEAD|M-SEARCH",
        path in "/[ -~]{0,12}",
        value in "[ -~\té]{0,12}",
        body in "[^{}]{0,20}",
        weight in 1..9_u32,
    ) {
        let text = format!(
            "{LEAST}[vars]\nid = {{ int = [-5, 5] }}\nkey = {{ uuid = true }}\n\
             who = {{ file = \"users.csv\", column = \"name\", pick = \"zipf\" }}\n\
             [[request]]\nname = \"b\"\nweight = {weight}\nmethod = \"{method}\"\n\
             path = {}\nheaders = {{ X = {}, K = \"{{key}}\" }}\nbody = {{ template = {} }}\n",
            quoted(&format!("{path}/{{id}}/{{who}}")),
            quoted(&value),
            quoted(&format!("{body}{{who}}")),
        );
        let Ok(script) = read(&text) else { return Ok(()) };
        let pool = Pool::render(&script, ([127, 0, 0, 1], 80).into()).expect("it is small");
        for index in 0..pool.len() {
            let bytes = pool.get(index).bytes();
            let mut headers = [httparse::EMPTY_HEADER; 8];
            let mut request = httparse::Request::new(&mut headers);
            let parsed = request.parse(bytes).expect("it is a request");
            let httparse::Status::Complete(head) = parsed else { panic!("the head is whole") };
            let length = request.headers.iter().find(|it| it.name == "Content-Length");
            let length = length.map_or("0", |it| std::str::from_utf8(it.value).expect("digits"));
            prop_assert_eq!(length, (bytes.len() - head).to_string());
            let wanted = script.requests[pool.kind(index)].method.as_str();
            prop_assert_eq!(request.method, Some(wanted));
        }
    }
}
