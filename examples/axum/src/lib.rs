//! A web API whose results are cached for 60 s.
//!
//! The tier's URL comes from the environment: `embedded:` in development and tests, `redis://…` for one Redis, `redis+sentinel://…/name` or
//! `redis+cluster://…` beyond that. Nothing else changes.

pub mod layer;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use cachette::tier::{Keep, Tier, TierError};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a query costs: here a counter and a pause, in earnest a database.
#[derive(Default)]
pub struct Database {
    pub queries: AtomicU64,
}

#[derive(Serialize)]
struct User {
    id: u64,
    name: String,
}

impl Database {
    async fn user(&self, id: u64) -> Result<Option<Vec<u8>>, serde_json::Error> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let user = (id < 1000).then(|| User { id, name: format!("user {id}") });
        user.map(|user| serde_json::to_vec(&user)).transpose()
    }
}

#[derive(Clone)]
struct App {
    tier: Tier,
    database: Arc<Database>,
}

/// The tier's errors as answers.
struct Failed(TierError);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, self.0.to_string()).into_response()
    }
}

const MINUTE: u64 = 60_000;

async fn user(State(app): State<App>, Path(id): Path<u64>) -> Result<Response, Failed> {
    let database = app.database.clone();
    let found =
        app.tier.get_or_set(format!("user:{id}"), Keep::for_ms(MINUTE), move || async move { database.user(id).await }).await;
    match found.map_err(Failed)? {
        Some(json) => Ok(([("content-type", "application/json")], json).into_response()),
        None => Ok(StatusCode::NOT_FOUND.into_response()),
    }
}

async fn health(State(app): State<App>) -> Json<Vec<String>> {
    Json(app.tier.health().iter().map(|(node, state, _)| format!("redis {node}: {}", state.name())).collect())
}

async fn report(State(app): State<App>) -> String {
    app.database.queries.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(30)).await;
    "a page that takes long".to_owned()
}

/// The API. `/users/…` caches what a function gives; `/report` is cached as a whole response, by a tower layer.
pub fn app(tier: Tier, database: Arc<Database>) -> Router {
    let cached = Router::new().route("/report", get(report)).layer(layer::CacheLayer::new(tier.clone(), Keep::for_ms(MINUTE)));
    Router::new().route("/users/{id}", get(user)).route("/health", get(health)).merge(cached).with_state(App { tier, database })
}
