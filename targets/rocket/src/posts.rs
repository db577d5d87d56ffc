//! Posts: taken, numbered and kept in memory, and listed.

use std::collections::VecDeque;

use rocket::{
    State,
    fairing::AdHoc,
    get, post, routes,
    serde::{Deserialize, Serialize, json::Json},
    tokio::sync::RwLock,
};

/// How many posts are kept.
const MOST: usize = 1_000;

/// A post as a client sends it.
#[derive(Debug, Deserialize)]
#[serde(crate = "rocket::serde")]
struct Draft {
    title: String,
    body: String,
    author: String,
}

/// A draft with its number.
#[derive(Debug, Clone, Serialize)]
#[serde(crate = "rocket::serde")]
struct Post {
    id: u64,
    title: String,
    body: String,
    author: String,
}

/// The latest posts, the oldest first.
#[derive(Debug, Default)]
struct Posts {
    last_id: u64,
    latest: VecDeque<Post>,
}

impl Posts {
    /// Keeps a draft as the next post, in place of the oldest where there is no more room.
    fn add(&mut self, Draft { title, body, author }: Draft) -> Post {
        self.last_id += 1;
        let post = Post { id: self.last_id, title, body, author };
        if self.latest.len() == MOST {
            self.latest.pop_front();
        }
        self.latest.push_back(post.clone());
        post
    }
}

/// The routes of posts, and the store behind them.
pub fn stage() -> AdHoc {
    AdHoc::on_ignite("posts", |rocket| async {
        rocket.mount("/posts", routes![create, list]).manage(RwLock::new(Posts::default()))
    })
}

#[post("/", data = "<draft>")]
async fn create(draft: Json<Draft>, posts: &State<RwLock<Posts>>) -> Json<Post> {
    Json(posts.write().await.add(draft.into_inner()))
}

#[get("/")]
async fn list(posts: &State<RwLock<Posts>>) -> Json<Vec<Post>> {
    Json(posts.read().await.latest.iter().cloned().collect())
}
