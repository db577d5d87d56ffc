//! What the server answers.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderName, StatusCode, header::LOCATION},
    response::IntoResponse,
    routing::get,
};
use serde::{Deserialize, Serialize};
use tokio::time;

const ENGINE: HeaderName = HeaderName::from_static("engine");

/// How long `/io` waits for something that is only pretended.
const IO_WAIT: Duration = Duration::from_millis(1);

/// A user as `/v1/user` lists it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    created_at: String,
    name: String,
    avatar: String,
    id: String,
}

/// The routes, with the users of the hyper target.
pub fn router() -> serde_json::Result<Router> {
    let users: Arc<[User]> = serde_json::from_str(include_str!("../../hyper/users.json"))?;
    Ok(Router::new()
        .route("/", get(hello))
        .route("/io", get(io))
        .route("/v1/user", get(list_users))
        .route(pprof_endpoint::PATH, get(profile))
        .fallback(not_found)
        .with_state(users))
}

async fn hello() -> &'static str {
    "Hello, World!\n"
}

async fn io() -> &'static str {
    time::sleep(IO_WAIT).await;
    "ok"
}

/// The users are serialized anew for each request: that work is what is measured.
async fn list_users(State(users): State<Arc<[User]>>) -> impl IntoResponse {
    ([(ENGINE, "axum"), (LOCATION, "/v1/user")], Json(users))
}

async fn profile(RawQuery(query): RawQuery) -> impl IntoResponse {
    pprof_endpoint::answer(query.as_deref()).await.map(Body::from)
}

async fn not_found() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "not found\n")
}
