//! Why a request is not answered as it would like.

use axum::{
    Json,
    extract::rejection::{PathRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use thiserror::Error;

/// Why a request is not answered as it would like.
#[derive(Debug, Error)]
pub enum Error {
    /// There is nothing of this name.
    #[error("not_found")]
    NotFound,
    /// The id in the path is none.
    #[error("invalid_id")]
    Id(#[from] PathRejection),
    /// The query does not have the form it should have.
    #[error("{}", .0.body_text())]
    Query(#[from] QueryRejection),
    /// A number in the query is out of bounds.
    #[error("{0}")]
    Bounds(&'static str),
    /// The database failed: what it says is not for clients.
    #[error("internal")]
    Database(#[from] sqlx::Error),
}

#[derive(Serialize)]
struct Body {
    error: String,
}

impl Error {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Id(_) | Self::Query(_) | Self::Bounds(_) => StatusCode::BAD_REQUEST,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Database(error) = &self {
            eprintln!("axum-sqlx-server: the database failed: {error}");
        }
        (self.status(), Json(Body { error: self.to_string() })).into_response()
    }
}
