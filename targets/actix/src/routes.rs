//! What the server answers.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, Responder, get,
    http::{StatusCode, header::LOCATION},
    routes,
    web::{self, Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use tokio::time;

/// How long `/io` waits for something that is only pretended.
const IO_WAIT: Duration = Duration::from_millis(1);

/// A user as `/v1/user` lists it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    created_at: String,
    name: String,
    avatar: String,
    id: String,
}

/// The users of the hyper target.
pub fn users() -> serde_json::Result<Vec<User>> {
    serde_json::from_str(include_str!("../../hyper/users.json"))
}

/// Adds the routes to an application.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(hello)
        .service(io)
        .service(list_users)
        .service(profile)
        .default_service(web::to(not_found));
}

#[routes]
#[get("/")]
#[head("/")]
async fn hello() -> impl Responder {
    "Hello, World!\n"
}

#[routes]
#[get("/io")]
#[head("/io")]
async fn io() -> impl Responder {
    time::sleep(IO_WAIT).await;
    "ok"
}

/// The users are serialized anew for each request: that work is what is measured.
#[routes]
#[get("/v1/user")]
#[head("/v1/user")]
async fn list_users(users: Data<Vec<User>>) -> impl Responder {
    HttpResponse::Ok()
        .insert_header(("engine", "actix"))
        .insert_header((LOCATION, "/v1/user"))
        .json(users.as_ref())
}

/// The profile is answered in types of another release of `http`.
#[get("/debug/pprof/profile")]
async fn profile(request: HttpRequest) -> impl Responder {
    let (head, body) = pprof_endpoint::answer(Some(request.query_string())).await.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16());
    let mut response = HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in &head.headers {
        response.insert_header((name.as_str(), value.as_bytes()));
    }
    response.body(body)
}

async fn not_found() -> impl Responder {
    ("not found\n", StatusCode::NOT_FOUND)
}
