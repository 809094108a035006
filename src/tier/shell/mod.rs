//! The tier for Rust programs: [`Tier`], which drives the [`Machine`](super::Machine) over redis-rs and tokio.
//!
//! ```
//! use cachette::tier::{Keep, Tier};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // `embedded:` in development and tests, `redis://…`, `redis+sentinel://…/name` or `redis+cluster://…` in production: the rest stays.
//! let tier = Tier::open("embedded:")?;
//!
//! let keep = Keep::for_ms(60_000);
//! let user = tier.get_or_set("user:1", keep.clone(), || async { Ok::<_, std::io::Error>(Some(b"Ada".to_vec())) }).await?;
//! assert_eq!(user.as_deref(), Some(&b"Ada"[..]));
//!
//! tier.set("greeting", "hello", keep).await?;
//! assert_eq!(tier.get("greeting").await?.as_deref(), Some(&b"hello"[..]));
//! tier.delete("greeting").await?;
//! assert_eq!(tier.get("greeting").await?, None);
//! # Ok(()) }
//! ```
//!
//! A `Tier` is `Clone + Send + Sync`. Opening it waits for nothing. Every call may be dropped at any moment: a write that was begun is still done, a
//! factory that runs goes on for the next reader.

extern crate std;

mod address;
mod clock;
mod cluster;
mod embedded;
mod file;
mod link;
mod observe;
mod sentinel;
mod values;

pub use address::{Address, OpenError};

use super::{
    Action, Answer, Counters, Durability, Facts, Failure, Keep, Machine, Made, Meta, NodeId, Notice, Options, RequestId, State,
    Words,
};
use crate::command::{Flags, Registry};
use crate::error::ReplyError;
use crate::resp::read::{self, Value};
use crate::time::Millis;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use clock::{Clock, wall};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use link::Link;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;
use tokio::sync::{Notify, broadcast, oneshot};

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierError {
    /// Redis cannot be reached, and the rule for the key says that this is an error.
    Down,
    /// A write was sent and no answer came: it may have been done, or not.
    UnknownOutcome,
    JournalFull,
    /// Redis refuses this client: its words.
    Configuration(std::string::String),
    /// Redis's answer was an error.
    Reply(ReplyError),
    /// The factory failed: what it said.
    Factory(std::string::String),
    FactoryTimeout,
    /// The command means something for its connection, which is shared here: use one of your own.
    NotShared,
    /// The command is not known here, so that it is not known either what it changes.
    UnknownCommand,
    /// The runtime is shutting down.
    Closed,
}

impl fmt::Display for TierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("L2DOWN Redis cannot be reached"),
            Self::UnknownOutcome => f.write_str("the write was sent and no answer came; it may have been done"),
            Self::JournalFull => f.write_str("the journal of writes for Redis is full"),
            Self::Configuration(words) => write!(f, "Redis refuses this client: {words}"),
            Self::Reply(error) => fmt::Display::fmt(&std::string::String::from_utf8_lossy(error.as_bytes()), f),
            Self::Factory(words) => write!(f, "the factory failed: {words}"),
            Self::FactoryTimeout => f.write_str("the factory took too long"),
            Self::NotShared => f.write_str("this command needs a connection of its own"),
            Self::UnknownCommand => f.write_str("unknown command"),
            Self::Closed => f.write_str("the runtime is shutting down"),
        }
    }
}

impl core::error::Error for TierError {}

fn text(bytes: &[u8]) -> std::string::String {
    std::string::String::from_utf8_lossy(bytes).into_owned()
}

impl From<Failure> for TierError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Down => Self::Down,
            Failure::UnknownOutcome => Self::UnknownOutcome,
            Failure::JournalFull => Self::JournalFull,
            Failure::Configuration(words) => Self::Configuration(text(&words)),
            Failure::Reply(words) => Self::Reply(ReplyError::bytes(&[&words])),
            Failure::Factory(words) => Self::Factory(text(&words)),
            Failure::FactoryTimeout => Self::FactoryTimeout,
            Failure::NotShared => Self::NotShared,
        }
    }
}

impl Keep {
    /// Lives for so many milliseconds.
    pub fn for_ms(ttl: Millis) -> Self {
        Self { ttl: Some(ttl), ..Self::default() }
    }

    /// Fresh for so many milliseconds of its time; then given out as stale while it is made anew.
    pub fn fresh_ms(mut self, fresh: Millis) -> Self {
        self.fresh = Some(fresh);
        self
    }

    pub fn tag(mut self, tag: impl AsRef<[u8]>) -> Self {
        self.tags.push(tag.as_ref().to_vec());
        self
    }
}

/// A value and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub value: Option<Vec<u8>>,
    pub meta: Meta,
}

type Making = Pin<Box<dyn Future<Output = Made> + Send>>;
type Factory = Box<dyn FnOnce() -> Making + Send>;

/// What the lock guards.
struct Inner {
    machine: Machine,
    waiting: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    factories: BTreeMap<RequestId, Factory>,
    /// Factories that nobody wants any more. Dropped without the lock: they may own what they like, the last clone of this tier among it.
    spent: Vec<Factory>,
    next_request: RequestId,
    links: Vec<Link>,
    embedded: Option<embedded::Embedded>,
    /// Engines in the place of nodes that are away.
    here: BTreeMap<NodeId, embedded::Embedded>,
    /// What each of them may hold.
    here_bytes: u64,
    journal: Option<file::JournalFile>,
    /// The moment for which the clock's task sleeps.
    armed: Millis,
}

/// What all clones share.
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    clock: Clock,
    /// What is due may come earlier than the clock's task knows.
    wake: Notify,
    notices: broadcast::Sender<Notice>,
    registry: Registry,
    address: Address,
    runtime: tokio::runtime::Handle,
    topology: Notify,
}

/// A local first level before Redis. See the module.
#[derive(Clone)]
pub struct Tier {
    shared: Arc<Shared>,
    /// The last clone ends the tasks.
    _open: Arc<Open>,
}

struct Open(tokio::task::AbortHandle, Vec<tokio::task::AbortHandle>, Weak<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.abort();
        self.1.iter().for_each(tokio::task::AbortHandle::abort);
        if let Some(shared) = self.2.upgrade() {
            let mut inner = shared.lock();
            inner.links.iter_mut().for_each(Link::close);
            let journal = inner.journal.take();
            drop(inner);
            // Waits for the disk.
            drop(journal);
        }
    }
}

impl Shared {
    #[inline]
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Poisoned by a panic in here: there is none that leaves things half done.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[inline]
    fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Tells the machine something, then does what it asks for.
    fn event<T>(self: &Arc<Self>, tell: impl FnOnce(&mut Machine, Millis) -> T) -> T {
        let mut inner = self.lock();
        let told = tell(&mut inner.machine, self.now());
        self.act(&mut inner);
        told
    }

    fn act(self: &Arc<Self>, inner: &mut Inner) {
        while let Some(action) = inner.machine.take_action() {
            match action {
                Action::Connect { node } => self.connect(inner, node),
                Action::Disconnect { node } => {
                    if let Some(link) = inner.links.get_mut(usize::from(node)) {
                        link.close();
                    }
                }
                Action::Send { node, call, commands } => {
                    if let Some(embedded) = &mut inner.embedded {
                        let replies = embedded.run(&commands, self.now());
                        inner.machine.replied(self.now(), call, replies);
                    } else if let Some(link) = inner.links.get(usize::from(node)) {
                        link.send(call, commands, false);
                    }
                }
                Action::Answer { request, answer } => {
                    if let Some(waiting) = inner.waiting.remove(&request) {
                        let _ = waiting.send(answer);
                    }
                }
                Action::Make { request } => self.make(inner, request),
                Action::Forget { request } => {
                    let spent = inner.factories.remove(&request);
                    inner.spent.extend(spent);
                }
                Action::Run { request, node, command } => self.run_here(inner, request, node, command),
                Action::ForgetRun { node } => {
                    inner.here.remove(&node);
                }
                Action::Log(records) => {
                    if let Some(journal) = &inner.journal {
                        journal.append(records);
                    }
                }
                Action::EndLog => {
                    if let Some(journal) = &inner.journal {
                        journal.end();
                    }
                }
                Action::Tell(notice) => {
                    observe::tell(&notice);
                    if matches!(notice, Notice::State { to: State::Down, .. }) {
                        self.topology.notify_one();
                    }
                    let _ = self.notices.send(notice);
                }
            }
        }
        if inner.machine.next_due().is_some_and(|due| due < inner.armed) {
            self.wake.notify_one();
        }
    }

    fn connect(self: &Arc<Self>, inner: &mut Inner, node: NodeId) {
        if inner.embedded.is_some() {
            inner.machine.connected(self.now(), node);
            return;
        }
        if let Some(link) = inner.links.get_mut(usize::from(node)) {
            link.open(self, node);
        }
    }

    fn run_here(&self, inner: &mut Inner, request: RequestId, node: NodeId, command: Words) {
        let (now, bytes) = (self.now(), inner.here_bytes);
        let engine = inner.here.entry(node).or_insert_with(|| embedded::Embedded::bounded(now, bytes));
        let replies = engine.run(&[command], now);
        inner.machine.ran(now, request, replies.first().unwrap_or(&Value::Null));
    }

    fn make(self: &Arc<Self>, inner: &mut Inner, request: RequestId) {
        let Some(factory) = inner.factories.remove(&request) else {
            return inner.machine.made(self.now(), request, Made::Failed(b"the caller is gone".to_vec()));
        };
        let shared = self.clone();
        self.runtime.spawn(async move {
            // A factory that panics has failed.
            let made =
                tokio::spawn(async move { factory().await }).await.unwrap_or_else(|_| Made::Failed(b"it panicked".to_vec()));
            shared.event(|machine, now| machine.made(now, request, made));
        });
    }
}

/// Calls the machine when something is due.
async fn keep_time(shared: Arc<Shared>) {
    let mut wall_read = Instant::now();
    loop {
        let (wait, spent) = {
            let mut inner = shared.lock();
            let now = shared.now();
            if wall_read.elapsed() > Duration::from_secs(1) {
                wall_read = Instant::now();
                inner.machine.set_wall(now, wall());
                observe::count(&inner.machine.counters);
            }
            inner.machine.tick(now);
            shared.act(&mut inner);
            let due = inner.machine.next_due().unwrap_or(u64::MAX).min(now.saturating_add(1000));
            inner.armed = due;
            (due.saturating_sub(now), core::mem::take(&mut inner.spent))
        };
        drop(spent);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
            () = shared.wake.notified() => {}
        }
    }
}

/// Tells the machine when a caller no longer waits.
struct Cancel<'t> {
    shared: &'t Arc<Shared>,
    request: RequestId,
    done: bool,
}

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        if !self.done {
            let mut inner = self.shared.lock();
            inner.waiting.remove(&self.request);
            inner.machine.cancel(self.request);
            self.shared.act(&mut inner);
        }
    }
}

impl Tier {
    /// A tier over what the URL names: `embedded:`, `redis://[user:password@]host[:port][/db]`, `rediss://…` (TLS),
    /// `redis+sentinel://host:port,host:port/name[/db]`, `redis+cluster://host:port,host:port`. Waits for nothing; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`] where the URL is none of these.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        Self::with_options(url, Options::default())
    }

    /// As [`Tier::open`], with options.
    ///
    /// # Errors
    /// [`OpenError`] where the URL is of no known form.
    pub fn with_options(url: &str, options: Options) -> Result<Self, OpenError> {
        Self::build(url, options, None)
    }

    /// As [`Tier::with_options`], with the journal in a file: what was acknowledged as journaled outlives this process, and goes to Redis when the next
    /// one has opened the file and reached it. Synced once a second, as with Redis's `appendfsync everysec`.
    ///
    /// # Errors
    /// [`OpenError`] also where the file cannot be written, or is another tier's.
    pub fn with_journal(url: &str, mut options: Options, path: impl AsRef<std::path::Path>) -> Result<Self, OpenError> {
        options.journal_log = true;
        Self::build(url, options, Some(file::open(path.as_ref())?))
    }

    fn build(url: &str, mut options: Options, journal: Option<file::Opened>) -> Result<Self, OpenError> {
        let address = Address::parse(url)?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| OpenError::NO_RUNTIME)?;
        let embedded = matches!(address, Address::Embedded).then(|| {
            options.exclusive = true;
            embedded::Embedded::new(wall())
        });
        let clock = Clock::start();
        let seed = getrandom::u64().unwrap_or(clock.began_at);
        let connect_timeout = Duration::from_millis(options.connect_timeout);
        let here_bytes = options.l1_bytes;
        let mut machine = Machine::new(options, seed, clock.began_at);
        machine.set_wall(clock.began_at, clock.began_at);
        if let Some(journal) = &journal {
            machine.restore(&journal.log);
        }
        let links = alloc::vec![Link::new(&address, connect_timeout)];
        let inner = Inner {
            machine,
            waiting: BTreeMap::new(),
            factories: BTreeMap::new(),
            spent: Vec::new(),
            next_request: 0,
            links,
            embedded,
            here: BTreeMap::new(),
            here_bytes,
            journal: None,
            armed: u64::MAX,
        };
        let shared = Arc::new(Shared {
            inner: Mutex::new(inner),
            clock,
            wake: Notify::new(),
            notices: broadcast::channel(256).0,
            registry: Registry::new(),
            address,
            runtime: runtime.clone(),
            topology: Notify::new(),
        });
        if let Some(journal) = journal {
            let log = shared.lock().machine.log();
            let file = journal.start(&log, Arc::downgrade(&shared))?;
            shared.lock().journal = Some(file);
        }
        shared.event(|machine, now| machine.start(now, 0));
        let time = runtime.spawn(keep_time(shared.clone())).abort_handle();
        let mut others = Vec::new();
        match &shared.address {
            Address::Cluster { .. } => {
                others.push(runtime.spawn(cluster::follow(shared.clone(), connect_timeout)).abort_handle())
            }
            Address::Sentinel { .. } => {
                others.push(runtime.spawn(sentinel::follow(shared.clone(), connect_timeout)).abort_handle())
            }
            Address::Embedded | Address::Single(_) => {}
        }
        let open = Arc::new(Open(time, others, Arc::downgrade(&shared)));
        Ok(Self { shared, _open: open })
    }

    /// Begins a request, and waits for its answer.
    async fn ask(
        &self,
        factory: Option<Factory>,
        begin: impl FnOnce(&mut Machine, Millis, RequestId),
    ) -> Result<Answer, TierError> {
        let (sender, answer) = oneshot::channel();
        let request = {
            let mut inner = self.shared.lock();
            inner.next_request = inner.next_request.wrapping_add(1);
            let request = inner.next_request;
            inner.waiting.insert(request, sender);
            if let Some(factory) = factory {
                inner.factories.insert(request, factory);
            }
            begin(&mut inner.machine, self.shared.now(), request);
            self.shared.act(&mut inner);
            request
        };
        let mut cancel = Cancel { shared: &self.shared, request, done: false };
        let answer = answer.await;
        cancel.done = true;
        match answer {
            Ok(Answer::Failed(failure)) => Err(failure.into()),
            Ok(answer) => Ok(answer),
            Err(_) => Err(TierError::Closed),
        }
    }

    /// What L1 holds of a key, if that may be given out without asking anybody: no waiting, one lock.
    #[inline]
    pub fn peek<T>(&self, key: impl AsRef<[u8]>, read: impl FnOnce(&[u8], Meta) -> T) -> Option<T> {
        let now = self.shared.clock.lately();
        let mut inner = self.shared.lock();
        inner.machine.hit(now, key.as_ref()).map(|(value, meta)| read(value, meta))
    }

    /// A key's value.
    ///
    /// # Errors
    /// [`TierError::Reply`] where Redis answers with an error (`WRONGTYPE`), [`TierError::Configuration`]. That Redis is away is none.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, TierError> {
        Ok(self.get_with_meta(key).await?.value)
    }

    /// A key's value, and where it came from.
    ///
    /// # Errors
    /// As [`Tier::get`].
    pub async fn get_with_meta(&self, key: impl AsRef<[u8]>) -> Result<Found, TierError> {
        let key = key.as_ref();
        if let Some(found) = self.peek(key, |value, meta| Found { value: Some(value.to_vec()), meta }) {
            return Ok(found);
        }
        let span = tracing::debug_span!("tier.get");
        let answer = self.ask(None, |machine, now, request| machine.get(now, request, key, None));
        found(tracing::Instrument::instrument(answer, span).await?)
    }

    /// A key's value; if there is none, what `make` makes, which is then kept. However many ask at once, one factory runs; it runs on if its caller no
    /// longer waits.
    ///
    /// # Errors
    /// As [`Tier::get`]; [`TierError::Factory`] with what the factory said, where there is no older value to give out.
    pub async fn get_or_set<F, M, E>(&self, key: impl AsRef<[u8]>, keep: Keep, make: F) -> Result<Option<Vec<u8>>, TierError>
    where
        F: FnOnce() -> M + Send + 'static,
        M: Future<Output = Result<Option<Vec<u8>>, E>> + Send + 'static,
        E: fmt::Display,
    {
        Ok(self.get_or_set_with_meta(key, keep, make).await?.value)
    }

    /// As [`Tier::get_or_set`], and where the value came from.
    ///
    /// # Errors
    /// As [`Tier::get_or_set`].
    pub async fn get_or_set_with_meta<F, M, E>(&self, key: impl AsRef<[u8]>, keep: Keep, make: F) -> Result<Found, TierError>
    where
        F: FnOnce() -> M + Send + 'static,
        M: Future<Output = Result<Option<Vec<u8>>, E>> + Send + 'static,
        E: fmt::Display,
    {
        let key = key.as_ref();
        if let Some(found) = self.peek(key, |value, meta| Found { value: Some(value.to_vec()), meta }) {
            return Ok(found);
        }
        let factory: Factory = Box::new(move || {
            Box::pin(async move {
                match make().await {
                    Ok(Some(value)) => Made::Value { value, keep: None },
                    Ok(None) => Made::Nothing,
                    Err(error) => Made::Failed(std::string::ToString::to_string(&error).into_bytes()),
                }
            })
        });
        let span = tracing::debug_span!("tier.get_or_set");
        let answer = self.ask(Some(factory), |machine, now, request| machine.get(now, request, key, Some(keep)));
        found(tracing::Instrument::instrument(answer, span).await?)
    }

    /// Values of several keys, in order.
    ///
    /// # Errors
    /// As [`Tier::get`], of the first that fails.
    pub async fn mget<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Vec<u8>>>, TierError> {
        // Begun together, so that they go out together.
        let begun: Vec<_> =
            keys.iter().map(|key| self.begin(|machine, now, request| machine.get(now, request, key.as_ref(), None))).collect();
        let mut values = Vec::with_capacity(begun.len());
        for answer in begun {
            values.push(found(settled(answer.await)?)?.value);
        }
        Ok(values)
    }

    fn begin(&self, begin: impl FnOnce(&mut Machine, Millis, RequestId)) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        let mut inner = self.shared.lock();
        inner.next_request = inner.next_request.wrapping_add(1);
        let request = inner.next_request;
        inner.waiting.insert(request, sender);
        begin(&mut inner.machine, self.shared.now(), request);
        self.shared.act(&mut inner);
        answer
    }

    /// Sets a value. Says who has it.
    ///
    /// # Errors
    /// [`TierError::UnknownOutcome`] where no answer came, [`TierError::JournalFull`], [`TierError::Down`] by rule, [`TierError::Reply`].
    pub async fn set(&self, key: impl AsRef<[u8]>, value: impl Into<Vec<u8>>, keep: Keep) -> Result<Durability, TierError> {
        let (key, value) = (key.as_ref(), value.into());
        written(self.ask(None, |machine, now, request| machine.set(now, request, key, value, keep)).await?)
            .map(|(durability, _)| durability)
    }

    /// Sets several values.
    ///
    /// # Errors
    /// As [`Tier::set`], of the first that fails; the others are set.
    pub async fn mset<K: AsRef<[u8]>, V: Into<Vec<u8>>>(
        &self,
        entries: impl IntoIterator<Item = (K, V)>,
        keep: Keep,
    ) -> Result<(), TierError> {
        let set = |(key, value): (K, V)| {
            let keep = keep.clone();
            self.begin(|machine, now, request| machine.set(now, request, key.as_ref(), value.into(), keep))
        };
        let begun: Vec<_> = entries.into_iter().map(set).collect();
        let mut first = Ok(());
        for answer in begun {
            let done = settled(answer.await).and_then(written).map(drop);
            first = first.and(done);
        }
        first
    }

    /// Removes a key. Says who knows.
    ///
    /// # Errors
    /// As [`Tier::set`].
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<Durability, TierError> {
        let key = key.as_ref();
        written(self.ask(None, |machine, now, request| machine.delete(now, request, key)).await?)
            .map(|(durability, _)| durability)
    }

    /// Lets a key live for so many milliseconds from now; false where there is no such key.
    ///
    /// # Errors
    /// [`TierError::Down`] while Redis is away, unless the key's value waits in the journal.
    pub async fn touch(&self, key: impl AsRef<[u8]>, ttl: Millis) -> Result<bool, TierError> {
        let key = key.as_ref();
        written(self.ask(None, |machine, now, request| machine.touch(now, request, key, ttl)).await?).map(|(_, count)| count > 0)
    }

    /// Invalidates all values with a tag.
    ///
    /// # Errors
    /// As [`Tier::set`].
    pub async fn invalidate_tag(&self, tag: impl AsRef<[u8]>) -> Result<Durability, TierError> {
        let tag = tag.as_ref();
        written(self.ask(None, |machine, now, request| machine.invalidate_tag(now, request, tag)).await?)
            .map(|(durability, _)| durability)
    }

    /// Removes all keys that begin with a prefix, in Redis, in L1, and from the journal; how many Redis had.
    ///
    /// # Errors
    /// As [`Tier::set`].
    pub async fn clear(&self, prefix: impl AsRef<[u8]>) -> Result<u64, TierError> {
        let prefix = prefix.as_ref();
        written(self.ask(None, |machine, now, request| machine.clear(now, request, prefix)).await?).map(|(_, count)| count)
    }

    /// The keys below a prefix, as a cache of their own.
    pub fn namespace(&self, prefix: impl AsRef<[u8]>) -> Namespace {
        Namespace { tier: self.clone(), prefix: prefix.as_ref().to_vec() }
    }

    /// Runs any command that means the same on any connection, in Redis. Replies of commands that read one key are kept until it changes.
    ///
    /// ```
    /// # use cachette::{Value, tier::Tier};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tier = Tier::open("embedded:")?;
    /// tier.command(&["HSET", "user:1", "name", "Ada"]).await?;
    /// assert_eq!(tier.command(&["HGET", "user:1", "name"]).await?, Value::Bytes(b"Ada".to_vec()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`TierError::Down`], [`TierError::UnknownOutcome`], [`TierError::Reply`], [`TierError::NotShared`].
    pub async fn command<W: AsRef<[u8]>>(&self, words: &[W]) -> Result<Value, TierError> {
        let words: Words = words.iter().map(|word| word.as_ref().to_vec()).collect();
        let facts = self.facts(&words)?;
        let span = tracing::debug_span!("tier.command");
        let answer = self.ask(None, |machine, now, request| machine.command(now, request, words, facts));
        match tracing::Instrument::instrument(answer, span).await? {
            Answer::Reply { reply, .. } => Ok(read::reply(&reply).map_or(Value::Null, |(value, _)| value)),
            _ => Ok(Value::Null),
        }
    }

    fn facts(&self, words: &Words) -> Result<Facts, TierError> {
        let argv: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let (row, _) = self.shared.registry.resolve(&argv).map_err(|error| {
            if error.as_bytes().starts_with(b"ERR unknown command") { TierError::UnknownCommand } else { TierError::Reply(error) }
        })?;
        let keys = crate::command::key_specs::keys_of(row, &argv).unwrap_or_default();
        let keys = keys.iter().filter_map(|(at, _)| words.get(*at).cloned()).collect();
        let has = |flag| row.flags.has(flag);
        // What is published changes no key.
        let (readonly, write) = (has(Flags::READONLY), row.flags.may_change() && !has(Flags::PUBSUB));
        Ok(Facts { readonly, write, keys })
    }

    /// Each node with its state, and whether it tells what changes.
    pub fn health(&self) -> Vec<(NodeId, State, bool)> {
        self.shared.lock().machine.health()
    }

    pub fn counters(&self) -> Counters {
        self.shared.lock().machine.counters
    }

    /// Journaled writes that Redis has not seen, and their bytes.
    pub fn journaled(&self) -> (usize, usize) {
        self.shared.lock().machine.journaled()
    }

    /// What happens to states, tracking and journal, from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.shared.notices.subscribe()
    }
}

fn settled(answer: Result<Answer, oneshot::error::RecvError>) -> Result<Answer, TierError> {
    match answer {
        Ok(Answer::Failed(failure)) => Err(failure.into()),
        Ok(answer) => Ok(answer),
        Err(_) => Err(TierError::Closed),
    }
}

fn found(answer: Answer) -> Result<Found, TierError> {
    match answer {
        Answer::Value { value, meta } => Ok(Found { value, meta }),
        _ => Err(TierError::Closed),
    }
}

fn written(answer: Answer) -> Result<(Durability, u64), TierError> {
    match answer {
        Answer::Written { durability, count } => Ok((durability, count)),
        _ => Err(TierError::Closed),
    }
}

/// Keys below a prefix.
#[derive(Clone)]
pub struct Namespace {
    tier: Tier,
    prefix: Vec<u8>,
}

impl Namespace {
    fn key(&self, key: impl AsRef<[u8]>) -> Vec<u8> {
        [&self.prefix, key.as_ref()].concat()
    }

    /// # Errors
    /// As [`Tier::get`].
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, TierError> {
        self.tier.get(self.key(key)).await
    }

    /// # Errors
    /// As [`Tier::get_or_set`].
    pub async fn get_or_set<F, M, E>(&self, key: impl AsRef<[u8]>, keep: Keep, make: F) -> Result<Option<Vec<u8>>, TierError>
    where
        F: FnOnce() -> M + Send + 'static,
        M: Future<Output = Result<Option<Vec<u8>>, E>> + Send + 'static,
        E: fmt::Display,
    {
        self.tier.get_or_set(self.key(key), keep, make).await
    }

    /// # Errors
    /// As [`Tier::set`].
    pub async fn set(&self, key: impl AsRef<[u8]>, value: impl Into<Vec<u8>>, keep: Keep) -> Result<Durability, TierError> {
        self.tier.set(self.key(key), value, keep).await
    }

    /// # Errors
    /// As [`Tier::delete`].
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<Durability, TierError> {
        self.tier.delete(self.key(key)).await
    }

    /// Removes all keys of the namespace, and no others.
    ///
    /// # Errors
    /// As [`Tier::clear`].
    pub async fn clear(&self) -> Result<u64, TierError> {
        self.tier.clear(&self.prefix).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_published_changes_no_key_and_what_a_script_does_may() {
        let tier = Tier::open("embedded:").unwrap();
        tier.set("k", "v", Keep::default()).await.unwrap();
        tier.command(&["PUBLISH", "news", "hello"]).await.unwrap();
        assert!(tier.peek("k", |_, _| ()).is_some());
        let _ = tier.command(&["EVAL", "return 1", "1", "k"]).await;
        assert!(tier.peek("k", |_, _| ()).is_none());
    }
}
