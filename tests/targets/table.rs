//! Which target is held to which part of the table. A target that is not here fails
//! `every_target_is_held_to_the_table`.

use std::{fs, net::SocketAddr, path::Path};

use flameload::target::{Ending, FILE_NAME};

use super::{
    more::{pages_follow_each_other, posts_are_bounded},
    row::{Dialect, Row},
    rows::{CHAIN_ROWS, HEAD_ROWS, HELLO_ROWS, POSTS_ROWS, USERS_API_ROWS},
    subject::{STOPPED, check},
};

/// What a target is held to.
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) sets: &'static [&'static [Row]],
    pub(super) more: &'static [fn(SocketAddr)],
    pub(super) dialect: Dialect,
    /// How it ends when it is told to, with one worker.
    pub(super) alone: Ending,
}

impl Target {
    /// The path of the first request, which every server of its kind answers.
    pub(super) fn first_path(&self) -> &'static str {
        self.sets[0][0].request.path
    }
}

/// Servers in Go and Rust with the names and statuses that most of them have.
const PLAIN: Dialect = Dialect { engine: "", created: 201, refused: 400, wrong_method: 405 };
const FASTAPI: Dialect = Dialect { engine: "fastapi", refused: 422, ..PLAIN };

/// A uvicorn of one worker finishes its requests, then sends itself the signal that it was told to
/// stop by, so that whoever started it sees why it ended.
const STOPPED_AND_SAID_WHY: Ending = Ending::Signal(15);

macro_rules! targets {
    ($($test:ident: [$($set:ident),+] [$($more:ident),*] $dialect:expr, $alone:ident;)+) => {
        const TARGETS: &[Target] = &[$(Target {
            name: stringify!($test),
            sets: &[$($set),+],
            more: &[$($more),*],
            dialect: $dialect,
            alone: $alone,
        }),+];

        $(
            #[test]
            fn $test() {
                let name = stringify!($test);
                let target = TARGETS.iter().find(|target| target.name == name);
                check(target.expect("it is in the table"), &folder(name));
            }
        )+
    };
}

targets! {
    actix: [HELLO_ROWS, HEAD_ROWS] []
        Dialect { engine: "actix", wrong_method: 404, ..PLAIN }, STOPPED;
    axum_sqlx: [USERS_API_ROWS] [pages_follow_each_other] PLAIN, STOPPED;
    axum: [HELLO_ROWS, HEAD_ROWS] [] Dialect { engine: "axum", ..PLAIN }, STOPPED;
    chain_hyper_go: [CHAIN_ROWS] [] Dialect { engine: "go", ..PLAIN }, STOPPED;
    chain_hyper_hyper: [CHAIN_ROWS] [] Dialect { engine: "hyper", ..PLAIN }, STOPPED;
    fastapi: [HELLO_ROWS] [] FASTAPI, STOPPED_AND_SAID_WHY;
    fastapi_asyncpg: [USERS_API_ROWS] [pages_follow_each_other] FASTAPI, STOPPED_AND_SAID_WHY;
    go_chi_pgx: [USERS_API_ROWS] [pages_follow_each_other] PLAIN, STOPPED;
    go_gin: [POSTS_ROWS] [posts_are_bounded] Dialect { wrong_method: 404, ..PLAIN }, STOPPED;
    go_nethttp: [HELLO_ROWS, HEAD_ROWS] [] Dialect { engine: "go", ..PLAIN }, STOPPED;
    hyper: [HELLO_ROWS, HEAD_ROWS] []
        Dialect { engine: "hyper", wrong_method: 404, ..PLAIN }, STOPPED;
    rocket: [POSTS_ROWS] [posts_are_bounded]
        Dialect { created: 200, wrong_method: 404, ..PLAIN }, STOPPED;
}

/// The folder of a target by the name of its test.
fn folder(test: &str) -> String {
    test.replace('_', "-")
}

#[test]
fn every_target_is_held_to_the_table() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let entries = fs::read_dir(targets).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut found: Vec<String> = entries
        .filter(|entry| entry.path().join(FILE_NAME).is_file())
        .map(|entry| entry.file_name().into_string().expect("a plain name"))
        .collect();
    found.sort();
    let mut known: Vec<String> = TARGETS.iter().map(|target| folder(target.name)).collect();
    known.sort();
    assert_eq!(found, known, "every target has its place in the table");
}
