//! The example's promises: a query a minute, whoever asks; errors are not kept.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use cachette::tier::Tier;
use cachette_example_axum::{Database, app};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tower::ServiceExt;

async fn ask(app: &axum::Router, path: &str) -> (StatusCode, String, String) {
    let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let (status, cache) = (response.status(), response.headers().get("x-cache").map(|value| value.to_str().unwrap().to_owned()));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned(), cache.unwrap_or_default())
}

#[tokio::test]
async fn a_query_runs_once_a_minute() {
    let database = Arc::new(Database::default());
    let app = app(Tier::open("embedded:").unwrap(), database.clone());
    let asked: Vec<_> = (0..50)
        .map(|_| {
            tokio::spawn({
                let app = app.clone();
                async move { ask(&app, "/users/7").await }
            })
        })
        .collect();
    for answer in asked {
        let (status, body, _) = answer.await.unwrap();
        assert_eq!((status, &body[..]), (StatusCode::OK, r#"{"id":7,"name":"user 7"}"#));
    }
    assert_eq!(database.queries.load(Ordering::Relaxed), 1);
    assert_eq!(ask(&app, "/users/5000").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&app, "/health").await.1, r#"["redis 0: up"]"#);
}

#[tokio::test]
async fn whole_responses_are_kept_by_the_layer() {
    let database = Arc::new(Database::default());
    let app = app(Tier::open("embedded:").unwrap(), database.clone());
    let first = ask(&app, "/report").await;
    let second = ask(&app, "/report").await;
    assert_eq!((&first.1, &first.2[..], &second.2[..]), (&second.1, "miss", "hit"));
    assert_eq!(database.queries.load(Ordering::Relaxed), 1);
}
