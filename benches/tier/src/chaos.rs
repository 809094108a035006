//! Trouble for a tier at load, and what came of it.

use crate::load::{self, Log, Sample, What};
use crate::servers::{self, Sentinels, Server};
use anyhow::{Context, Result, bail};
use cachette::tier::{Conflict, Durability, Keep, Options, State, Tier};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is done to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Kill,
    Stop,
    RestartEmpty,
    Flush,
    KillClients,
    ClusterFailover,
    SentinelFailover,
}

impl Trouble {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill, 2 s away",
            Self::Stop => "SIGSTOP, 5 s",
            Self::RestartEmpty => "restart, empty",
            Self::Flush => "FLUSHALL",
            Self::KillClients => "CLIENT KILL",
            Self::ClusterFailover => "master of a 3+3 cluster killed",
            Self::SentinelFailover => "master under Sentinel killed",
        }
    }

    /// What Redis had may be gone afterwards.
    fn loses(self) -> bool {
        !matches!(self, Self::Stop | Self::KillClients)
    }

    /// Nothing that Redis had is there afterwards.
    fn empties(self) -> bool {
        matches!(self, Self::Kill | Self::RestartEmpty | Self::Flush)
    }

    pub const ALL: [Self; 7] = [
        Self::Kill,
        Self::Stop,
        Self::RestartEmpty,
        Self::Flush,
        Self::KillClients,
        Self::ClusterFailover,
        Self::SentinelFailover,
    ];
}

/// One time of trouble.
#[derive(Clone, Debug)]
pub struct Cycle {
    pub trouble: Trouble,
    /// Seconds since the start, when it began and when the tier was whole again.
    pub from: f64,
    pub to: f64,
    /// From the trouble to the state DOWN.
    pub detected: Option<Duration>,
    /// From the moment at which Redis answers again to the state UP.
    pub back: Option<Duration>,
    pub lost: Vec<String>,
    /// The samples between the state DOWN and the moment at which Redis answers again.
    pub down: std::ops::Range<f64>,
}

/// All that was seen.
#[derive(Default)]
pub struct Outcome {
    pub cycles: Vec<Cycle>,
    pub samples: Vec<Sample>,
    pub stale_reads: Vec<String>,
    pub errors: Vec<String>,
    pub unknown: u64,
    pub acked: usize,
    pub dropped: usize,
}

impl Outcome {
    fn join(&mut self, other: Outcome, shift: f64) {
        self.cycles.extend(other.cycles.into_iter().map(|cycle| Cycle {
            from: cycle.from + shift,
            to: cycle.to + shift,
            down: cycle.down.start + shift..cycle.down.end + shift,
            ..cycle
        }));
        self.samples.extend(other.samples.into_iter().map(|sample| Sample { at: sample.at + (shift * 1e6) as u64, ..sample }));
        self.stale_reads.extend(other.stale_reads);
        self.errors.extend(other.errors);
        self.unknown += other.unknown;
        self.acked += other.acked;
        self.dropped += other.dropped;
    }

    fn end(&self) -> f64 {
        self.samples.last().map_or(0.0, |sample| sample.at as f64 / 1e6) + 1.0
    }
}

fn options() -> Options {
    // Journaled values are set, so that each can be looked for in Redis.
    Options { conflict: Conflict::Overwrite, ..Options::default() }
}

/// Waits until every node is UP.
async fn whole(tier: &Tier, within: Duration) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < within {
        if tier.health().iter().all(|(_, state, tracking)| *state == State::Up && *tracking) && tier.journaled().0 == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    bail!("not whole again after {within:?}: {:?}, {:?} journaled", tier.health(), tier.journaled())
}

/// Somebody else, who writes the keys that are read most.
async fn others(tier: Tier, log: Arc<Log>) {
    for version in 1u64.. {
        let key = format!("others:{}", version % 8);
        if let Ok(Durability::L2) = tier.set(&key, format!("{key}={version}"), Keep::default()).await {
            log.others.lock().unwrap().insert(key, (version, Instant::now()));
        }
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

enum Redis {
    One(Server),
    Cluster(Vec<Server>),
    Sentinel(Sentinels),
}

impl Redis {
    fn url(&self) -> String {
        match self {
            Self::One(server) => format!("redis://127.0.0.1:{}", server.port),
            Self::Cluster(servers) => {
                let hosts: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
                format!("redis+cluster://{}", hosts.join(","))
            }
            Self::Sentinel(sentinels) => {
                let hosts: Vec<String> = sentinels.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
                format!("redis+sentinel://{}/mymaster", hosts.join(","))
            }
        }
    }
}

/// Runs the troubles one after the other at load.
async fn run(mut redis: Redis, troubles: &[Trouble]) -> Result<Outcome> {
    let url = redis.url();
    let tier = Tier::with_options(&url, options())?;
    // Of its own kind: its own L1, its own breaker. It writes only what Redis acknowledges.
    let other = Tier::with_options(&url, Options { on_down: cachette::tier::OnDown::Fail, ..options() })?;
    whole(&tier, Duration::from_secs(20)).await.context("at the beginning")?;
    whole(&other, Duration::from_secs(20)).await.context("at the beginning")?;
    let log = Log::new();
    let writer = tokio::spawn(others(other.clone(), log.clone()));
    let callers = load::start(&tier, &log, 32, Duration::from_millis(2));
    tokio::time::sleep(Duration::from_millis(800)).await;
    let mut cycles = Vec::new();
    *log.settled.lock().unwrap() = Some(Instant::now());
    for trouble in troubles {
        ghosts(&tier, &other, &log).await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        let cycle = one(&mut redis, *trouble, &tier, &other, &log)
            .await
            .with_context(|| format!("{}, cycle {}", trouble.name(), cycles.len() + 1))?;
        eprintln!(
            "   {:>3} {:<32} down after {:>8}, back after {:>8}, lost {}",
            cycles.len() + 1,
            trouble.name(),
            shown(cycle.detected),
            shown(cycle.back),
            cycle.lost.len()
        );
        cycles.push(cycle);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    log.stop();
    writer.abort();
    for caller in callers {
        let _ = caller.await;
    }
    let mut samples = std::mem::take(&mut *log.samples.lock().unwrap());
    samples.sort_by_key(|sample| sample.at);
    let (stale_reads, errors) =
        (std::mem::take(&mut *log.stale_reads.lock().unwrap()), std::mem::take(&mut *log.errors.lock().unwrap()));
    let (acked, dropped) = (log.acked.lock().unwrap().len(), log.dropped.lock().unwrap().len());
    let unknown = log.unknown.load(std::sync::atomic::Ordering::Relaxed);
    Ok(Outcome { cycles, samples, stale_reads, errors, unknown, acked, dropped })
}

pub fn shown(span: Option<Duration>) -> String {
    span.map_or("-".into(), |span| format!("{} ms", span.as_millis()))
}

async fn one(redis: &mut Redis, trouble: Trouble, tier: &Tier, other: &Tier, log: &Log) -> Result<Cycle> {
    let began = Instant::now();
    let from = (began - log.start).as_secs_f64();
    *log.settled.lock().unwrap() = None;
    // What Redis may lose by itself: acknowledged before it comes back.
    let (answers, killed) = strike(redis, trouble, log, began).await?;
    whole(tier, Duration::from_secs(20)).await?;
    let up = Instant::now();
    // From here on no answer is old that is not said to be.
    *log.settled.lock().unwrap() = Some(up);
    if trouble.empties() {
        *log.gone.lock().unwrap() = Some(up);
    }
    whole(other, Duration::from_secs(20)).await?;
    let lost = verify(tier, log, trouble, began, answers).await?;
    if let (Some(killed), Redis::Cluster(servers) | Redis::Sentinel(Sentinels { servers, .. })) = (killed, redis) {
        bring_back(&mut servers[killed]).await?;
        whole(tier, Duration::from_secs(20)).await?;
        whole(other, Duration::from_secs(20)).await?;
    }
    let detected = log.state_since(began, State::Down).map(|at| at - began);
    let back = (answers > began && detected.is_some()).then(|| up.saturating_duration_since(answers));
    let down = from + detected.unwrap_or_default().as_secs_f64()..(answers - log.start).as_secs_f64();
    let down = if detected.is_some() { down } else { from..from };
    Ok(Cycle { trouble, from, to: (up - log.start).as_secs_f64(), detected, back, lost, down })
}

/// Values of somebody else, which L1 has read before the trouble comes.
async fn ghosts(tier: &Tier, other: &Tier, log: &Log) -> Result<()> {
    *log.gone.lock().unwrap() = None;
    for at in 0..load::GHOSTS {
        let key = load::ghost(at);
        other.set(&key, format!("{key}=1"), Keep::default()).await?;
        tier.get(&key).await?;
    }
    Ok(())
}

/// Does it; the moment at which Redis answers again, and which server is still gone.
async fn strike(redis: &mut Redis, trouble: Trouble, log: &Log, began: Instant) -> Result<(Instant, Option<usize>)> {
    match (redis, trouble) {
        (Redis::One(server), Trouble::Kill) => {
            server.kill();
            tokio::time::sleep(Duration::from_secs(2)).await;
            server.restart()?;
        }
        (Redis::One(server), Trouble::RestartEmpty) => {
            server.kill();
            server.restart()?;
        }
        (Redis::One(server), Trouble::Stop) => {
            server.signal("STOP")?;
            tokio::time::sleep(Duration::from_secs(5)).await;
            server.signal("CONT")?;
        }
        (Redis::One(server), Trouble::Flush) => {
            servers::cli(server.port, &["FLUSHALL"])?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            return Ok((began, None));
        }
        (Redis::One(server), Trouble::KillClients) => {
            servers::cli(server.port, &["CLIENT", "KILL", "TYPE", "normal"])?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            return Ok((began, None));
        }
        (Redis::Cluster(all), Trouble::ClusterFailover) => return fail_over(all, log).await,
        (Redis::Sentinel(all), Trouble::SentinelFailover) => return fail_over(&mut all.servers, log).await,
        _ => bail!("that cannot be done to this Redis"),
    }
    Ok((Instant::now(), None))
}

/// Kills a master. The moment at which another has taken over, and the one that was killed.
async fn fail_over(servers: &mut [Server], log: &Log) -> Result<(Instant, Option<usize>)> {
    let is_master = |server: &Server| servers::cli(server.port, &["ROLE"]).is_ok_and(|role| role.starts_with("master"));
    let masters: Vec<usize> = (0..servers.len()).filter(|at| is_master(&servers[*at])).collect();
    let killed = *masters.first().context("no master")?;
    servers[killed].kill();
    log.others.lock().unwrap().clear();
    let start = Instant::now();
    let over = loop {
        let now = (0..servers.len()).filter(|at| *at != killed && is_master(&servers[*at]));
        if now.count() == masters.len() {
            break Instant::now();
        }
        if start.elapsed() > Duration::from_secs(20) {
            bail!("nobody took over");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    log.others.lock().unwrap().clear();
    Ok((over, Some(killed)))
}

/// Starts a killed master, which becomes a replica of the one that took over.
async fn bring_back(server: &mut Server) -> Result<()> {
    server.restart()?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        let role = servers::cli(server.port, &["ROLE"])?;
        if role.starts_with("slave") && role.contains("connected") {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the killed master did not become a replica")
}

/// Acknowledged writes that are nowhere, though nobody said so.
async fn verify(tier: &Tier, log: &Log, trouble: Trouble, began: Instant, answers: Instant) -> Result<Vec<String>> {
    let acked: Vec<_> = log.acked.lock().unwrap().iter().map(|(key, acked)| (key.clone(), *acked)).collect();
    let mut lost = Vec::new();
    for (key, acked) in acked {
        // Acknowledged by Redis, and lost by Redis: not ours.
        if trouble.loses() && acked.durability == Durability::L2 && acked.at < answers.max(began) + Duration::from_millis(300) {
            continue;
        }
        // Given out by Redis itself, not by L1.
        let found = tier.command(&["GETRANGE", &key, "0", "-1"]).await?;
        let version = found.as_bytes().map_or(0, load::version);
        let said = log.dropped.lock().unwrap().get(&key).is_some_and(|at| *at >= acked.at);
        let overtaken = log.acked.lock().unwrap().get(&key).is_none_or(|now| now.version != acked.version);
        if version < acked.version && !said && !overtaken {
            lost.push(format!("{key}: version {} was acknowledged ({:?}), Redis has {version}", acked.version, acked.durability));
        }
    }
    Ok(lost)
}

/// `cycles` times of trouble over one Redis, and some over a cluster and over Sentinel.
///
/// The parts in their order, each on a clock of its own.
pub async fn all(cycles: u32, failovers: u32) -> Result<Vec<Outcome>> {
    use Trouble::{Flush, Kill, KillClients, RestartEmpty, Stop};
    let order = [Kill, KillClients, RestartEmpty, Flush, Stop];
    let troubles: Vec<Trouble> = order.iter().copied().cycle().take(cycles as usize).collect();
    let mut parts = vec![run(Redis::One(Server::start(&[])?), &troubles).await?];
    if failovers > 0 {
        let of = |trouble| vec![trouble; failovers as usize];
        parts.push(run(Redis::Cluster(servers::cluster()?), &of(Trouble::ClusterFailover)).await?);
        parts.push(run(Redis::Sentinel(Sentinels::start()?), &of(Trouble::SentinelFailover)).await?);
    }
    Ok(parts)
}

/// All parts as one.
pub fn joined(parts: Vec<Outcome>) -> Outcome {
    let mut parts = parts.into_iter();
    let mut outcome = parts.next().unwrap_or_default();
    for part in parts {
        let shift = outcome.end();
        outcome.join(part, shift);
    }
    outcome
}

/// The figures that the bars are about.
pub struct Bars {
    pub hit_errors: usize,
    pub p99_down: f64,
    pub down_refused: Duration,
    pub down_silent: Duration,
    pub back: Duration,
    pub stale_reads: usize,
    pub lost: usize,
}

/// The slowest of the fastest 99 % of calls while Redis was down, in milliseconds.
pub fn p99_down<'a>(outcome: &Outcome, cycles: impl Iterator<Item = &'a Cycle>) -> f64 {
    let mut took: Vec<u32> = Vec::new();
    for cycle in cycles {
        let at = |moment: f64| outcome.samples.partition_point(|sample| (sample.at as f64) < moment * 1e6);
        let within = outcome.samples.get(at(cycle.down.start)..at(cycle.down.end)).unwrap_or_default();
        took.extend(within.iter().map(|sample| sample.took));
    }
    took.sort_unstable();
    f64::from(took.get(took.len() * 99 / 100).copied().unwrap_or(0)) / 1000.0
}

pub fn bars(outcome: &Outcome) -> Bars {
    let of = |silent: bool| {
        let found = outcome.cycles.iter().filter(|cycle| (cycle.trouble == Trouble::Stop) == silent);
        found.filter_map(|cycle| cycle.detected).max().unwrap_or_default()
    };
    Bars {
        hit_errors: outcome.samples.iter().filter(|sample| sample.what == What::Hot && sample.source.is_none()).count(),
        p99_down: p99_down(outcome, outcome.cycles.iter()),
        down_refused: of(false),
        down_silent: of(true),
        back: outcome.cycles.iter().filter_map(|cycle| cycle.back).max().unwrap_or_default(),
        stale_reads: outcome.stale_reads.len(),
        lost: outcome.cycles.iter().map(|cycle| cycle.lost.len()).sum(),
    }
}
