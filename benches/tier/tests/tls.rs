//! The tier over TLS, with AUTH, over a real redis-server whose certificate is made here.

use cachette::tier::{Durability, Keep, State, Tier, TierError};
use cachette_bench_tier::servers::Server;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Tells the test, run once more, where the server is: which authorities are trusted is read from the environment.
const URL: &str = "CACHETTE_TLS_URL";

fn is_there(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).output().is_ok_and(|out| out.status.success())
}

fn openssl(folder: &Path, words: &str) {
    let done = Command::new("openssl").current_dir(folder).args(words.split(' ')).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// An authority, and a certificate for 127.0.0.1 by it.
fn certificates(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(folder, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority");
    openssl(folder, "req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=localhost");
    openssl(folder, "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out own.pem");
}

async fn within(time: Duration, holds: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < time && !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    holds()
}

async fn speak(url: &str) {
    let tier = Tier::open(url).unwrap();
    assert_eq!(tier.set("k", "v", Keep::default()).await, Ok(Durability::L2));
    assert_eq!(tier.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert!(within(Duration::from_secs(2), || tier.health()[0] == (0, State::Up, true)).await, "changes are told over TLS too");
    // The same without the password: said at once, and nothing falls back.
    let (plain, host) = (url.replace(":secret@", ""), url);
    assert_ne!(plain, host);
    let refused = Tier::open(&plain).unwrap();
    assert!(within(Duration::from_secs(5), || !refused.health()[0].1.is_online()).await);
    assert!(matches!(refused.get("k").await, Err(TierError::Configuration(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_speaks_tls_and_says_its_password() {
    if let Ok(url) = std::env::var(URL) {
        return speak(&url).await;
    }
    if !is_there("redis-server", "--version") || !is_there("openssl", "version") {
        assert!(std::env::var_os("CACHETTE_REQUIRE_REDIS").is_none(), "no redis-server, or no openssl");
        println!("passed over: no redis-server, or no openssl");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/chaos/tls");
    certificates(&folder);
    let port = cachette_bench_tier::servers::free_port().unwrap().to_string();
    let file = |name: &str| folder.canonicalize().unwrap().join(name).display().to_string();
    let (own, key, authority) = (file("own.pem"), file("own.key"), file("ca.pem"));
    let server = Server::start(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &own,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ]);
    let server = server.unwrap();
    cachette_bench_tier::servers::cli(server.port, &["CONFIG", "SET", "requirepass", "secret"]).unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "a_tier_speaks_tls_and_says_its_password", "--nocapture"]);
    again.env("SSL_CERT_FILE", &authority).env(URL, format!("rediss://:secret@127.0.0.1:{port}"));
    let out = again.output().unwrap();
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}
