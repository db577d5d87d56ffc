//! What the server answers.

use axum::{
    Json, Router,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    routing::get,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    error::Error,
    users::{User, Users},
};

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// What part of the users is asked for.
#[derive(Debug, Deserialize)]
struct Range {
    #[serde(default = "usual_limit")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

/// A part of the users.
#[derive(Serialize)]
struct Page {
    items: Vec<User>,
    limit: i64,
    offset: i64,
    total: i64,
}

/// The routes of the API.
pub fn router(users: Users) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/users", get(list))
        .route("/users/{id}", get(find))
        .fallback(not_found)
        .with_state(users)
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

async fn find(
    State(users): State<Users>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<User>, Error> {
    let Path(id) = id?;
    Ok(Json(users.find(id).await?.ok_or(Error::NotFound)?))
}

async fn list(
    State(users): State<Users>,
    range: Result<Query<Range>, QueryRejection>,
) -> Result<Json<Page>, Error> {
    let Query(Range { limit, offset }) = range?;
    if !(1..=200).contains(&limit) {
        return Err(Error::Bounds("limit must be a number from 1 to 200"));
    }
    if offset < 0 {
        return Err(Error::Bounds("offset must not be negative"));
    }
    let items = users.page(limit, offset).await?;
    Ok(Json(Page { items, limit, offset, total: users.count().await? }))
}

async fn not_found() -> Error {
    Error::NotFound
}

fn usual_limit() -> i64 {
    50
}
