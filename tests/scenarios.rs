//! Runs the language-free scenarios of `tests/scenarios/` on everything that claims to behave like Redis.
//!
//! `SCENARIO=string/SET cargo test --test scenarios` runs those whose `file/name` contains the text.
//! `SCENARIO_FILL=1 cargo test --test scenarios fill` writes the real server's replies in the place of every `'?'`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::engine::InProcess;
use support::scenario::{self, Outcome};
use support::target::{Server, Target};

fn report(target: &str, resp: u8, outcome: &Outcome) {
    println!(
        "{target}, RESP{resp}: {} scenarios, {} steps, {} skipped, {} failed",
        outcome.scenarios,
        outcome.steps,
        outcome.skipped,
        outcome.failures.len()
    );
    assert!(outcome.unknown.is_empty(), "{target} does not have {:?}", outcome.unknown);
    if !outcome.failures.is_empty() {
        let shown: Vec<&str> = outcome.failures.iter().take(40).map(String::as_str).collect();
        panic!("{} scenarios failed on {target}, RESP{resp}:\n\n{}", outcome.failures.len(), shown.join("\n"));
    }
    assert!(outcome.scenarios > 0 || std::env::var_os("SCENARIO").is_some(), "no scenario ran");
}

/// What a real server on this machine can be asked for. Redis's `INCRBYFLOAT` reckons in the machine's long double.
fn redis_is_able() -> Vec<&'static str> {
    let mut able = vec!["sockets", "waits", "debug", "client-control", "clock", "process"];
    if cfg!(target_arch = "x86_64") {
        able.push("x87");
    }
    able
}

fn on_redis(resp: u8) {
    let Some(mut server) = Server::redis() else { return };
    let outcome = scenario::run_all(&scenario::load_all(), &mut server, resp, &redis_is_able());
    report(&server.name(), resp, &outcome);
}

#[test]
fn redis_server_resp2() {
    on_redis(2);
}

#[test]
fn redis_server_resp3() {
    on_redis(3);
}

fn on_the_engine(resp: u8) {
    let mut engine = InProcess::new(42);
    let outcome = scenario::run_all(
        &scenario::load_all(),
        &mut engine,
        resp,
        &["waits", "debug", "x87", "client-control", "clock", "process"],
    );
    report(&engine.name(), resp, &outcome);
}

#[test]
fn engine_resp2() {
    on_the_engine(2);
}

#[test]
fn engine_resp3() {
    on_the_engine(3);
}

#[cfg(feature = "server")]
fn on_the_server(resp: u8) {
    let mut server = Server::cachette();
    let outcome = scenario::run_all(
        &scenario::load_all(),
        &mut server,
        resp,
        &["sockets", "waits", "debug", "x87", "client-control", "clock", "process"],
    );
    report(&server.name(), resp, &outcome);
}

#[cfg(feature = "server")]
#[test]
fn cachette_server_resp2() {
    on_the_server(2);
}

#[cfg(feature = "server")]
#[test]
fn cachette_server_resp3() {
    on_the_server(3);
}

/// The scenarios for runners in other languages: `target/scenarios.json`.
#[test]
fn export() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("scenarios.json");
    std::fs::write(path, scenario::export_json(&scenario::load_all())).unwrap();
}

#[test]
fn fill() {
    if std::env::var_os("SCENARIO_FILL").is_none() {
        return;
    }
    let mut server = Server::redis().unwrap();
    let files = scenario::load_all();
    let two = scenario::run_all(&files, &mut server, 2, &redis_is_able());
    let three = scenario::run_all(&files, &mut server, 3, &redis_is_able());
    scenario::fill_blanks(&files, &two, &three);
}
