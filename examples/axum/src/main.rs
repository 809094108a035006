//! `CACHE=redis://localhost cargo run --package cachette-example-axum`, or without `CACHE` in memory.

use cachette::tier::Tier;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("CACHE").unwrap_or_else(|_| "embedded:".to_owned());
    let tier = Tier::open(&url)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}/users/1, cached in {url}", listener.local_addr()?);
    Ok(axum::serve(listener, cachette_example_axum::app(tier, Arc::default())).await?)
}
