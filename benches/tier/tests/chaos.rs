//! Some minutes of trouble in a few seconds: what `cargo xtask chaos` does at length. And what takes two tiers over one Redis to see.

use cachette::Value;
use cachette::tier::{Conflict, Durability, Keep, OnDown, Options, Rule, State, Tier, TierError};
use cachette_bench_tier::{chaos, servers::Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn has_redis() -> bool {
    let there = std::process::Command::new("redis-server").arg("--version").output().is_ok();
    assert!(there || std::env::var_os("CACHETTE_REQUIRE_REDIS").is_none(), "no redis-server");
    if !there {
        println!("passed over: no redis-server");
    }
    there
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_cycles_of_trouble_break_no_promise() {
    if !has_redis() {
        return;
    }
    let outcome = chaos::joined(chaos::all(5, 0).await.unwrap());
    let bars = chaos::bars(&outcome);
    assert_eq!(outcome.errors, Vec::<String>::new());
    assert_eq!((bars.hit_errors, bars.lost), (0, 0), "{:?}", outcome.cycles);
    assert_eq!(outcome.stale_reads, Vec::<String>::new());
    assert!(outcome.samples.len() > 5_000, "{} calls", outcome.samples.len());
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/chaos").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn within(time: Duration, holds: impl Fn() -> bool) -> bool {
    let start = std::time::Instant::now();
    while start.elapsed() < time && !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    holds()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_journaled_in_a_file_outlives_the_process() {
    if !has_redis() {
        return;
    }
    let mut server = Server::start(&[]).unwrap();
    let url = format!("redis://127.0.0.1:{}", server.port);
    let options = Options { conflict: Conflict::Overwrite, ..Options::default() };
    let (folder, copy) = (folder("journal"), folder("journal-copy"));
    let path = folder.join("tier.journal");
    server.kill();
    let tier = Tier::with_journal(&url, options.clone(), &path).unwrap();
    assert!(Tier::with_journal(&url, options.clone(), &path).is_err(), "one file, two tiers");
    assert!(within(Duration::from_secs(5), || tier.health()[0].1 == State::Down).await);
    for at in 0..1000 {
        let durability = tier.set(format!("key:{at}"), format!("value:{at}"), Keep::default()).await.unwrap();
        assert_eq!(durability, Durability::Journaled);
    }
    tier.delete("key:7").await.unwrap();
    // The file as it is when the machine loses its power a second and a half later.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let copy = copy.join("tier.journal");
    std::fs::copy(&path, &copy).unwrap();
    drop(tier);

    let tier = Tier::with_journal(&url, options, &copy).unwrap();
    assert_eq!(tier.journaled().0, 1000);
    assert_eq!(tier.get("key:1").await.unwrap().as_deref(), Some(&b"value:1"[..]), "before Redis has it");
    server.restart().unwrap();
    assert!(within(Duration::from_secs(10), || tier.journaled().0 == 0).await);
    let found = cachette_bench_tier::servers::cli(server.port, &["MGET", "key:0", "key:999", "key:7"]).unwrap();
    assert_eq!(found.lines().collect::<Vec<_>>(), ["value:0", "value:999", ""]);
    assert!(within(Duration::from_secs(2), || std::fs::metadata(&copy).unwrap().len() == 0).await, "nothing waits any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_commands_count_here_until_redis_is_back() {
    if !has_redis() {
        return;
    }
    let mut server = Server::start(&[]).unwrap();
    let url = format!("redis://127.0.0.1:{}", server.port);
    let rules = vec![Rule { prefix: b"limit:".to_vec(), on_down: OnDown::Local, behind: false }];
    let tier = Tier::with_options(&url, Options { rules, ..Options::default() }).unwrap();
    let incr = async || tier.command(&["INCR", "limit:a"]).await;
    assert_eq!(incr().await.unwrap(), Value::Integer(1));
    server.kill();
    assert!(within(Duration::from_secs(5), || tier.health()[0].1 == State::Down).await);
    assert_eq!(incr().await.unwrap(), Value::Integer(1));
    assert_eq!(incr().await.unwrap(), Value::Integer(2));
    assert_eq!(tier.command(&["EXPIRE", "limit:a", "60"]).await.unwrap(), Value::Integer(1));
    assert_eq!(tier.command(&["INCR", "stock:a"]).await, Err(TierError::Down));
    server.restart().unwrap();
    assert!(within(Duration::from_secs(5), || tier.health()[0].1 == State::Up).await);
    assert_eq!(incr().await.unwrap(), Value::Integer(1), "Redis is the truth, and began anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tiers_hear_of_each_other_s_writes_by_prefix_and_by_backplane() {
    if !has_redis() {
        return;
    }
    let server = Server::start(&[]).unwrap();
    let url = format!("redis://127.0.0.1:{}", server.port);
    let by_prefix = Options { broadcast: vec![b"k".to_vec()], ..Options::default() };
    let by_backplane = Options { tracking: false, backplane: Some(b"changes".to_vec()), ..Options::default() };
    for options in [by_prefix, by_backplane] {
        let reader = Tier::with_options(&url, options.clone()).unwrap();
        let writer = Tier::with_options(&url, options).unwrap();
        for version in ["1", "2", "3"] {
            writer.set("k:1", version, Keep::default()).await.unwrap();
            let seen = async || reader.get("k:1").await.unwrap();
            let start = std::time::Instant::now();
            // Word of the change may come after the change itself was read; then it is read once more.
            while seen().await.as_deref() != Some(version.as_bytes()) || reader.peek("k:1", |_, _| ()).is_none() {
                assert!(start.elapsed() < Duration::from_secs(1), "version {version} is not seen, or not kept");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        writer.clear("k:").await.unwrap();
        let start = std::time::Instant::now();
        while reader.get("k:1").await.unwrap().is_some() {
            assert!(start.elapsed() < Duration::from_secs(1), "what was cleared is still there");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_lease_one_of_two_processes_makes_a_value() {
    if !has_redis() {
        return;
    }
    let server = Server::start(&[]).unwrap();
    let url = format!("redis://127.0.0.1:{}", server.port);
    let options = Options { lease: 5_000, ..Options::default() };
    // Two tiers know no more of each other than two processes do.
    let tiers = [Tier::with_options(&url, options.clone()).unwrap(), Tier::with_options(&url, options).unwrap()];
    let made = Arc::new(AtomicU32::new(0));
    for round in 0..5 {
        let asked: Vec<_> = (0..100)
            .map(|at: usize| {
                let (tier, made) = (tiers[at % 2].clone(), made.clone());
                tokio::spawn(async move {
                    let make = move || async move {
                        made.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        Ok::<_, std::io::Error>(Some(b"value".to_vec()))
                    };
                    tier.get_or_set(format!("wanted:{round}"), Keep::for_ms(60_000), make).await
                })
            })
            .collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap().unwrap().as_deref(), Some(&b"value"[..]));
        }
        assert_eq!(made.load(Ordering::Relaxed), round + 1);
    }
}
