use std::num::NonZeroU32;

use expect_test::{Expect, expect};

use super::*;
use crate::load::script::{Body, Expect as Good, ScriptRequest, Values, Var};

fn addr() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn request(name: &str, weight: u32, path: &str) -> ScriptRequest {
    ScriptRequest {
        name: name.to_owned(),
        weight: NonZeroU32::new(weight).expect("not zero"),
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: Body::Fixed(Vec::new()),
        expect: Good::default(),
    }
}

fn integers(name: &str, max: i64, pick: Pick) -> Var {
    Var { name: name.to_owned(), values: Values::Integers { min: 1, max }, pick }
}

fn script(vars: Vec<Var>, requests: Vec<ScriptRequest>) -> Script {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("pool.toml");
    let text = "schema = 1\nname = \"pool\"\n[load]\nconnections = 1\nduration = \"1s\"\n\
                [[request]]\nname = \"root\"\npath = \"/\"\n";
    std::fs::write(&path, text).expect("the script is written");
    let script = Script::read(&path).expect("it is valid").remove(0);
    Script { vars, requests, ..script }
}

fn render(vars: Vec<Var>, requests: Vec<ScriptRequest>) -> Pool {
    Pool::render(&script(vars, requests), addr()).expect("it can be rendered")
}

/// The first lines of the requests from `index` on.
fn lines(pool: &Pool, indexes: std::ops::Range<usize>) -> Vec<String> {
    let line = |index| {
        let bytes = String::from_utf8_lossy(pool.get(index).bytes()).into_owned();
        bytes.lines().next().unwrap_or_default().replace(" HTTP/1.1", "")
    };
    indexes.map(line).collect()
}

#[track_caller]
fn check_error(vars: Vec<Var>, requests: Vec<ScriptRequest>, expected: Expect) {
    let error = Pool::render(&script(vars, requests), addr()).expect_err("it is wrong");
    expected.assert_eq(&error.to_string());
}

#[test]
fn one_request_without_variables_is_all_there_is() {
    let pool = render(vec![], vec![request("root", 7, "/")]);
    assert_eq!((pool.len(), pool.kinds(), pool.kind(0)), (1, 1, 0));
    let bytes = String::from_utf8_lossy(pool.get(5).bytes()).into_owned();
    expect!["GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"].assert_eq(&bytes);
}

#[test]
fn the_same_seed_makes_the_same_pool() {
    let make = || {
        let requests = vec![request("read", 3, "/{id}"), request("list", 1, "/all?from={from}")];
        let vars =
            vec![integers("id", 1_000_000, Pick::Random), integers("from", 9, Pick::Sequential)];
        render(vars, requests)
    };
    let pool = make();
    expect![[r#"
        GET /434643
        GET /838669
        GET /all?from=1
        GET /292062
        GET /all?from=2
        GET /64621
        GET /734539
        GET /624105"#]]
    .assert_eq(&lines(&pool, 0..8).join("\n"));
    assert_eq!(lines(&pool, 0..pool.len()), lines(&make(), 0..pool.len()));
}

#[test]
fn weights_are_exact() {
    let count = |pool: &Pool, kind| (0..pool.len()).filter(|&i| pool.kind(i) == kind).count();
    let pool = render(vec![], vec![request("a", 80, "/a"), request("b", 20, "/b")]);
    assert_eq!((pool.len(), count(&pool, 0), count(&pool, 1)), (4_100, 3_280, 820));
    assert_eq!(pool.requests.len(), 2, "what is always the same is kept once");
    let pool = render(vec![], vec![request("a", 9_999, "/a"), request("b", 1, "/b")]);
    assert_eq!((pool.len(), count(&pool, 1)), (10_000, 1));
}

#[test]
fn the_order_is_shuffled() {
    let pool = render(vec![], vec![request("a", 1, "/a"), request("b", 1, "/b")]);
    let changes = (1..pool.len()).filter(|&i| pool.kind(i) != pool.kind(i - 1)).count();
    assert!((1_800..2_300).contains(&changes), "{changes}");
}

#[test]
fn a_sequence_is_there_as_a_whole() {
    let pool = render(
        vec![integers("id", 5_000, Pick::Sequential)],
        vec![request("read", 1, "/{id}"), request("list", 1, "/")],
    );
    assert_eq!(pool.len(), 10_000);
    let mut lines = lines(&pool, 0..pool.len());
    lines.retain(|line| line != "GET /");
    let wanted: Vec<String> = (1..=5_000).map(|id| format!("GET /{id}")).collect();
    assert_eq!(lines, wanted);
}

#[test]
fn variables_are_encoded_in_paths_and_literal_elsewhere() {
    let mut post = request("post", 1, "/{who}");
    post.method = "POST".to_owned();
    post.headers = vec![("X-Who".to_owned(), "<{who}>".to_owned())];
    post.body = Body::Template("{{\"who\":\"{who}\"}}".to_owned());
    let values = Values::List(vec!["a b/c".to_owned()]);
    let who = Var { name: "who".to_owned(), values, pick: Pick::Random };
    let pool = render(vec![who], vec![post]);
    let bytes = String::from_utf8_lossy(pool.get(0).bytes()).into_owned();
    expect![[r#"
        POST /a%20b%2Fc HTTP/1.1
        Host: 127.0.0.1:8080
        X-Who: <a b/c>
        Content-Length: 15

        {"who":"a b/c"}"#]]
    .assert_eq(&bytes.replace('\r', ""));
}

#[test]
fn what_is_too_much_is_refused() {
    check_error(
        vec![integers("id", 10_000_000, Pick::Sequential)],
        vec![request("read", 1, "/{id}")],
        expect![[
            r#"script 'pool': vars.id: to have all of its values asked for in turn, 10000000 requests would have to be kept ready, more than 64 MiB: give it fewer values, or pick = "random""#
        ]],
    );
    check_error(
        vec![integers("id", 10_000, Pick::Sequential)],
        vec![request("read", 1, &format!("/{}{{id}}", "x".repeat(10_000)))],
        expect![[
            r#"script 'pool': vars.id: to have all of its values asked for in turn, 10000 requests would have to be kept ready, more than 64 MiB: give it fewer values, or pick = "random""#
        ]],
    );
    let mut post = request("post", 1, "/");
    post.body = Body::Template("x".repeat(20_000) + "{id}");
    check_error(
        vec![integers("id", 5, Pick::Random)],
        vec![post],
        expect![
            "script 'pool': request 'post': 4096 requests with variables are kept ready, and they are more than 64 MiB: make the body smaller, or leave variables out of it"
        ],
    );
}

#[test]
fn a_walk_takes_all_or_one_kind_and_goes_on_where_it_was() {
    let page = integers("page", 3, Pick::Sequential);
    let requests =
        vec![request("root", 2, "/"), request("page", 1, "/p{page}"), request("user", 3, "/u")];
    let pool = render(vec![page], requests);
    let mut walk = Walk::new(&pool, 0, 1);
    let mut take = |only, count: usize| -> Vec<String> {
        let places: Vec<usize> = (0..count).map(|_| walk.next(&pool, only)).collect();
        places.into_iter().flat_map(|place| lines(&pool, place..place + 1)).collect()
    };
    assert_eq!(take(Some(1), 4), ["GET /p1", "GET /p2", "GET /p3", "GET /p1"]);
    assert_eq!(take(Some(2), 2), ["GET /u", "GET /u"]);
    assert_eq!(take(None, 5), lines(&pool, 0..5));
    assert_eq!(take(Some(1), 1), ["GET /p2"]);
    assert_eq!(take(None, 2), lines(&pool, 5..7));
    // Threads begin apart, in all of it and in each kind.
    let second = Walk::new(&pool, 1, 2);
    assert_eq!(second.clone().next(&pool, None), pool.len() / 2);
    let place = second.clone().next(&pool, Some(0));
    assert_eq!((pool.kind(place), place > pool.len() / 3), (0, true));
}

#[test]
fn wrong_templates_are_refused() {
    check_error(
        vec![],
        vec![request("read", 1, "/{id}")],
        expect![
            "script 'pool': request 'read': unknown variable {id}; there is no [vars]; write {{ and }} for plain braces"
        ],
    );
}
