//! Load on a tier, and what every call did: when, how long, from where, with what outcome.

use cachette::tier::{Durability, Keep, Notice, Source, State, Tier, TierError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A key that is read all the time and therefore in L1.
    Hot,
    /// `get_or_set` of one of many keys.
    Made,
    Write,
}

#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Microseconds since the start.
    pub at: u64,
    pub took: u32,
    pub what: What,
    /// `None`: an error.
    pub source: Option<Source>,
    pub stale: bool,
}

/// The last acknowledged write of a key.
#[derive(Clone, Copy, Debug)]
pub struct Acked {
    pub version: u64,
    pub durability: Durability,
    pub at: Instant,
}

/// What is known of all that happened.
pub struct Log {
    pub start: Instant,
    pub samples: Mutex<Vec<Sample>>,
    pub notices: Mutex<Vec<(Instant, Notice)>>,
    pub acked: Mutex<HashMap<String, Acked>>,
    /// Journaled writes that were said to be lost.
    pub dropped: Mutex<HashMap<String, Instant>>,
    pub unknown: AtomicU64,
    /// What others wrote last, by key: version, and when Redis had acknowledged it.
    pub others: Mutex<HashMap<String, (u64, Instant)>>,
    pub stale_reads: Mutex<Vec<String>>,
    pub errors: Mutex<Vec<String>>,
    /// The moment from which reads that are not said to be stale must show what others wrote before.
    pub settled: Mutex<Option<Instant>>,
    /// The moment from which no ghost is to be seen: Redis began anew, without them.
    pub gone: Mutex<Option<Instant>>,
    stop: AtomicBool,
}

/// Keys that somebody else writes once before each trouble.
pub const GHOSTS: u64 = 8;

pub fn ghost(at: u64) -> String {
    format!("ghost:{at}")
}

/// How long word of a change may be on its way.
const TOLD_WITHIN: Duration = Duration::from_millis(250);

impl Log {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            samples: Mutex::default(),
            notices: Mutex::default(),
            acked: Mutex::default(),
            dropped: Mutex::default(),
            unknown: AtomicU64::new(0),
            others: Mutex::default(),
            stale_reads: Mutex::default(),
            errors: Mutex::default(),
            settled: Mutex::new(None),
            gone: Mutex::new(None),
            stop: AtomicBool::new(false),
        })
    }

    fn note(&self, what: What, began: Instant, source: Option<Source>, stale: bool) {
        let at = (began - self.start).as_micros() as u64;
        let took = began.elapsed().as_micros().min(u32::MAX as u128) as u32;
        self.samples.lock().unwrap().push(Sample { at, took, what, source, stale });
    }

    /// When a node was first said to be in a state since `from`.
    pub fn state_since(&self, from: Instant, state: State) -> Option<Instant> {
        let notices = self.notices.lock().unwrap();
        let found = notices.iter().find(|(at, notice)| *at >= from && matches!(notice, Notice::State { to, .. } if *to == state));
        found.map(|(at, _)| *at)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Starts callers. `pause`: between two calls of one caller.
pub fn start(tier: &Tier, log: &Arc<Log>, callers: u64, pause: Duration) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = vec![tokio::spawn(listen(tier.clone(), log.clone()))];
    for caller in 0..callers {
        tasks.push(tokio::spawn(call(tier.clone(), log.clone(), caller, pause)));
    }
    tasks
}

async fn listen(tier: Tier, log: Arc<Log>) {
    let mut notices = tier.notices();
    while !log.stopped() {
        let Ok(Ok(notice)) = tokio::time::timeout(Duration::from_millis(100), notices.recv()).await else { continue };
        let now = Instant::now();
        match &notice {
            Notice::JournalDropped { key, .. } => {
                log.dropped.lock().unwrap().insert(String::from_utf8_lossy(key).into_owned(), now);
            }
            Notice::State { .. } => log.notices.lock().unwrap().push((now, notice)),
            _ => {}
        }
    }
}

/// The number at the end of `name=12`.
pub fn version(value: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(value);
    text.rsplit('=').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

async fn call(tier: Tier, log: Arc<Log>, caller: u64, pause: Duration) {
    let mut version = 0u64;
    let mut turn = caller;
    while !log.stopped() {
        turn += 1;
        match turn % 10 {
            0 => write(&tier, &log, caller, turn, &mut version).await,
            1 | 2 => made(&tier, &log, turn).await,
            3 => ghost_read(&tier, &log, turn).await,
            _ => hot(&tier, &log, turn).await,
        }
        tokio::time::sleep(pause).await;
    }
}

async fn hot(tier: &Tier, log: &Log, turn: u64) {
    let key = format!("others:{}", turn % 8);
    let known = log.others.lock().unwrap().get(&key).copied();
    let began = Instant::now();
    match tier.get_with_meta(&key).await {
        Ok(found) => {
            log.note(What::Hot, began, Some(found.meta.source), found.meta.stale);
            // What others wrote, and Redis had acknowledged well before this read began, must be seen, unless the answer says that it may be old.
            let settled = *log.settled.lock().unwrap();
            if let (Some((version, at)), Some(settled), Some(value)) = (known, settled, &found.value)
                && settled < began
                && at + TOLD_WITHIN < began
                && !found.meta.stale
                && self::version(value) < version
            {
                let said = String::from_utf8_lossy(value).into_owned();
                log.stale_reads.lock().unwrap().push(format!(
                    "{key}: {said}, {version} was written {:?} before, {:?}",
                    began - at,
                    found.meta
                ));
            }
        }
        Err(error) => failed(log, What::Hot, began, &key, &error),
    }
}

/// What was there before the trouble, and in Redis no more, must not be given out as if it were.
async fn ghost_read(tier: &Tier, log: &Log, turn: u64) {
    let key = ghost(turn / 10 % GHOSTS);
    let gone = *log.gone.lock().unwrap();
    let began = Instant::now();
    match tier.get_with_meta(&key).await {
        Ok(found) => {
            log.note(What::Hot, began, Some(found.meta.source), found.meta.stale);
            if gone.is_some_and(|gone| gone < began) && found.value.is_some() && !found.meta.stale {
                log.stale_reads.lock().unwrap().push(format!("{key} is given out, and gone, {:?}", found.meta));
            }
        }
        Err(error) => failed(log, What::Hot, began, &key, &error),
    }
}

async fn made(tier: &Tier, log: &Log, turn: u64) {
    let key = format!("made:{}", turn.wrapping_mul(0x9e37_79b9) % 500);
    let began = Instant::now();
    let made =
        tier.get_or_set_with_meta(&key, Keep::for_ms(2000), || async { Ok::<_, std::io::Error>(Some(b"made=1".to_vec())) }).await;
    match made {
        Ok(found) => log.note(What::Made, began, Some(found.meta.source), found.meta.stale),
        Err(error) => failed(log, What::Made, began, &key, &error),
    }
}

async fn write(tier: &Tier, log: &Log, caller: u64, turn: u64, version: &mut u64) {
    let key = format!("own:{caller}:{}", turn / 10 % 20);
    *version += 1;
    let began = Instant::now();
    match tier.set(&key, format!("{key}={version}"), Keep::default()).await {
        Ok(durability) => {
            log.note(What::Write, began, Some(Source::L2), false);
            log.acked.lock().unwrap().insert(key, Acked { version: *version, durability, at: Instant::now() });
        }
        Err(TierError::UnknownOutcome) => {
            log.unknown.fetch_add(1, Ordering::Relaxed);
            log.note(What::Write, began, Some(Source::L2), false);
            // Whether the one before still stands is unknown too, and the caller knows that.
            log.acked.lock().unwrap().remove(&key);
        }
        Err(error) => failed(log, What::Write, began, &key, &error),
    }
}

fn failed(log: &Log, what: What, began: Instant, key: &str, error: &TierError) {
    log.note(what, began, None, false);
    log.errors.lock().unwrap().push(format!("{what:?} {key}: {error}"));
}
