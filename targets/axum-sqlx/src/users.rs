//! Users, as the database has them.

use std::{num::NonZero, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

/// How long a request waits for a connection, and the server for its first one.
const WAIT: Duration = Duration::from_secs(5);

/// A user as it is stored and as the API gives it.
#[derive(Debug, Serialize, FromRow)]
pub struct User {
    id: Uuid,
    email: String,
    full_name: String,
    age: i32,
    country_code: String,
    is_active: bool,
    created_at: DateTime<Utc>,
}

/// The users of a database.
#[derive(Debug, Clone)]
pub struct Users {
    pool: PgPool,
}

impl Users {
    /// Opens `connections` to the database at `url`, all of them at once: none has to be made
    /// while others are measured.
    pub async fn connect(url: &str, connections: NonZero<u32>) -> sqlx::Result<Self> {
        let pool = PgPoolOptions::new()
            .min_connections(connections.get())
            .max_connections(connections.get())
            .acquire_timeout(WAIT)
            .connect(url)
            .await?;
        Ok(Self { pool })
    }

    /// Closes the connections when nobody uses them any more.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The user with this id.
    pub async fn find(&self, id: Uuid) -> sqlx::Result<Option<User>> {
        sqlx::query_as(
            "SELECT id, email, full_name, age, country_code, is_active, created_at
             FROM users WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
    }

    /// Up to `limit` users in the order of their ids, from the one at `offset` on.
    pub async fn page(&self, limit: i64, offset: i64) -> sqlx::Result<Vec<User>> {
        sqlx::query_as(
            "SELECT id, email, full_name, age, country_code, is_active, created_at
             FROM users ORDER BY id LIMIT $1 OFFSET $2",
        )
        .bind(limit)
        .bind(offset)
        .fetch_all(&self.pool)
        .await
    }

    /// How many users there are.
    pub async fn count(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&self.pool).await
    }
}
