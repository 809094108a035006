//! Some minutes of trouble in a few seconds: what `cargo xtask chaos` does at length.

use cachette_bench_tier::chaos;

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
