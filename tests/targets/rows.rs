//! The table of expectations: what every target of a kind answers.

use std::time::Duration;

use super::{
    row::{
        Body, Row,
        Status::{BadBody, Created, Is, Refused, WrongMethod},
        Value,
    },
    shape::Shape::{self, Integer, List, Object, Text},
};

const TEXT: &[(&str, Value)] = &[("content-type", Value::Is("text/plain; charset=utf-8"))];
const JSON: &[(&str, Value)] = &[("content-type", Value::Type("application/json"))];
const USERS: &[(&str, Value)] = &[
    ("content-type", Value::Is("application/json")),
    ("content-length", Value::Is("3696")),
    ("engine", Value::Engine),
    ("location", Value::Is("/v1/user")),
    ("date", Value::Date),
];

/// A short hello, a wait, and a list of users.
pub(super) const HELLO_ROWS: &[Row] = &[
    Row::get("/", Is(200), Body::Text("Hello, World!\n")).headers(TEXT),
    Row::get("/?a=b", Is(200), Body::Text("Hello, World!\n")).headers(TEXT),
    Row::get("/io", Is(200), Body::Text("ok")).headers(TEXT).takes(Duration::from_millis(1)),
    Row::get("/v1/user", Is(200), Body::Users).headers(USERS),
    Row::get("/v1/users", Is(404), Body::Any),
    Row::get("/nothing", Is(404), Body::Any),
    Row::get("/", WrongMethod, Body::Any).method("DELETE"),
    Row::get("/v1/user", WrongMethod, Body::Any).post("{}"),
];

/// The same heads without their bodies, where an ecosystem answers `HEAD` wherever it does `GET`.
pub(super) const HEAD_ROWS: &[Row] = &[
    Row::get("/", Is(200), Body::Empty).method("HEAD").headers(TEXT),
    Row::get("/v1/user", Is(200), Body::Empty).method("HEAD").headers(USERS),
    Row::get("/nothing", Is(404), Body::Empty).method("HEAD"),
];

/// A server that asks another one for the users. What it says itself is whether it is there.
pub(super) const CHAIN_ROWS: &[Row] = &[
    Row::get("/healthz", Is(200), HEALTHY).headers(JSON),
    Row::get("/v1/user", Is(200), Body::Users).headers(USERS),
    Row::get("/v1/user", Is(200), Body::Empty).method("HEAD").headers(USERS),
    Row::get("/nothing", Is(404), Body::Any),
];

/// The same server once the one behind it is gone.
pub(super) const BROKEN_CHAIN_ROWS: &[Row] = &[
    Row::get("/healthz", Is(200), HEALTHY).headers(JSON),
    Row::get("/v1/user", Is(502), Body::Any),
    Row::get("/nothing", Is(404), Body::Any),
];

const HEALTHY: Body = Body::Json(Shape::Is(r#"{"status": "ok"}"#));

/// Posts that are kept in memory, by a server that has just started.
pub(super) const POSTS_ROWS: &[Row] = &[
    Row::get("/posts", Is(200), Body::Json(Shape::Is("[]"))).headers(JSON),
    Row::get("/posts", Created, Body::Json(PLAIN_POST)).post(PLAIN).headers(JSON),
    Row::get("/posts", Is(200), Body::Json(List(1, &PLAIN_POST))).headers(JSON),
    Row::get("/posts", Created, Body::Json(ODD_POST)).post(ODD).headers(JSON),
    Row::get("/posts", BadBody, Body::Any).post("{bad"),
    Row::get("/posts", BadBody, Body::Any).post(""),
    Row::get("/posts", BadBody, Body::Any).post("[]"),
    Row::get("/posts", BadBody, Body::Any).post(r#"{"title": "only"}"#),
    Row::get("/posts", BadBody, Body::Any).post(r#"{"title": 1, "body": "b", "author": "a"}"#),
    Row::get("/posts", WrongMethod, Body::Any).method("DELETE"),
    Row::get("/nothing", Is(404), Body::Any),
];

/// What the script `posts` sends.
pub(super) const PLAIN: &str =
    r#"{"title": "First post", "body": "Short, as most of them are.", "author": "mia"}"#;
const PLAIN_POST: Shape = Object(&[
    ("id", Integer(0, u64::MAX)),
    ("title", Shape::Is(r#""First post""#)),
    ("body", Shape::Is(r#""Short, as most of them are.""#)),
    ("author", Shape::Is(r#""mia""#)),
]);
const ODD: &str = r#"{"author":"日本","body":"\u00e4 \ud83d\ude00\n\"","title":"<b>&Zwölf</b>"}"#;
const ODD_POST: Shape = Object(&[
    ("id", Integer(0, u64::MAX)),
    ("title", Shape::Is(r#""<b>&Zwölf</b>""#)),
    ("body", Shape::Is(r#""ä 😀\n\"""#)),
    ("author", Shape::Is(r#""日本""#)),
]);

/// A page of users.
macro_rules! page {
    ($items:expr, $limit:literal, $offset:literal) => {
        Body::Json(Object(&[
            ("items", $items),
            ("limit", Shape::Is($limit)),
            ("offset", Shape::Is($offset)),
            ("total", Shape::Is("10000")),
        ]))
    };
}

/// Users and pages of them, from the database.
pub(super) const USERS_API_ROWS: &[Row] = &[
    Row::get("/healthz", Is(200), HEALTHY).headers(JSON),
    Row::get(FIRST_PATH, Is(200), Body::Json(Shape::Is(FIRST))).headers(JSON),
    Row::get(LAST_PATH, Is(200), Body::Json(Shape::Is(LAST))).headers(JSON),
    Row::get(BEFORE_PATH, Is(404), NOT_FOUND).headers(JSON),
    Row::get(AFTER_PATH, Is(404), NOT_FOUND).headers(JSON),
    Row::get("/users/00000000-0000-4000-8000-10000000000g", Refused, Body::Any),
    Row::get("/users/1", Refused, Body::Any),
    Row::get("/users", Is(200), page!(List(50, &USER), "50", "0")).headers(JSON),
    Row::get("/users?limit=1", Is(200), page!(List(1, &Shape::Is(FIRST)), "1", "0")).headers(JSON),
    Row::get("/users?limit=200", Is(200), page!(List(200, &USER), "200", "0")),
    Row::get("/users?offset=9999", Is(200), page!(List(1, &Shape::Is(LAST)), "50", "9999")),
    Row::get("/users?limit=9&offset=10000", Is(200), page!(Shape::Is("[]"), "9", "10000")),
    Row::get("/users?limit=0", Refused, Body::Any),
    Row::get("/users?limit=201", Refused, Body::Any),
    Row::get("/users?limit=-1", Refused, Body::Any),
    Row::get("/users?limit=many", Refused, Body::Any),
    Row::get("/users?offset=-1", Refused, Body::Any),
    Row::get("/users?offset=9223372036854775808", Refused, Body::Any),
    Row::get("/users", WrongMethod, Body::Any).post("{}"),
    Row::get("/nothing", Is(404), Body::Any),
];

const BEFORE_PATH: &str = "/users/00000000-0000-4000-8000-100000000000";
const FIRST_PATH: &str = "/users/00000000-0000-4000-8000-100000000001";
const LAST_PATH: &str = "/users/00000000-0000-4000-8000-100000010000";
const AFTER_PATH: &str = "/users/00000000-0000-4000-8000-100000010001";

const FIRST: &str = r#"{"id": "00000000-0000-4000-8000-100000000001",
    "email": "bruno.ivanov1@example.net", "full_name": "Bruno Ivanov", "age": 28,
    "country_code": "BR", "is_active": true, "created_at": "2016-01-22T11:16:32Z"}"#;
const LAST: &str = r#"{"id": "00000000-0000-4000-8000-100000010000",
    "email": "umar.bianchi10000@example.com", "full_name": "Umar Bianchi", "age": 85,
    "country_code": "BR", "is_active": true, "created_at": "2024-06-13T04:40:07Z"}"#;
const NOT_FOUND: Body = Body::Json(Shape::Is(r#"{"error": "not_found"}"#));

const USER: Shape = Object(&[
    ("id", Text),
    ("email", Text),
    ("full_name", Text),
    ("age", Integer(18, 90)),
    ("country_code", Text),
    ("is_active", Shape::Bool),
    ("created_at", Text),
]);
