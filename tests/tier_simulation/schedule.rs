//! One schedule: a machine, a world, callers and others, faults; and the checks I1 to I8 of what the tier promises.

use crate::world::{Arrival, Net, Version, World};
use cachette::rng::Rng;
use cachette::tier::{
    Action, Answer, Conflict, Durability, Failure, Fault, Keep, Machine, Made, Notice, OnDown, Options, Overflow, Rule, Source,
    State,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const START: u64 = 1_700_000_000_000;
const KEYS: usize = 5;
/// How long what nobody tells changes of is fresh, where a schedule is about that.
const L1_MAX_TTL: u64 = 400;
/// Milliseconds of trouble, and of peace afterwards.
const TROUBLE: u64 = 7_000;
const PEACE: u64 = 5_000;

/// What a caller asked.
enum Asked {
    Read { key: usize, factory: bool },
    Set { key: usize, value: Vec<u8> },
    Delete { key: usize, issued: u64 },
    Clear { issued: u64 },
    Command,
}

/// An own write, as the checks know it.
#[derive(Clone, Debug)]
struct Own {
    /// `None` = removed.
    value: Option<Vec<u8>>,
    issued: u64,
    since: u64,
    acked: Option<u64>,
    journaled: bool,
    /// The journal gave it up, or Redis has it: then the history in Redis decides.
    settled: Option<u64>,
    /// Redis was given it out of the journal.
    replayed: bool,
    deadline: u64,
    local: bool,
    /// Removed with its namespace.
    clear: bool,
}

pub struct Schedule {
    machine: Machine,
    world: World,
    rng: Rng,
    options: Options,
    connection: Option<u64>,
    asked: HashMap<u64, (u64, Asked)>,
    /// What the server had told, and when we came back, as each request began.
    told: HashMap<u64, u64>,
    next_request: u64,
    next_value: u64,
    /// When reads that are on their way were sent, by call; and the last that was answered, by key.
    reads: HashMap<u64, (usize, u64)>,
    read_at: Vec<u64>,
    /// When writes that wait for an answer were sent first, by value; and when the change of a key was told last.
    first_sent: HashMap<Vec<u8>, u64>,
    changed: Vec<u64>,
    /// Requests whose factory neither ran nor was sent home.
    factories: BTreeSet<u64>,
    /// The journal's file.
    log_file: Vec<u8>,
    /// Requests whose caller is gone: they may be answered, or not.
    cancelled: BTreeSet<u64>,
    own: Vec<Vec<Own>>,
    issued: u64,
    /// Latest deadline and the key of every value.
    written: HashMap<Vec<u8>, (usize, u64)>,
    /// Factories that run: until when, and what they make.
    making: BTreeMap<(u64, u64), Option<Vec<u8>>>,
    made_for: HashMap<u64, (usize, u64)>,
    running: BTreeMap<usize, u64>,
    /// When the connection or the node came back last.
    back: u64,
    state: State,
    trace: Vec<String>,
    tracing: bool,
    pub checks: u64,
}

fn key(at: usize) -> Vec<u8> {
    format!("{}:k{at}", if at < 2 { "a" } else { "b" }).into_bytes()
}

impl Schedule {
    pub fn new(seed: u64, fault: Option<Fault>, tracing: bool) -> Self {
        let mut rng = Rng::new(seed);
        let chance = |rng: &mut Rng, of: u64| rng.below(of) == 0;
        let mut options = Options { envelope: chance(&mut rng, 3), behind: chance(&mut rng, 4), ..Options::default() };
        if chance(&mut rng, 3) {
            options.conflict = Conflict::Overwrite;
        }
        if chance(&mut rng, 6) {
            (options.journal_entries, options.overflow) =
                (2, if chance(&mut rng, 2) { Overflow::DropOldest } else { Overflow::Reject });
        }
        if chance(&mut rng, 5) {
            options.rules.push(Rule { prefix: b"a:".to_vec(), on_down: OnDown::Local, behind: false });
        }
        options.ordered = chance(&mut rng, 3);
        if chance(&mut rng, 6) {
            // Slow, but through with it in the time of peace.
            options.replay_per_second = if options.ordered { 500 } else { 50 };
        }
        options.journal_log = chance(&mut rng, 3);
        options.retry_unknown = chance(&mut rng, 2);
        if chance(&mut rng, 4) {
            options.early_refresh = 70;
        }
        if chance(&mut rng, 4) {
            options.early_beta = 300;
        }
        if chance(&mut rng, 3) {
            options.lease = 300;
        }
        match rng.below(10) {
            0 => (options.tracking, options.l1_max_ttl) = (false, Some(L1_MAX_TTL)),
            1 => {
                (options.tracking, options.l1_max_ttl) = (false, Some(L1_MAX_TTL));
                options.backplane = Some(b"changes".to_vec());
            }
            2 => (options.broadcast, options.l1_max_ttl) = (vec![b"a:".to_vec()], Some(L1_MAX_TTL)),
            _ => {}
        }
        let mut machine = Machine::new(options.clone(), seed, START);
        machine.broken = fault;
        let world = World::new(seed, START, (0..KEYS).map(key).collect());
        Self {
            machine,
            world,
            rng,
            options,
            connection: None,
            asked: HashMap::new(),
            told: HashMap::new(),
            next_request: 0,
            next_value: 0,
            reads: HashMap::new(),
            read_at: vec![START; KEYS],
            first_sent: HashMap::new(),
            changed: vec![START; KEYS],
            factories: BTreeSet::new(),
            log_file: Vec::new(),
            cancelled: BTreeSet::new(),
            own: vec![Vec::new(); KEYS],
            issued: 0,
            written: HashMap::new(),
            making: BTreeMap::new(),
            made_for: HashMap::new(),
            running: BTreeMap::new(),
            back: START,
            state: State::Up,
            trace: Vec::new(),
            tracing,
            checks: 0,
        }
    }

    fn log(&mut self, what: impl FnOnce() -> String) {
        if self.tracing {
            let line = format!("{:>6} {}", self.world.now - START, what());
            self.trace.push(line);
        }
    }

    /// Runs it; what was broken, if anything.
    pub fn run(&mut self) -> Result<(), String> {
        self.machine.start(START, 0);
        self.act()?;
        let mut next_op = START + 5;
        let mut next_fault = START + 500 + self.rng.below(1500);
        let end = START + TROUBLE;
        let pace = 1 + self.rng.below(60);
        while self.world.now < end {
            let due = [Some(next_op), Some(next_fault), self.world.next_due(), self.machine.next_due(), self.next_made()];
            let now = due.into_iter().flatten().min().unwrap_or(end).max(self.world.now).min(end);
            self.advance(now)?;
            if self.world.now >= next_op {
                next_op = self.world.now + 1 + self.rng.below(pace * 2);
                self.operate()?;
            }
            if self.world.now >= next_fault {
                next_fault = self.world.now + 200 + self.rng.below(4000);
                self.trouble()?;
            }
        }
        self.world.net = Net::Up(2);
        self.log(|| "peace".into());
        let end = self.world.now + PEACE;
        while self.world.now < end {
            let due = [self.world.next_due(), self.machine.next_due(), self.next_made()];
            let now = due.into_iter().flatten().min().unwrap_or(end).max(self.world.now).min(end);
            self.advance(now)?;
        }
        self.at_rest()
    }

    pub fn story(&self) -> String {
        self.trace.join("\n")
    }

    fn next_made(&self) -> Option<u64> {
        self.making.first_key_value().map(|((at, _), _)| *at)
    }

    /// Moves time, and does all that is due.
    fn advance(&mut self, now: u64) -> Result<(), String> {
        self.world.now = now;
        self.world.expire();
        loop {
            if let Some(arrival) = self.world.step() {
                self.arrive(arrival);
            } else if self.machine.next_due().is_some_and(|due| due <= now) {
                self.machine.tick(now);
            } else if let Some(entry) = self.making.first_entry().filter(|entry| entry.key().0 <= now) {
                let (_, request) = *entry.key();
                let value = entry.remove();
                let (at, issued) = self.made_for.remove(&request).ok_or("a factory nobody asked for")?;
                self.running.remove(&at);
                self.log(|| format!("made {} = {value:?}", at));
                let made = match value {
                    Some(value) => {
                        let own = Own {
                            value: Some(value.clone()),
                            issued,
                            since: now,
                            acked: None,
                            journaled: false,
                            settled: None,
                            replayed: false,
                            deadline: u64::MAX,
                            local: false,
                            clear: false,
                        };
                        self.own[at].push(own);
                        Made::Value { value, keep: None }
                    }
                    None => Made::Failed(b"no luck".to_vec()),
                };
                self.machine.made(now, request, made);
            } else if self.world.next_due().is_some_and(|due| due <= now) {
                // Something for the server: taken by `step`, which had nothing to tell.
                continue;
            } else {
                break;
            }
            self.act()?;
        }
        self.act()?;
        let (entries, bytes) = self.machine.journaled();
        if entries > self.options.journal_entries || bytes > self.options.journal_bytes {
            return Err(format!("I6: the journal holds {entries} writes, {bytes} bytes"));
        }
        for (request, (since, asked)) in &self.asked {
            let (most, making) = match asked {
                Asked::Read { key, factory } => (self.options.read_hard, *factory && self.running.contains_key(key)),
                Asked::Clear { .. } => (u64::MAX / 2, false),
                _ => (self.options.write_hard, false),
            };
            // A factory takes its own time; a reader may come when one that is no longer wanted is still at it.
            // So does one for whom another process holds the lease: as long as that lasts, then asked for once more, then for the value, then made here.
            let leased = if self.options.lease > 0 { 4 * self.options.read_hard + self.options.lease } else { 0 };
            let factories = if matches!(asked, Asked::Read { factory: true, .. }) { 400 + leased } else { 0 };
            if !making && now > since + most + 10 + factories {
                return Err(format!("I7: request {request} waits since {}", since - START));
            }
        }
        Ok(())
    }

    fn arrive(&mut self, arrival: Arrival) {
        let now = self.world.now;
        let current = |id: u64, connection: Option<u64>| connection == Some(id);
        match arrival {
            Arrival::Connected(id) if current(id, self.connection) => {
                self.back = now;
                self.log(|| "connected".into());
                self.machine.connected(now, 0);
            }
            Arrival::Refused(id) if current(id, self.connection) => self.machine.connect_failed(now, 0, None),
            Arrival::Reset(id) if current(id, self.connection) => {
                self.log(|| "reset".into());
                self.machine.disconnected(now, 0);
            }
            Arrival::Replies(id, call, replies) if current(id, self.connection) => {
                self.log(|| format!("replies to {call}: {replies:?}"));
                if let Some((at, sent)) = self.reads.remove(&call) {
                    self.read_at[at] = sent;
                }
                self.machine.replied(now, call, replies);
            }
            Arrival::Message(id, message) if current(id, self.connection) => {
                self.log(|| format!("message {}", String::from_utf8_lossy(&message)));
                self.machine.told(now, 0, &message);
            }
            Arrival::Invalidated(id, keys) if current(id, self.connection) => {
                self.log(|| {
                    format!(
                        "invalidated {:?}",
                        keys.as_ref()
                            .map(|keys| keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect::<Vec<_>>())
                    )
                });
                for at in 0..KEYS {
                    if keys.as_ref().is_none_or(|keys| keys.contains(&key(at))) {
                        self.changed[at] = now;
                    }
                }
                self.machine.invalidated(now, 0, keys.as_deref());
            }
            _ => {}
        }
    }

    fn act(&mut self) -> Result<(), String> {
        while let Some(action) = self.machine.take_action() {
            match action {
                Action::Connect { .. } => {
                    self.log(|| "connect".into());
                    self.connection = Some(self.world.connect());
                }
                Action::Disconnect { .. } => {
                    self.log(|| "disconnect".into());
                    if let Some(id) = self.connection.take() {
                        self.world.abandon(id);
                    }
                }
                Action::Send { call, commands, .. } => {
                    self.log(|| format!("send {call}: {}", show(&commands)));
                    let id = self.connection.ok_or("sent without a connection")?;
                    let read = commands.iter().find(|command| command[0] == b"GET" && commands[0][0] != b"SET");
                    if let Some(at) = (0..KEYS).find(|at| read.is_some_and(|command| key(*at) == command[1])) {
                        self.reads.insert(call, (at, self.world.now));
                    }
                    self.check_again(&commands)?;
                    self.world.send(id, call, commands);
                }
                Action::Answer { request, answer } => self.answered(request, answer)?,
                Action::Make { request } => self.make(request)?,
                Action::Forget { request } => {
                    self.factories.remove(&request);
                }
                Action::Run { request, command, .. } => {
                    let ruled = self.options.rules.iter().any(|rule| command[1].starts_with(&rule.prefix));
                    if !ruled || matches!(self.state, State::Up | State::Slow | State::Recovering) {
                        return Err(format!("request {request} runs {} here, without need or rule", show(&[command])));
                    }
                    self.machine.ran(self.world.now, request, &cachette::Value::Integer(0));
                }
                Action::ForgetRun { .. } => {}
                Action::Log(records) => self.log_file.extend(records),
                Action::EndLog => self.log_file.clear(),
                Action::Tell(notice) => self.told(notice),
            }
        }
        Ok(())
    }

    fn told(&mut self, notice: Notice) {
        self.log(|| format!("{notice:?}"));
        let seq = self.world.seq;
        match notice {
            Notice::State { to, .. } => {
                self.state = to;
                if to == State::Recovering {
                    self.back = self.world.now;
                }
            }
            Notice::Replayed { key } => self.settled(&key, seq, true),
            Notice::JournalDropped { key, .. } => self.settled(&key, seq, false),
            _ => {}
        }
    }

    /// A journaled write waits no longer, and those before it that something came in the place of.
    fn settled(&mut self, key: &[u8], seq: u64, replayed: bool) {
        let Some(at) = (0..KEYS).find(|at| self::key(*at) == key) else { return };
        let mut waiting = self.machine.journal_writes(key);
        let journaled = |own: &&mut Own| own.acked.is_some() && own.journaled && !own.clear && own.settled.is_none();
        for own in self.own[at].iter_mut().rev().filter(journaled) {
            match waiting.iter().rposition(|value| *value == own.value) {
                Some(place) => waiting.truncate(place),
                None => (own.settled, own.replayed) = (Some(seq), replayed),
            }
        }
    }

    fn make(&mut self, request: u64) -> Result<(), String> {
        let at = match self.asked.get(&request) {
            Some((_, Asked::Read { key, .. })) => *key,
            // Answered already: made for later readers.
            _ => *self.made_for.get(&request).map(|(key, _)| key).ok_or("I8: a factory for nobody")?,
        };
        if !self.factories.remove(&request) {
            return Err(format!("I8: the factory of request {request} is asked for, which was not there"));
        }
        if let Some(other) = self.running.insert(at, request) {
            return Err(format!("I8: two factories for key {at}: of requests {other} and {request}"));
        }
        self.issued += 1;
        let value = (self.rng.below(8) > 0).then(|| self.value(at, None));
        self.made_for.insert(request, (at, self.issued));
        let until = self.world.now + self.rng.below(120);
        self.making.insert((until, request), value);
        self.log(|| format!("make {at} for {request}"));
        Ok(())
    }

    fn value(&mut self, at: usize, ttl: Option<u64>) -> Vec<u8> {
        self.next_value += 1;
        let value = format!("v{}of{at}", self.next_value).into_bytes();
        // When it is stored is not known yet: a deadline is noted with what Redis says.
        let deadline = ttl.map_or(u64::MAX, |ttl| self.world.now + ttl);
        self.written.insert(value.clone(), (at, deadline));
        value
    }

    // ---- what happens -----------------------------------------------------------------------------------------------------------

    fn request(&mut self, asked: Asked) -> u64 {
        self.next_request += 1;
        self.asked.insert(self.next_request, (self.world.now, asked));
        let told = self.world.told_until(self.connection).max(self.back).min(self.world.now);
        self.told.insert(self.next_request, told);
        self.next_request
    }

    fn operate(&mut self) -> Result<(), String> {
        let now = self.world.now;
        let at = self.rng.below(KEYS as u64) as usize;
        let name = key(at);
        let ttl = (self.rng.below(2) == 0).then(|| 50 + self.rng.below(6000));
        let keep = Keep { ttl, ..Keep::default() };
        match self.rng.below(22) {
            20 => self.cancel(),
            21 => {
                // Another process makes the key's value, and dies of it as often as not.
                let lease = format!("cachette:lease:{{{}}}", String::from_utf8_lossy(&name)).into_bytes();
                let words: [&[u8]; 6] = [b"SET", &lease, b"another", b"NX", b"PX", b"250"];
                self.log(|| format!("others: lease {at}"));
                self.world.outsider(&words.map(<[u8]>::to_vec).to_vec());
            }
            0..=7 => self.read(at, None)?,
            8..=10 => self.read(at, Some(keep))?,
            11..=13 => {
                let value = self.value(at, None);
                let request = self.request(Asked::Set { key: at, value: value.clone() });
                self.issued += 1;
                let deadline = ttl.map_or(u64::MAX, |ttl| now + ttl);
                let own = Own {
                    value: Some(value.clone()),
                    issued: self.issued,
                    since: now,
                    acked: None,
                    journaled: false,
                    settled: None,
                    replayed: false,
                    deadline,
                    local: false,
                    clear: false,
                };
                self.own[at].push(own);
                self.log(|| format!("set {at} {} ttl {ttl:?} as {request}", String::from_utf8_lossy(&value)));
                self.machine.set(now, request, &name, value, keep);
            }
            14 => {
                self.issued += 1;
                let request = self.request(Asked::Delete { key: at, issued: self.issued });
                let own = Own {
                    value: None,
                    issued: self.issued,
                    since: now,
                    acked: None,
                    journaled: false,
                    settled: None,
                    replayed: false,
                    deadline: u64::MAX,
                    local: false,
                    clear: false,
                };
                self.own[at].push(own);
                self.log(|| format!("delete {at} as {request}"));
                self.machine.delete(now, request, &name);
            }
            15 if self.rng.below(6) == 0 => {
                self.issued += 1;
                let issued = self.issued;
                let request = self.request(Asked::Clear { issued });
                for own in &mut self.own[2..] {
                    own.push(Own {
                        value: None,
                        issued,
                        since: now,
                        acked: None,
                        journaled: false,
                        settled: None,
                        replayed: false,
                        deadline: u64::MAX,
                        local: false,
                        clear: false,
                    });
                }
                self.log(|| format!("clear b: as {request}"));
                self.machine.clear(now, request, b"b:");
            }
            15 => {
                let request = self.request(Asked::Command);
                let facts = cachette::tier::Facts { readonly: true, write: false, keys: vec![name.clone()] };
                self.machine.command(now, request, vec![b"STRLEN".to_vec(), name], facts);
            }
            16 if self.rng.below(10) == 0 => {
                self.log(|| "others: FLUSHALL".into());
                self.world.outsider(&vec![b"FLUSHALL".to_vec()]);
            }
            16 | 17 => {
                self.log(|| format!("others: DEL {at}"));
                self.world.outsider(&vec![b"DEL".to_vec(), name]);
            }
            _ => {
                let value = self.value(at, None);
                let mut set = vec![b"SET".to_vec(), name, value];
                if let Some(ttl) = ttl {
                    set.extend([b"PX".to_vec(), ttl.to_string().into_bytes()]);
                }
                self.log(|| format!("others: {}", show(std::slice::from_ref(&set))));
                // At once, or in the middle of what is being served.
                if self.rng.below(3) == 0 { self.world.meanwhile.push(set) } else { self.world.outsider(&set) }
            }
        }
        self.act()
    }

    fn read(&mut self, at: usize, keep: Option<Keep>) -> Result<(), String> {
        let now = self.world.now;
        let factory = keep.is_some();
        let request = self.request(Asked::Read { key: at, factory });
        self.log(|| format!("get {at} factory {factory} as {request}"));
        if !factory && let Some((value, meta)) = self.machine.hit(now, &key(at)) {
            let answer = Answer::Value { value: Some(value.to_vec()), meta };
            return self.answered(request, answer);
        }
        self.made_for.insert(request, (at, 0));
        if factory {
            self.factories.insert(request);
        }
        self.machine.get(now, request, &key(at), keep);
        Ok(())
    }

    /// A caller no longer waits.
    fn cancel(&mut self) {
        let reads = self.asked.iter().filter(|(_, (_, asked))| matches!(asked, Asked::Read { .. }));
        // The oldest: what a map comes to first differs from run to run.
        let Some(request) = reads.map(|(request, _)| *request).min() else { return };
        self.log(|| format!("cancel {request}"));
        self.asked.remove(&request);
        self.cancelled.insert(request);
        self.machine.cancel(request);
    }

    /// The process dies, and another begins with its journal.
    fn restart(&mut self) {
        if let Some(id) = self.connection.take() {
            self.world.abandon(id);
        }
        // Nobody is left who asked or made anything.
        self.asked.clear();
        self.making.clear();
        self.made_for.clear();
        self.running.clear();
        self.factories.clear();
        self.cancelled.clear();
        self.reads.clear();
        // What only that process knew is gone with it.
        for own in self.own.iter_mut().flatten().filter(|own| own.local) {
            (own.local, own.acked) = (false, None);
        }
        let (now, seed) = (self.world.now, self.rng.draw());
        let broken = self.machine.broken;
        self.machine = Machine::new(self.options.clone(), seed, now);
        self.machine.broken = broken;
        self.machine.set_wall(now, now);
        self.machine.restore(&self.log_file);
        self.log_file = self.machine.log();
        (self.state, self.back) = (State::Up, now);
        self.machine.start(now, 0);
    }

    fn trouble(&mut self) -> Result<(), String> {
        let what = self.rng.below(10);
        self.log(|| format!("trouble {what}"));
        match what {
            9 if self.options.journal_log => self.restart(),
            0 => self.world.net = Net::Up(2),
            1 => self.world.net = Net::Up(20 + self.rng.below(400)),
            2 => self.world.net = Net::Stalled,
            3 => {
                self.world.net = Net::Refused;
                self.world.kill_connections();
            }
            4 => self.world.kill_connections(),
            5 => {
                self.world.fail_over(true);
                self.world.net = Net::Up(2);
            }
            6 => {
                self.world.fail_over(false);
                self.world.net = Net::Up(2);
            }
            7 => self.world.replicate(),
            _ => self.world.net = Net::Up(2),
        }
        self.act()
    }

    // ---- the checks -------------------------------------------------------------------------------------------------------------

    fn answered(&mut self, request: u64, answer: Answer) -> Result<(), String> {
        self.log(|| format!("answer {request}: {}", show_answer(&answer)));
        if self.cancelled.remove(&request) {
            return Ok(());
        }
        let Some((since, asked)) = self.asked.remove(&request) else {
            return Err(format!("request {request} is answered twice"));
        };
        self.checks += 1;
        let now = self.world.now;
        match (asked, answer) {
            (Asked::Read { key, .. }, Answer::Value { value, meta }) => self
                .check_read(key, request, since, value.as_deref(), meta)
                .map_err(|error| format!("{error}: request {request}, {meta:?}")),
            (Asked::Set { key, value }, Answer::Written { durability, .. }) => {
                let own = self.own[key].iter_mut().find(|own| own.value.as_ref() == Some(&value)).ok_or("unknown write")?;
                (own.acked, own.journaled, own.local) =
                    (Some(now), durability == Durability::Journaled, durability == Durability::Local);
                Ok(())
            }
            (Asked::Delete { key, issued }, Answer::Written { durability, .. }) => {
                let own = self.own[key].iter_mut().rfind(|own| own.issued == issued).ok_or("unknown removal")?;
                (own.acked, own.journaled, own.local) =
                    (Some(now), durability == Durability::Journaled, durability == Durability::Local);
                Ok(())
            }
            (Asked::Clear { issued }, Answer::Written { durability, .. }) => {
                for own in self.own[2..].iter_mut().flatten().filter(|own| own.issued == issued) {
                    // What is journaled of it is not reported when it is done.
                    (own.acked, own.journaled) = (Some(now), durability == Durability::Journaled);
                    own.clear = true;
                }
                Ok(())
            }
            (Asked::Read { factory: true, .. }, Answer::Failed(Failure::Factory(_))) | (Asked::Command, _) => Ok(()),
            (Asked::Set { .. } | Asked::Delete { .. }, Answer::Failed(Failure::UnknownOutcome | Failure::JournalFull)) => Ok(()),
            (_, answer) => Err(format!("request {request} is answered {answer:?}")),
        }
    }

    /// Whether Redis tells of what others do to a key.
    fn told_of(&self, at: usize) -> bool {
        self.options.tracking && (self.options.broadcast.is_empty() || key(at).starts_with(b"a:"))
    }

    fn check_read(
        &self,
        at: usize,
        request: u64,
        since: u64,
        value: Option<&[u8]>,
        meta: cachette::tier::Meta,
    ) -> Result<(), String> {
        let history = &self.world.history[&key(at)];
        let now = self.world.now;
        if let Some(value) = value {
            match self.written.get(value) {
                Some((of, _)) if *of == at => {}
                _ => return Err("I1: a value that nobody wrote".into()),
            }
        }
        if meta.source == Source::Factory {
            return Ok(());
        }
        let own = &self.own[at];
        let mine = value.and_then(|value| own.iter().find(|own| own.value.as_deref() == Some(value)));
        // The last state of the key in Redis that is this value.
        let version = value.and_then(|value| history.iter().rposition(|version| version.value.as_deref() == Some(value)));
        if value.is_some() {
            let known = version.map(|version| history[version].deadline);
            let latest = known.into_iter().chain(mine.map(|own| own.deadline)).max().unwrap_or(u64::MAX);
            // Redis gave it out while it lived, however long the answer was on its way, and whoever joined meanwhile.
            let asked = if meta.source == Source::L2 { since.min(self.read_at[at]) } else { now };
            // Where nobody tells, two writes of others that fall between the commands of one read can lend a value their time. That value did not
            // end, it was replaced: how long it may still be served is what is promised of stale values.
            let replaced = version.and_then(|version| history.get(version + 1)).is_some_and(|next| next.from < latest);
            if asked > latest && (!replaced || self.told_of(at)) {
                return Err(format!("I3: served {} ms after its end", asked - latest));
            }
        }
        self.check_own(at, since, value, meta, mine, version)?;
        let from_redis = meta.durability == Durability::L2 && meta.source != Source::Fallback && !meta.stale;
        if let (Some(version), true) = (version, from_redis) {
            // Until when it was the truth; what we are told of that, and what happened before we came back, must have had its effect.
            let until = history.get(version + 1).map_or(u64::MAX, |next| next.from);
            // Where nobody tells, L1 is behind by its own bound, 5 % more or less, and who joins a read by as long as that is on its way.
            let behind = if self.told_of(at) { 0 } else { L1_MAX_TTL * 21 / 20 + self.options.read_hard };
            let bound = self.told[&request].saturating_sub(behind);
            if until < bound && self.state != State::Down && self.state != State::Probing {
                return Err(format!("I2: served {} ms after it was replaced and that was told", since - until));
            }
        }
        Ok(())
    }

    /// What is sent again for a caller who waits still is not sent over what he was told of since.
    fn check_again(&mut self, commands: &[Vec<Vec<u8>>]) -> Result<(), String> {
        let Some(set) = commands.iter().find(|command| command[0] == b"SET") else { return Ok(()) };
        let waits = |asked: &Asked| matches!(asked, Asked::Set { value, .. } if *value == set[2]);
        let Some(at) = (0..KEYS).find(|at| key(*at) == set[1]) else { return Ok(()) };
        if !self.asked.values().any(|(_, asked)| waits(asked)) {
            return Ok(());
        }
        let first = *self.first_sent.entry(set[2].clone()).or_insert(self.world.now);
        if self.changed[at] > first {
            return Err(format!("{} is sent again, and was changed by others since", show(std::slice::from_ref(set))));
        }
        Ok(())
    }

    /// I4: own writes are read, or what came after them.
    fn check_own(
        &self,
        at: usize,
        since: u64,
        value: Option<&[u8]>,
        meta: cachette::tier::Meta,
        mine: Option<&Own>,
        version: Option<usize>,
    ) -> Result<(), String> {
        let now = self.world.now;
        let acked = self.own[at].iter().filter(|own| own.acked.is_some_and(|acked| acked <= since));
        let Some(last) = acked.max_by_key(|own| own.issued) else { return Ok(()) };
        // Removed meanwhile, or cleared while it was written.
        let removed =
            |own: &Own| own.value.is_none() && (own.issued > last.issued || own.acked.is_none_or(|acked| acked >= last.since));
        if value.is_none() && self.own[at].iter().any(removed) {
            return Ok(());
        }
        let later = |own: &Own| own.issued > last.issued && own.since <= now;
        let overtaken = self.own[at].iter().any(later);
        if overtaken && (value.is_none() || (last.journaled && last.settled.is_none())) {
            return Ok(());
        }
        // A clearing and what is written meanwhile come in any order.
        if last.clear && mine.is_some_and(|mine| mine.acked.is_none_or(|acked| acked >= last.since)) {
            return Ok(());
        }
        if last.local || mine.is_some_and(|mine| mine.issued >= last.issued) {
            return Ok(());
        }
        let history = &self.world.history[&key(at)];
        let seen = version.map(|version| history[version].seq);
        // Where it stands in Redis's history; what was journaled stands nowhere until it is replayed.
        let placed = match (&last.value, last.journaled) {
            (None, true) if last.clear => return self.check_removed(at, last, value, seen),
            (_, true) => last.settled,
            (Some(value), false) => {
                // The first time: a failover may bring back what was gone.
                history.iter().find(|version| version.value.as_ref() == Some(value)).map(|version| version.seq)
            }
            (None, false) => return self.check_removed(at, last, value, seen),
        };
        // Early by as long as the read was on its way, never late.
        let expired = now + self.options.read_hard >= last.deadline;
        match (placed, value) {
            (None, Some(_)) if last.journaled && !expired => Err("I4: an older value than one's own journaled write".into()),
            (None, None) if last.journaled && !expired && last.value.is_some() => {
                Err("I4: one's own journaled write is gone".into())
            }
            (Some(placed), Some(_)) if seen.is_none_or(|seen| seen < placed) && !last.journaled => {
                Err("I4: an older value than one's own write".into())
            }
            (Some(placed), None) if !last.journaled && !expired && meta.source != Source::Fallback => {
                let soon = now + self.options.read_hard;
                let gone =
                    history.iter().any(|version| version.seq > placed && (version.value.is_none() || version.deadline <= soon));
                if gone { Ok(()) } else { Err("I4: one's own write is not seen".into()) }
            }
            _ => Ok(()),
        }
    }

    /// I2: what one removed is not read.
    fn check_removed(&self, at: usize, last: &Own, value: Option<&[u8]>, seen: Option<u64>) -> Result<(), String> {
        let history = &self.world.history[&key(at)];
        let acked = last.acked.unwrap_or(0);
        let since = history.iter().rfind(|version| version.from <= acked).map_or(0, |version| version.seq);
        // It is there again if somebody wrote it after the removal: that was done when the key was first gone since it was asked for, at the latest.
        let then = history.iter().rfind(|version| version.from < last.since);
        let first = history.iter().find(|version| version.from >= last.since && version.value.is_none());
        let removed = then.filter(|version| version.value.is_none()).or(first).map_or(0, |version| version.seq);
        // Journaled: whatever Redis had until the removal was done there.
        let removed = if last.journaled { since } else { removed };
        if value.is_some() && seen.is_none_or(|seen| seen < removed || (last.journaled && seen == removed)) {
            let tail = &history[history.len().saturating_sub(6)..];
            return Err(format!("I2: a removed value ({last:?}; {tail:?})"));
        }
        Ok(())
    }

    /// The first states of Redis with what was written, in the order in which it was asked for: of one key where Redis had it first, of all that came out of
    /// an ordered journal.
    fn check_order(&self) -> Result<(), String> {
        let first = |at: usize, own: &Own| {
            let history = &self.world.history[&key(at)];
            history.iter().find(|version| version.value.is_some() && version.value == own.value).map(|version| version.seq)
        };
        let direct = |own: &&Own| own.acked.is_some() && !own.journaled && !own.local && own.value.is_some();
        for at in 0..KEYS {
            let mut seen = self.own[at].iter().filter(direct).filter_map(|own| Some((own, first(at, own)?)));
            let Some(mut last) = seen.next() else { continue };
            for next in seen {
                if next.1 < last.1 {
                    return Err(format!("order: {:?} came after {:?}", last.0, next.0));
                }
                last = next;
            }
        }
        let replayed = self.own.iter().enumerate().flat_map(|(at, own)| own.iter().map(move |own| (at, own)));
        let mut replayed: Vec<_> = replayed.filter(|(_, own)| own.replayed && own.value.is_some()).collect();
        replayed.sort_unstable_by_key(|(_, own)| own.issued);
        let seen: Vec<_> = replayed.iter().filter_map(|(at, own)| Some((own, first(*at, own)?))).collect();
        match seen.windows(2).find(|pair| pair[1].1 < pair[0].1) {
            Some(pair) if self.options.ordered => Err(format!("order: {:?} came after {:?}", pair[0].0, pair[1].0)),
            _ => Ok(()),
        }
    }

    /// After the trouble: all is well again, and L1 holds nothing that Redis does not.
    fn at_rest(&mut self) -> Result<(), String> {
        self.machine.tick(self.world.now);
        self.act()?;
        if self.state != State::Up {
            return Err(format!("not up {PEACE} ms after the end of the trouble, but {:?}", self.state));
        }
        if let Some((request, (since, _))) = self.asked.iter().next() {
            return Err(format!("I7: request {request} of {} was never answered", since - START));
        }
        if let Some(request) = self.factories.first() {
            return Err(format!("the factory of request {request} was neither run nor forgotten"));
        }
        if self.machine.journaled().0 > 0 {
            return Err("the journal is not empty at the end".into());
        }
        self.check_order()?;
        let history: HashMap<Vec<u8>, Option<Version>> =
            self.world.history.iter().map(|(key, versions)| (key.clone(), versions.last().cloned())).collect();
        let mut seen = BTreeSet::new();
        for (key, current, value) in self.machine.l1_entries() {
            let truth = history.get(&key).and_then(|version| version.as_ref()).and_then(|version| version.value.as_ref());
            if current && truth != Some(&value) {
                let (key, value) = (String::from_utf8_lossy(&key).into_owned(), String::from_utf8_lossy(&value).into_owned());
                let truth = truth.map(|truth| String::from_utf8_lossy(truth).into_owned());
                return Err(format!("I5: L1 has {key} = {value}, Redis has {truth:?}"));
            }
            seen.insert(key);
        }
        self.checks += seen.len() as u64;
        Ok(())
    }
}

fn show(commands: &[Vec<Vec<u8>>]) -> String {
    let shown = commands.iter().map(|command| {
        let words: Vec<_> =
            command.iter().map(|word| String::from_utf8_lossy(&word[..word.len().min(60)]).into_owned()).collect();
        words.join(" ")
    });
    shown.collect::<Vec<_>>().join("; ")
}

fn show_answer(answer: &Answer) -> String {
    match answer {
        Answer::Value { value, meta } => {
            format!("{:?} {meta:?}", value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned()))
        }
        other => format!("{other:?}"),
    }
}
