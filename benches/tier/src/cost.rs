//! What a hit in L1 costs, next to the engine asked directly; and how often a factory runs that 10,000 want at once.

use cachette::Cache;
use cachette::tier::{Keep, Tier, TierError};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CALLS: u32 = 200_000;
const ROUNDS: usize = 15;

/// Nanoseconds a call, by way: median, least and most of the rounds.
pub struct Cost {
    pub name: &'static str,
    pub rounds: Vec<f64>,
}

impl Cost {
    pub fn median(&self) -> f64 {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    }
}

fn time(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

/// 1,000 keys with values of 100 bytes, asked for in turn. The ways take turns too, so that a noisy moment meets them all.
pub async fn hits() -> Result<Vec<Cost>, TierError> {
    let keys: Vec<String> = (0..1000).map(|at| format!("user:{at}")).collect();
    let value = vec![b'x'; 100];
    let tier = Tier::open("embedded:").map_err(|_| TierError::Closed)?;
    let mut cache = Cache::new();
    for key in &keys {
        tier.set(key, value.clone(), Keep::for_ms(3_600_000)).await?;
        tier.get(key).await?;
        cache.set_ttl(key.as_bytes(), &value, Duration::from_secs(3600)).map_err(TierError::Reply)?;
    }
    let cache = Mutex::new(cache);
    let mut costs: Vec<Cost> =
        ["engine, borrowed", "engine behind a lock, copied", "tier, borrowed (peek)", "tier, copied (get)"]
            .map(|name| Cost { name, rounds: Vec::new() })
            .into();
    let in_turn = || keys.iter().cycle().take(CALLS as usize);
    for _ in 0..ROUNDS {
        let direct = time(|| {
            let mut cache = cache.lock().unwrap();
            for key in in_turn() {
                black_box(cache.get(key.as_bytes()).unwrap());
            }
        });
        let copied = time(|| {
            for key in in_turn() {
                black_box(cache.lock().unwrap().get(key.as_bytes()).unwrap().map(<[u8]>::to_vec));
            }
        });
        let peeked = time(|| {
            for key in in_turn() {
                black_box(tier.peek(key, |value, _| value.len()));
            }
        });
        let start = Instant::now();
        for key in in_turn() {
            black_box(tier.get(key).await?);
        }
        let got = start.elapsed().as_nanos() as f64 / f64::from(CALLS);
        for (cost, round) in costs.iter_mut().zip([direct, copied, peeked, got]) {
            cost.rounds.push(round);
        }
    }
    Ok(costs)
}

/// How often the factory of one key runs that so many ask for at once.
pub async fn stampede(callers: usize) -> Result<u64, TierError> {
    let tier = Tier::open("embedded:").map_err(|_| TierError::Closed)?;
    let made = Arc::new(AtomicU64::new(0));
    let asked: Vec<_> = (0..callers)
        .map(|_| {
            let (tier, made) = (tier.clone(), made.clone());
            tokio::spawn(async move {
                let make = move || async move {
                    made.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok::<_, TierError>(Some(b"value".to_vec()))
                };
                tier.get_or_set("wanted", Keep::for_ms(60_000), make).await
            })
        })
        .collect();
    for answer in asked {
        let value = answer.await.map_err(|_| TierError::Closed)??;
        assert_eq!(value.as_deref(), Some(&b"value"[..]));
    }
    Ok(made.load(Ordering::Relaxed))
}
