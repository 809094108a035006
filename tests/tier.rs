//! What the tier's machine does, moment by moment: the clock is moved, and Redis is played by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use cachette::Value;
use cachette::tier::{
    Action, Answer, Conflict, Dropped, Durability, Facts, Failure, Keep, Machine, Made, Meta, Notice, OnDown, Options, Overflow,
    Rule, Source, State,
};

const START: u64 = 1_700_000_000_000;

/// A machine, its clock, and what it last did.
struct Talk {
    machine: Machine,
    now: u64,
    request: u64,
    actions: Vec<Action>,
    /// The engine in this process was given up.
    forgot_here: bool,
    /// What is kept of the journal, with the option for it.
    log: Vec<u8>,
    /// All that it ever did.
    story: Vec<Action>,
}

fn bytes(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

fn ok() -> Value {
    Value::Status(b"OK".to_vec())
}

impl Talk {
    fn new(options: Options) -> Self {
        Self::seeded(options, 7)
    }

    fn seeded(options: Options, seed: u64) -> Self {
        let mut talk = Self {
            machine: Machine::new(options, seed, START),
            now: START,
            request: 0,
            actions: Vec::new(),
            forgot_here: false,
            log: Vec::new(),
            story: Vec::new(),
        };
        talk.machine.start(talk.now, 0);
        talk.take();
        talk
    }

    /// The next process, which finds what was kept; Redis is up.
    fn restarted(mut self, options: Options) -> Self {
        self.take();
        let mut talk = Self::new(options);
        talk.machine.restore(&self.log);
        talk.machine.connected(talk.now, 0);
        let call = talk.sent("CLIENT TRACKING ON NOLOOP");
        talk.reply(call, vec![ok()]);
        talk.pass(1);
        talk
    }

    /// A machine whose Redis is up and tells what changes.
    fn up(options: Options) -> Self {
        let mut talk = Self::new(options);
        talk.machine.connected(talk.now, 0);
        let call = talk.sent("CLIENT TRACKING ON NOLOOP");
        talk.reply(call, vec![ok()]);
        talk
    }

    fn take(&mut self) -> &[Action] {
        self.actions.clear();
        while let Some(action) = self.machine.take_action() {
            self.forgot_here |= matches!(action, Action::ForgetRun { .. });
            match &action {
                Action::Log(bytes) => self.log.extend(bytes),
                Action::EndLog => self.log.clear(),
                _ => {}
            }
            self.story.push(action.clone());
            self.actions.push(action);
        }
        &self.actions
    }

    /// The call that begins with these words.
    fn sent(&mut self, words: &str) -> u64 {
        self.take();
        self.among_sent(words).unwrap_or_else(|| panic!("no {words} among {:?}", self.actions))
    }

    fn among_sent(&self, words: &str) -> Option<u64> {
        Self::call(&self.actions, words)
    }

    /// The last call ever that begins with these words.
    fn last_sent(&mut self, words: &str) -> Option<u64> {
        self.take();
        self.story.iter().rev().find_map(|action| Self::call(std::slice::from_ref(action), words))
    }

    fn call(actions: &[Action], words: &str) -> Option<u64> {
        actions.iter().find_map(|action| match action {
            Action::Send { call, commands, .. } => {
                let text: Vec<String> =
                    commands.iter().map(|command| String::from_utf8_lossy(&command.join(&b' ')).into_owned()).collect();
                text.join("; ").starts_with(words).then_some(*call)
            }
            _ => None,
        })
    }

    fn reply(&mut self, call: u64, replies: Vec<Value>) {
        self.machine.replied(self.now, call, replies);
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(due) = self.machine.next_due().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.machine.tick(self.now);
        }
        self.now = end;
    }

    fn get(&mut self, key: &str, keep: Option<Keep>) -> u64 {
        self.request += 1;
        self.machine.get(self.now, self.request, key.as_bytes(), keep);
        self.request
    }

    fn set(&mut self, key: &str, value: &str, keep: Keep) -> u64 {
        self.request += 1;
        self.machine.set(self.now, self.request, key.as_bytes(), value.into(), keep);
        self.request
    }

    fn answer(&mut self, request: u64) -> Option<Answer> {
        self.take();
        self.actions.iter().find_map(|action| match action {
            Action::Answer { request: of, answer } if *of == request => Some(answer.clone()),
            _ => None,
        })
    }

    fn value(&mut self, request: u64) -> (Option<String>, Meta) {
        match self.answer(request) {
            Some(Answer::Value { value, meta }) => (value.map(|value| String::from_utf8(value).unwrap()), meta),
            other => panic!("{other:?}"),
        }
    }

    fn makes(&mut self) -> bool {
        self.take().iter().any(|action| matches!(action, Action::Make { .. }))
    }

    fn notices(&self) -> Vec<&Notice> {
        self.actions.iter().filter_map(|action| if let Action::Tell(notice) = action { Some(notice) } else { None }).collect()
    }

    /// A key read from Redis.
    fn known(&mut self, key: &str, value: &str, ttl: i64) {
        let request = self.get(key, None);
        let tracked = self.machine.health()[0].2;
        let call = self.sent(&if tracked { format!("GET {key}") } else { format!("PTTL {key}; GET {key}") });
        let ttl = Value::Integer(ttl);
        self.reply(call, if tracked { vec![bytes(value), ttl] } else { vec![ttl.clone(), bytes(value), ttl] });
        assert_eq!(self.value(request).0.as_deref(), Some(value));
    }

    /// Redis refuses connections until the breaker opens.
    fn go_down(&mut self) {
        self.machine.disconnected(self.now, 0);
        for _ in 0..20 {
            self.machine.connect_failed(self.now, 0, None);
            self.pass(100);
            if self.machine.state_of(0) == State::Down {
                self.take();
                return;
            }
        }
        panic!("still {:?}", self.machine.state_of(0));
    }

    /// Redis answers again, and what is journaled goes out.
    fn come_back(&mut self) {
        self.pass(400);
        for _ in 0..10 {
            if self.machine.state_of(0) == State::Probing {
                break;
            }
            self.pass(400);
        }
        self.machine.connected(self.now, 0);
        for _ in 0..3 {
            let call = self.sent("PING; GET");
            self.reply(call, vec![Value::Status(b"PONG".to_vec()), Value::Null]);
        }
        let call = self.sent("CLIENT TRACKING");
        self.reply(call, vec![ok()]);
    }
}

/// Nobody asks whether Redis lives: for scenes in which time passes and nothing else.
fn unasked() -> Options {
    Options { ping_every: 3_600_000, silent_after: 3_600_000, ..Options::default() }
}

fn for_ms(ttl: u64) -> Keep {
    Keep { ttl: Some(ttl), ..Keep::default() }
}

#[test]
fn a_second_read_asks_nobody() {
    let mut talk = Talk::up(Options::default());
    talk.known("k", "v", 5000);
    assert_eq!(
        talk.machine.hit(talk.now, b"k").map(|(value, meta)| (value.to_vec(), meta.source)),
        Some((b"v".to_vec(), Source::L1))
    );
    talk.pass(5000);
    assert_eq!(talk.machine.hit(talk.now, b"k"), None);
}

#[test]
fn tracking_is_armed_before_the_first_read_goes_out() {
    let mut talk = Talk::new(Options::default());
    talk.get("k", None);
    talk.machine.connected(talk.now, 0);
    let order: Vec<Vec<u8>> = talk
        .take()
        .iter()
        .filter_map(|action| match action {
            Action::Send { commands, .. } => Some(commands[0][0].clone()),
            _ => None,
        })
        .collect();
    // Whether changes will be told is not known yet, so the read asks for the time to live on both sides.
    assert_eq!(order, [b"CLIENT".to_vec(), b"PTTL".to_vec()]);
}

#[test]
fn a_change_told_while_the_reply_is_on_its_way_keeps_it_out_of_l1() {
    let mut talk = Talk::up(Options::default());
    let request = talk.get("k", None);
    let call = talk.sent("GET k");
    talk.machine.invalidated(talk.now, 0, Some(&[b"k".to_vec()]));
    talk.reply(call, vec![bytes("old"), Value::Integer(-1)]);
    assert_eq!(talk.value(request).0.as_deref(), Some("old"));
    assert_eq!(talk.machine.hit(talk.now, b"k"), None);
}

#[test]
fn a_write_goes_to_l1_only_when_redis_has_it_and_read_it_back() {
    let mut talk = Talk::up(Options::default());
    let request = talk.set("k", "v", for_ms(1000));
    let call = talk.sent("MULTI; SET k v PX 1000; PTTL k; EXEC");
    assert_eq!(talk.machine.hit(talk.now, b"k"), None);
    talk.reply(
        call,
        vec![
            ok(),
            Value::Status(b"QUEUED".to_vec()),
            Value::Status(b"QUEUED".to_vec()),
            Value::Array(vec![ok(), Value::Integer(1000)]),
        ],
    );
    assert_eq!(talk.answer(request), Some(Answer::Written { durability: Durability::L2, count: 1 }));
    assert!(talk.machine.hit(talk.now, b"k").is_some());
}

#[test]
fn a_write_without_an_answer_has_an_unknown_outcome() {
    let mut talk = Talk::up(Options::default());
    talk.known("k", "before", -1);
    let request = talk.set("k", "v", Keep::default());
    talk.take();
    talk.pass(1000);
    assert_eq!(talk.answer(request), Some(Answer::Failed(Failure::UnknownOutcome)));
    assert_eq!(talk.machine.hit(talk.now, b"k"), None, "nobody knows what the key holds");
}

#[test]
fn a_slow_redis_delays_nobody_who_can_be_given_an_older_value() {
    let mut talk = Talk::up(Options::default());
    talk.known("k", "v", -1);
    talk.machine.disconnected(talk.now, 0);
    talk.machine.connected(talk.now, 0);
    talk.take();
    let request = talk.get("k", None);
    assert_eq!(talk.answer(request), None);
    talk.pass(50);
    let (value, meta) = talk.value(request);
    assert_eq!((value.as_deref(), meta.stale), (Some("v"), true));
}

#[test]
fn while_redis_is_down_l1_answers_and_the_journal_takes_writes() {
    let mut talk = Talk::up(Options { conflict: Conflict::Overwrite, ..Options::default() });
    talk.known("k", "v", 60_000);
    talk.go_down();
    let read = talk.get("k", None);
    let (value, meta) = talk.value(read);
    assert_eq!((value.as_deref(), meta.stale, meta.source), (Some("v"), true, Source::L1));
    let write = talk.set("k", "mine", for_ms(60_000));
    assert_eq!(talk.answer(write), Some(Answer::Written { durability: Durability::Journaled, count: 1 }));
    let read = talk.get("k", None);
    let (value, meta) = talk.value(read);
    assert_eq!((value.as_deref(), meta.stale, meta.durability), (Some("mine"), false, Durability::Journaled));
    let deadline = talk.now + 60_000;
    talk.come_back();
    talk.pass(1);
    let call = talk.sent(&format!("SET k mine PXAT {deadline}"));
    talk.reply(call, vec![ok()]);
    talk.pass(20);
    talk.take();
    assert!(talk.notices().contains(&&Notice::State { node: 0, from: State::Recovering, to: State::Up }), "{:?}", talk.actions);
    talk.get("k", None);
    talk.sent("GET k");
}

#[test]
fn a_journaled_value_gives_way_and_that_is_said() {
    let mut talk = Talk::up(Options::default());
    talk.go_down();
    talk.set("k", "mine", Keep::default());
    talk.come_back();
    talk.pass(1);
    let call = talk.sent("UNLINK k");
    talk.reply(call, vec![Value::Integer(1)]);
    talk.take();
    assert!(talk.notices().contains(&&Notice::JournalDropped { key: b"k".to_vec(), reason: Dropped::Conflict }));
}

#[test]
fn a_journaled_write_that_gave_way_to_a_refused_one_is_said_to_be_lost() {
    let mut talk = Talk::up(Options::default());
    talk.go_down();
    talk.set("k", "journaled", Keep::default());
    talk.come_back();
    let request = talk.set("k", "later", Keep::default());
    let call = talk.sent("MULTI; SET k later");
    talk.reply(call, vec![Value::Error(cachette::ReplyError::bytes(&[b"OOM command not allowed"]))]);
    assert!(matches!(talk.answer(request), Some(Answer::Failed(Failure::Reply(_)))));
    assert!(talk.notices().contains(&&Notice::JournalDropped { key: b"k".to_vec(), reason: Dropped::Refused }));
}

#[test]
fn a_command_comes_after_what_waits_for_its_key() {
    let mut talk = Talk::up(Options { behind: true, ..Options::default() });
    talk.set("k", "5", Keep::default());
    let facts = Facts { readonly: false, write: true, keys: vec![b"k".to_vec()] };
    talk.machine.command(talk.now, 99, vec![b"INCR".to_vec(), b"k".to_vec()], facts);
    talk.take();
    let sent: Vec<Vec<u8>> = talk
        .actions
        .iter()
        .filter_map(|action| if let Action::Send { commands, .. } = action { Some(commands[0].join(&b' ')) } else { None })
        .collect();
    assert_eq!(sent, [b"SET k 5".to_vec(), b"INCR k".to_vec()]);
}

#[test]
fn with_an_envelope_the_newer_write_wins_in_redis() {
    let mut talk = Talk::up(Options { envelope: true, ..Options::default() });
    talk.go_down();
    talk.set("k", "mine", Keep::default());
    talk.come_back();
    talk.pass(1);
    let call = talk.sent("EVAL");
    talk.reply(call, vec![Value::Integer(0)]);
    talk.take();
    assert!(talk.notices().contains(&&Notice::JournalDropped { key: b"k".to_vec(), reason: Dropped::Conflict }));
}

#[test]
fn what_expired_in_the_journal_is_not_replayed() {
    let mut talk = Talk::up(Options::default());
    talk.go_down();
    talk.set("k", "mine", for_ms(10));
    talk.pass(20);
    talk.come_back();
    talk.pass(1);
    talk.take();
    assert!(talk.notices().contains(&&Notice::JournalDropped { key: b"k".to_vec(), reason: Dropped::Expired }));
}

#[test]
fn rules_by_prefix_refuse_or_keep_to_this_process() {
    let rule = |prefix: &str, on_down| Rule { prefix: prefix.into(), on_down, behind: false };
    let mut talk =
        Talk::up(Options { rules: vec![rule("limit:", OnDown::Local), rule("order:", OnDown::Fail)], ..Options::default() });
    talk.go_down();
    let (local, refused) = (talk.set("limit:1", "5", Keep::default()), talk.request + 1);
    assert_eq!(talk.answer(local), Some(Answer::Written { durability: Durability::Local, count: 1 }));
    talk.set("order:1", "x", Keep::default());
    assert_eq!(talk.answer(refused), Some(Answer::Failed(Failure::Down)));
    let read = talk.get("limit:1", None);
    assert_eq!(talk.value(read).0.as_deref(), Some("5"));
    talk.come_back();
    talk.get("limit:1", None);
    talk.sent("GET limit:1");
}

#[test]
fn a_local_command_counts_here_while_redis_is_away() {
    let rules = vec![Rule { prefix: b"limit:".to_vec(), on_down: OnDown::Local, behind: false }];
    let mut talk = Talk::up(Options { rules, ..Options::default() });
    let incr = |talk: &mut Talk, key: &str| {
        talk.request += 1;
        let words = vec![b"INCR".to_vec(), key.as_bytes().to_vec()];
        let facts = Facts { readonly: false, write: true, keys: vec![key.as_bytes().to_vec()] };
        talk.machine.command(talk.now, talk.request, words, facts);
        talk.request
    };
    let run = |talk: &mut Talk| {
        let found = talk.take().iter().find_map(|action| match action {
            Action::Run { request, node: 0, command } => Some((*request, command.clone())),
            _ => None,
        });
        found.map(|(request, command)| (request, command.join(&b' ')))
    };
    let request = incr(&mut talk, "limit:a");
    let call = talk.sent("INCR limit:a");
    talk.reply(call, vec![Value::Integer(41)]);
    assert!(matches!(talk.answer(request), Some(Answer::Reply { meta: Meta { durability: Durability::L2, .. }, .. })));

    // One is on its way to a connection that does not come: it was certainly not done.
    talk.machine.disconnected(talk.now, 0);
    let waiting = incr(&mut talk, "limit:a");
    for _ in 0..5 {
        talk.machine.connect_failed(talk.now, 0, None);
        talk.pass(100);
    }
    assert_eq!(talk.machine.state_of(0), State::Down);
    assert_eq!(run(&mut talk), Some((waiting, b"INCR limit:a".to_vec())));
    talk.machine.ran(talk.now, waiting, &Value::Integer(1));
    match talk.answer(waiting) {
        Some(Answer::Reply { reply, meta }) => assert_eq!((&reply[..], meta.durability), (&b":1\r\n"[..], Durability::Local)),
        other => panic!("{other:?}"),
    }
    let request = incr(&mut talk, "limit:a");
    assert_eq!(run(&mut talk), Some((request, b"INCR limit:a".to_vec())));
    // Other keys are Redis's alone.
    let request = incr(&mut talk, "stock:a");
    assert_eq!(talk.answer(request), Some(Answer::Failed(Failure::Down)));

    talk.come_back();
    assert!(talk.forgot_here);
    incr(&mut talk, "limit:a");
    talk.sent("INCR limit:a");
}

#[test]
fn tracking_by_prefix_bounds_what_it_does_not_cover() {
    let broadcast = vec![b"user:".to_vec(), b"user:admin:".to_vec()];
    let mut talk = Talk::new(Options { broadcast, ..unasked() });
    talk.machine.connected(talk.now, 0);
    let call = talk.sent("CLIENT TRACKING ON NOLOOP BCAST PREFIX cachette:tag: PREFIX user:");
    assert!(!format!("{:?}", talk.actions).contains("admin"), "Redis refuses prefixes that overlap");
    talk.reply(call, vec![ok()]);
    talk.known("user:1", "v", -1);
    let request = talk.get("page:1", None);
    let call = talk.sent("PTTL page:1; GET page:1");
    talk.reply(call, vec![Value::Integer(-1), bytes("v"), Value::Integer(-1)]);
    assert_eq!(talk.value(request).0.as_deref(), Some("v"));
    // A value that is set need not be read back to be told of.
    let request = talk.set("user:2", "v", Keep::default());
    let call = talk.sent("SET user:2 v");
    talk.reply(call, vec![ok()]);
    assert!(matches!(talk.answer(request), Some(Answer::Written { .. })));
    talk.pass(6_000);
    assert!(talk.machine.hit(talk.now, b"user:1").is_some());
    assert!(talk.machine.hit(talk.now, b"user:2").is_some());
    assert!(talk.machine.hit(talk.now, b"page:1").is_none());
}

#[test]
fn without_tracking_tiers_tell_each_other() {
    let options = Options { backplane: Some(b"changes".to_vec()), ..unasked() };
    let mut talk = Talk::new(options.clone());
    talk.machine.connected(talk.now, 0);
    let call = talk.sent("CLIENT TRACKING");
    talk.reply(call, vec![Value::Error(cachette::ReplyError::bytes(&[b"ERR unknown command 'CLIENT'"]))]);
    talk.sent("SUBSCRIBE changes");
    talk.known("k", "v", -1);
    talk.known("other", "v", -1);

    // What another tier says of a write of its own.
    let mut other = Talk::seeded(options, 8);
    other.machine.connected(other.now, 0);
    let call = other.sent("CLIENT TRACKING");
    other.reply(call, vec![Value::Error(cachette::ReplyError::bytes(&[b"ERR"]))]);
    other.set("k", "new", Keep::default());
    other.take();
    let message = other.actions.iter().find_map(|action| match action {
        Action::Send { commands, .. } => match &commands[0][..] {
            [publish, _, message] if publish == b"PUBLISH" => Some(message.clone()),
            _ => None,
        },
        _ => None,
    });
    let message = message.unwrap();
    assert!(!String::from_utf8_lossy(&message).contains("new"), "keys are told, never values");
    talk.machine.told(talk.now, 0, &message);
    assert!(talk.machine.hit(talk.now, b"k").is_none());
    assert!(talk.machine.hit(talk.now, b"other").is_some());
    // Nobody tells of those who are no tiers.
    talk.pass(6_000);
    assert!(talk.machine.hit(talk.now, b"other").is_none());
}

#[test]
fn without_tracking_a_value_is_not_kept_with_the_time_to_live_of_another() {
    let mut talk = Talk::new(Options { tracking: false, ..Options::default() });
    talk.machine.connected(talk.now, 0);
    talk.take();
    let request = talk.get("k", None);
    let call = talk.sent("PTTL k; GET k; PTTL k");
    // Somebody set it anew after the value was read, for ever.
    talk.reply(call, vec![Value::Integer(40), bytes("short"), Value::Integer(-1)]);
    assert_eq!(talk.value(request).0.as_deref(), Some("short"));
    assert!(talk.machine.hit(talk.now, b"k").is_none());
    // Written on both sides of it: what lived for 1,481 ms went, and what is there now lives for 578.
    let request = talk.get("k", None);
    let call = talk.sent("PTTL k; GET k; PTTL k");
    talk.reply(call, vec![Value::Integer(1481), bytes("short"), Value::Integer(578)]);
    assert_eq!(talk.value(request).0.as_deref(), Some("short"));
    assert!(talk.machine.hit(talk.now, b"k").is_none());
    talk.known("k", "long", -1);
    assert!(talk.machine.hit(talk.now, b"k").is_some());
}

#[test]
fn what_changes_the_shared_connection_is_refused() {
    let mut talk = Talk::up(Options::default());
    let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    for command in ["CLIENT TRACKING OFF", "client reply off", "CLIENT CACHING YES", "MULTI", "XREAD BLOCK 0 STREAMS s $"] {
        talk.request += 1;
        talk.machine.command(talk.now, talk.request, words(command), Facts::default());
        assert_eq!(talk.answer(talk.request), Some(Answer::Failed(Failure::NotShared)), "{command}");
    }
    talk.machine.command(talk.now, 99, words("CLIENT LIST"), Facts::default());
    talk.sent("CLIENT LIST");
}

#[test]
fn a_full_journal_refuses() {
    let mut talk = Talk::up(Options { journal_entries: 1, overflow: Overflow::Reject, ..Options::default() });
    talk.go_down();
    talk.set("a", "1", Keep::default());
    let request = talk.set("b", "2", Keep::default());
    assert_eq!(talk.answer(request), Some(Answer::Failed(Failure::JournalFull)));
}

#[test]
fn write_behind_is_sent_within_fifty_milliseconds() {
    let mut talk = Talk::up(Options { behind: true, ..Options::default() });
    let request = talk.set("k", "v", Keep::default());
    assert_eq!(talk.answer(request), Some(Answer::Written { durability: Durability::Journaled, count: 1 }));
    let read = talk.get("k", None);
    assert_eq!(talk.value(read).0.as_deref(), Some("v"));
    talk.pass(50);
    talk.sent("SET k v");
}

#[test]
fn one_factory_runs_for_all_who_ask() {
    let mut talk = Talk::up(Options::default());
    let requests: Vec<u64> = (0..100).map(|_| talk.get("k", Some(for_ms(1000)))).collect();
    let call = talk.sent("GET k");
    talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
    let makers = talk.take().iter().filter(|action| matches!(action, Action::Make { .. })).count();
    assert_eq!(makers, 1);
    talk.machine.made(talk.now, requests[0], Made::Value { value: b"v".to_vec(), keep: None });
    talk.take();
    let answered = talk
        .actions
        .iter()
        .filter(|action| matches!(action, Action::Answer { answer: Answer::Value { value: Some(_), .. }, .. }))
        .count();
    assert_eq!(answered, 100);
}

#[test]
fn a_caller_who_is_gone_takes_his_factory_along() {
    let mut talk = Talk::up(Options::default());
    let request = talk.get("k", Some(for_ms(1000)));
    talk.machine.cancel(request);
    assert!(talk.take().contains(&Action::Forget { request }));
}

#[test]
fn those_who_wait_for_a_running_factory_share_the_next() {
    let mut talk = Talk::up(Options::default());
    let first = talk.get("k", Some(for_ms(1000)));
    let call = talk.sent("GET k");
    talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
    assert!(talk.makes());
    let mut later = Vec::new();
    for _ in 0..3 {
        // Somebody writes the key: who comes now does not want what is being made.
        talk.machine.invalidated(talk.now, 0, Some(&[b"k".to_vec()]));
        later.push(talk.get("k", Some(for_ms(1000))));
        let call = talk.sent("GET k");
        talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
        assert!(!talk.makes());
    }
    talk.machine.made(talk.now, first, Made::Nothing);
    let makers: Vec<u64> = talk
        .take()
        .iter()
        .filter_map(|action| if let Action::Make { request } = action { Some(*request) } else { None })
        .collect();
    let [maker] = makers[..] else { panic!("{makers:?}") };
    talk.machine.made(talk.now, maker, Made::Value { value: b"v".to_vec(), keep: None });
    talk.take();
    let answered = |request: &u64| {
        talk.actions.iter().any(|action| matches!(action, Action::Answer { request: of, answer: Answer::Value { value: Some(_), .. } } if of == request))
    };
    assert!(later.iter().all(answered));
}

#[test]
fn a_reader_without_a_factory_does_not_wait_for_that_of_another() {
    let mut talk = Talk::up(Options::default());
    talk.get("k", Some(for_ms(1000)));
    let call = talk.sent("GET k");
    talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
    assert!(talk.makes());
    let request = talk.get("k", None);
    let call = talk.sent("GET k");
    talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
    assert_eq!(talk.value(request).0, None);
}

#[test]
fn of_two_writes_that_wait_the_later_is_journaled() {
    let mut talk = Talk::new(Options { conflict: Conflict::Overwrite, behind: true, ..Options::default() });
    // There is no connection yet: what a factory made waits for one, and then its caller writes the key himself.
    let request = talk.get("k", Some(for_ms(10_000)));
    talk.pass(500);
    assert!(talk.makes());
    talk.machine.made(talk.now, request, Made::Value { value: b"made".to_vec(), keep: None });
    talk.set("k", "own", Keep::default());
    for _ in 0..5 {
        talk.machine.connect_failed(talk.now, 0, None);
        talk.pass(400);
    }
    assert!(!talk.machine.state_of(0).is_online());
    let request = talk.get("k", None);
    assert_eq!(talk.value(request).0.as_deref(), Some("own"));
}

#[test]
fn an_aging_value_is_given_out_while_it_is_made_anew() {
    let mut talk = Talk::up(Options::default());
    let keep = Keep { ttl: Some(1000), fresh: Some(300), ..Keep::default() };
    let first = talk.get("k", Some(keep.clone()));
    let call = talk.sent("GET k");
    talk.reply(call, vec![bytes("v"), Value::Integer(1000)]);
    assert!(!talk.value(first).1.stale);
    talk.pass(400);
    let request = talk.get("k", Some(keep));
    let (value, meta) = talk.value(request);
    assert_eq!((value.as_deref(), meta.stale), (Some("v"), true));
    assert!(talk.actions.iter().any(|action| matches!(action, Action::Make { .. })));
}

#[test]
fn a_value_is_made_anew_early_if_so_wished() {
    let mut talk = Talk::up(Options { early_refresh: 80, ..Options::default() });
    talk.known("k", "v", 1000);
    talk.pass(700);
    assert!(talk.machine.hit(talk.now, b"k").is_some());
    talk.pass(150);
    let request = talk.get("k", Some(for_ms(1000)));
    let (value, meta) = talk.value(request);
    assert_eq!((value.as_deref(), meta.stale), (Some("v"), false));
    assert!(talk.actions.iter().any(|action| matches!(action, Action::Make { .. })));
}

#[test]
fn a_value_is_made_anew_the_earlier_the_longer_that_takes() {
    let early = |beta: u64, took: u64| {
        let mut moments = Vec::new();
        for seed in 0..200 {
            let options = Options { early_beta: beta, ..unasked() };
            let mut talk = Talk::seeded(options, seed);
            talk.machine.connected(START, 0);
            let call = talk.sent("CLIENT TRACKING ON NOLOOP");
            talk.reply(call, vec![ok()]);
            let request = talk.get("k", Some(for_ms(10_000)));
            let call = talk.sent("GET k");
            talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
            talk.pass(took);
            talk.machine.made(talk.now, request, Made::Value { value: b"v".to_vec(), keep: None });
            let call = talk.sent("MULTI; SET k v PX 10000");
            let set = talk.now;
            talk.reply(call, vec![ok(), ok(), ok(), Value::Array(vec![ok(), Value::Integer(10_000)])]);
            while talk.machine.hit(talk.now, b"k").is_some() {
                talk.pass(20);
            }
            moments.push(10_000 - (talk.now - set).min(10_000));
        }
        moments.iter().sum::<u64>() / moments.len() as u64
    };
    // On average as long before the end as it takes to make, times beta.
    let (short, long, twice) = (early(100, 100), early(100, 400), early(200, 400));
    assert!((70..130).contains(&short), "{short}");
    assert!((320..480).contains(&long), "{long}");
    assert!((640..960).contains(&twice), "{twice}");
}

#[test]
fn an_entry_with_tags_is_not_made_anew_before_its_time() {
    let mut talk = Talk::up(Options { early_refresh: 80, ..Options::default() });
    let keep = Keep { tags: vec![b"t".to_vec()], ..for_ms(1000) };
    let request = talk.get("k", Some(keep.clone()));
    let call = talk.sent("GET k");
    talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
    talk.machine.made(talk.now, request, Made::Value { value: b"v".to_vec(), keep: None });
    let call = talk.sent("MULTI; SET k");
    talk.reply(call, vec![ok(), ok(), ok(), Value::Array(vec![ok(), Value::Integer(1000)])]);
    let request = talk.get("k", Some(keep.clone()));
    // Its tag is asked for once.
    let call = talk.sent("GET k");
    let sealed = cachette::tier::envelope::seal(START, START + 1000, &keep.tags, b"v");
    talk.reply(call, vec![Value::Bytes(sealed), Value::Integer(1000)]);
    let call = talk.sent("GET cachette:tag:t");
    talk.reply(call, vec![Value::Null]);
    assert_eq!(talk.value(request).0.as_deref(), Some("v"));
    talk.pass(500);
    let request = talk.get("k", Some(keep.clone()));
    assert_eq!(talk.value(request).0.as_deref(), Some("v"));
    assert!(!talk.actions.iter().any(|action| matches!(action, Action::Make { .. })));
    talk.pass(350);
    let request = talk.get("k", Some(keep));
    assert_eq!(talk.value(request).0.as_deref(), Some("v"));
    assert!(talk.actions.iter().any(|action| matches!(action, Action::Make { .. })));
}

/// A miss whose factory asks for the lease: the request, and the call of the lease.
fn leasing() -> (Talk, u64, u64) {
    let mut talk = Talk::up(Options { lease: 1000, ..Options::default() });
    let request = talk.get("k", Some(for_ms(1000)));
    let call = talk.sent("GET k");
    talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
    let call = talk.sent("SET cachette:lease:{k}");
    assert!(!talk.actions.iter().any(|action| matches!(action, Action::Make { .. })));
    (talk, request, call)
}

#[test]
fn who_has_the_lease_makes_the_value_and_gives_it_back() {
    let (mut talk, request, call) = leasing();
    talk.reply(call, vec![ok()]);
    assert!(talk.makes());
    talk.machine.made(talk.now, request, Made::Value { value: b"v".to_vec(), keep: None });
    talk.take();
    let sent: Vec<Vec<u8>> = talk
        .actions
        .iter()
        .filter_map(|action| if let Action::Send { commands, .. } = action { commands[0].first().cloned() } else { None })
        .collect();
    // In this order, so that whoever is given the lease next finds the value.
    assert_eq!(sent, [b"MULTI".to_vec(), b"EVAL".to_vec()]);
}

#[test]
fn who_has_it_not_waits_for_the_value_of_another_process() {
    let (mut talk, request, call) = leasing();
    talk.reply(call, vec![Value::Null]);
    talk.pass(60);
    let call = talk.sent("GET k");
    assert!(!talk.actions.iter().any(|action| matches!(action, Action::Make { .. })));
    talk.reply(call, vec![bytes("theirs"), Value::Integer(900)]);
    let (value, meta) = talk.value(request);
    assert_eq!((value.as_deref(), meta.source), (Some("theirs"), Source::L2));
    assert_eq!(talk.machine.hit(talk.now, b"k").map(|(value, _)| value), Some(&b"theirs"[..]));
}

#[test]
fn what_came_between_the_miss_and_the_lease_is_not_made_again() {
    let (mut talk, request, call) = leasing();
    talk.reply(call, vec![ok(), bytes("theirs")]);
    talk.sent("EVAL");
    talk.pass(0);
    let call = talk.sent("GET k");
    talk.reply(call, vec![bytes("theirs"), Value::Integer(900)]);
    assert_eq!(talk.value(request).0.as_deref(), Some("theirs"));
}

#[test]
fn a_lease_whose_holder_died_is_waited_for_no_longer_than_it_lasts() {
    let (mut talk, _, call) = leasing();
    talk.reply(call, vec![Value::Null]);
    let start = talk.now;
    loop {
        talk.pass(10);
        assert!(talk.now < start + 2000, "it is never made");
        let actions = talk.take().to_vec();
        if actions.iter().any(|action| matches!(action, Action::Make { .. })) {
            break;
        }
        for action in actions {
            // Nothing comes, and the lease stays where it is.
            if let Action::Send { call, commands, .. } = action {
                let leases = commands[0][0] == b"SET";
                let null = if leases { vec![Value::Null; 2] } else { vec![Value::Null, Value::Integer(-2)] };
                talk.reply(call, null);
            }
        }
    }
    assert!((1000..1100).contains(&(talk.now - start)), "{}", talk.now - start);
}

#[test]
fn a_failed_factory_gives_way_to_a_value_within_its_grace() {
    let mut talk = Talk::up(Options { grace: 10_000, ..Options::default() });
    talk.known("k", "v", 1000);
    talk.pass(2000);
    let request = talk.get("k", Some(for_ms(1000)));
    let call = talk.sent("GET k");
    talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
    assert!(talk.makes());
    talk.machine.made(talk.now, request, Made::Failed(b"no database".to_vec()));
    let (value, meta) = talk.value(request);
    assert_eq!((value.as_deref(), meta.stale), (Some("v"), true));
}

#[test]
fn that_there_is_nothing_is_remembered_for_a_while() {
    let mut talk = Talk::up(Options { negative_ttl: 500, ..Options::default() });
    let request = talk.get("k", Some(for_ms(1000)));
    let call = talk.sent("GET k");
    talk.reply(call, vec![Value::Null, Value::Integer(-2)]);
    talk.machine.made(talk.now, request, Made::Nothing);
    talk.take();
    let again = talk.get("k", Some(for_ms(1000)));
    assert_eq!(talk.value(again).0, None);
    talk.pass(500);
    talk.get("k", Some(for_ms(1000)));
    talk.sent("GET k");
}

#[test]
fn what_was_cleared_is_not_cleared_again_by_the_next_process() {
    let options = || Options { journal_log: true, ..Options::default() };
    let mut talk = Talk::up(options());
    talk.go_down();
    talk.set("other", "1", Keep::default());
    talk.request += 1;
    talk.machine.clear(talk.now, talk.request, b"ns:");
    talk.come_back();
    talk.pass(1);
    // The clear is done, and the write still under way, when this process ends.
    let call = talk.sent("SCAN 0 MATCH ns:*");
    talk.reply(call, vec![Value::Array(vec![bytes("0"), Value::Array(vec![])])]);
    let mut talk = talk.restarted(options());
    talk.take();
    assert!(talk.among_sent("SCAN").is_none(), "what was written since stays");
    assert_eq!(talk.machine.journaled().0, 1);
}

#[test]
fn a_clear_that_fails_late_leaves_what_was_journaled_after_it() {
    let options = || Options { journal_log: true, behind: true, ..Options::default() };
    let mut talk = Talk::up(options());
    talk.request += 1;
    talk.machine.clear(talk.now, talk.request, b"ns:");
    talk.sent("SCAN 0 MATCH ns:*");
    talk.set("ns:later", "1", Keep::default());
    talk.machine.disconnected(talk.now, 0);
    let mut talk = talk.restarted(options());
    talk.sent("SCAN 0 MATCH ns:*");
    assert_eq!(talk.machine.journaled().0, 1);
}

#[test]
fn a_namespace_is_cleared_and_the_journal_with_it() {
    let mut talk = Talk::up(Options::default());
    talk.known("users:1", "v", -1);
    talk.go_down();
    talk.set("users:2", "mine", Keep::default());
    talk.request += 1;
    talk.machine.clear(talk.now, talk.request, b"users:");
    assert_eq!(talk.answer(talk.request), Some(Answer::Written { durability: Durability::Journaled, count: 0 }));
    for key in ["users:1", "users:2"] {
        let request = talk.get(key, None);
        assert_eq!(talk.value(request).0, None, "{key}");
    }
    talk.come_back();
    talk.pass(1);
    let scan = talk.sent("SCAN 0 MATCH users:* COUNT");
    // Until that is done, what Redis has counts for nothing.
    let request = talk.get("users:1", None);
    assert_eq!(talk.value(request).0, None);
    talk.reply(scan, vec![Value::Array(vec![bytes("0"), Value::Array(vec![bytes("users:1")])])]);
    let unlink = talk.sent("UNLINK users:1");
    talk.reply(unlink, vec![Value::Integer(1)]);
    talk.get("users:1", None);
    talk.sent("GET users:1");
}

#[test]
fn a_server_that_lets_nobody_in_is_noticed_at_once() {
    let mut talk = Talk::new(Options::default());
    talk.machine.connect_failed(talk.now, 0, Some(b"WRONGPASS invalid username-password pair"));
    let request = talk.get("k", Some(for_ms(1000)));
    let failure = Failure::Configuration(b"WRONGPASS invalid username-password pair".to_vec());
    assert_eq!(talk.answer(request), Some(Answer::Failed(failure)));
}

#[test]
fn a_silent_redis_is_down_within_three_seconds() {
    let mut talk = Talk::up(Options::default());
    talk.pass(3000);
    assert!(matches!(talk.machine.state_of(0), State::Down | State::Probing));
}

#[test]
fn commands_are_redis_s_and_replies_of_reads_are_kept() {
    let mut talk = Talk::up(Options::default());
    let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    let read = Facts { readonly: true, write: false, keys: vec![b"h".to_vec()] };
    let write = Facts { readonly: false, write: true, keys: vec![b"h".to_vec()] };
    talk.machine.command(talk.now, 1, words("HGET h f"), read.clone());
    let call = talk.sent("HGET h f; PTTL h");
    talk.reply(call, vec![bytes("v"), Value::Integer(-1)]);
    talk.machine.command(talk.now, 2, words("hget h f"), read.clone());
    assert!(matches!(talk.answer(2), Some(Answer::Reply { meta: Meta { source: Source::L1, .. }, .. })));
    talk.machine.command(talk.now, 3, words("HSET h f w"), write.clone());
    let call = talk.sent("HSET h f w");
    talk.reply(call, vec![Value::Integer(0)]);
    talk.machine.command(talk.now, 4, words("HGET h f"), read);
    talk.sent("HGET h f; PTTL h");
    talk.go_down();
    talk.machine.command(talk.now, 5, words("HSET h f x"), write);
    assert_eq!(talk.answer(5), Some(Answer::Failed(Failure::Down)));
    talk.machine.command(talk.now, 6, words("BLPOP l 0"), Facts::default());
    assert_eq!(talk.answer(6), Some(Answer::Failed(Failure::NotShared)));
}

#[test]
fn what_commands_said_of_a_value_goes_when_it_is_set() {
    let mut talk = Talk::up(Options::default());
    let words = || vec![b"STRLEN".to_vec(), b"k".to_vec()];
    let read = Facts { readonly: true, write: false, keys: vec![b"k".to_vec()] };
    talk.machine.command(talk.now, 100, words(), read.clone());
    let call = talk.sent("STRLEN k; PTTL k");
    talk.reply(call, vec![Value::Integer(3), Value::Integer(-1)]);
    talk.set("k", "abcdef", Keep::default());
    let call = talk.sent("MULTI; SET k abcdef; PTTL k; EXEC");
    talk.reply(call, vec![ok(), ok(), ok(), Value::Array(vec![ok(), Value::Integer(-1)])]);
    talk.take();
    talk.machine.command(talk.now, 101, words(), read);
    talk.sent("STRLEN k; PTTL k");
}

#[test]
fn a_node_that_takes_over_slots_begins_without_trust() {
    let mut talk = Talk::up(Options::default());
    talk.machine.assign_slots(0, 16383, 0);
    talk.known("k", "v", -1);
    let other = talk.machine.add_node();
    talk.machine.assign_slots(0, 16383, other);
    assert_eq!(talk.machine.hit(talk.now, b"k"), None);
}

/// What is sent of SET and UNLINK, a line each.
fn writes(talk: &mut Talk) -> Vec<(u64, String)> {
    let sends = talk.take().iter().filter_map(|action| match action {
        Action::Send { call, commands, .. } => Some((*call, String::from_utf8_lossy(&commands[0].join(&b' ')).into_owned())),
        _ => None,
    });
    sends.filter(|(_, text)| text.starts_with("SET") || text.starts_with("UNLINK")).collect()
}

#[test]
fn an_ordered_journal_replays_every_write_in_turn() {
    let mut talk = Talk::up(Options { ordered: true, conflict: Conflict::Overwrite, ..Options::default() });
    talk.go_down();
    talk.set("a", "1", Keep::default());
    talk.set("b", "2", Keep::default());
    talk.set("a", "3", Keep::default());
    assert_eq!(talk.machine.journaled().0, 3);
    talk.come_back();
    talk.pass(1);
    let mut seen = Vec::new();
    while let [(call, text)] = &writes(&mut talk)[..] {
        seen.push(text.clone());
        if seen.len() == 2 {
            // What is written meanwhile comes after them.
            let request = talk.set("b", "4", Keep::default());
            assert_eq!(talk.answer(request), Some(Answer::Written { durability: Durability::Journaled, count: 1 }));
        }
        talk.reply(*call, vec![ok()]);
    }
    assert_eq!(seen, ["SET a 1", "SET b 2", "SET a 3", "SET b 4"]);
    // And is not kept waiting when there is nothing left.
    talk.pass(20);
    talk.set("c", "5", Keep::default());
    talk.sent("MULTI; SET c 5");
}

#[test]
fn a_write_of_an_ordered_journal_without_an_answer_holds_up_the_next() {
    let mut talk = Talk::up(Options { ordered: true, conflict: Conflict::Overwrite, ..Options::default() });
    talk.go_down();
    talk.set("a", "1", Keep::default());
    talk.set("b", "2", Keep::default());
    talk.come_back();
    talk.pass(1);
    assert_eq!(writes(&mut talk)[0].1, "SET a 1");
    talk.machine.disconnected(talk.now, 0);
    talk.machine.connected(talk.now, 0);
    let call = talk.sent("CLIENT TRACKING");
    talk.reply(call, vec![ok()]);
    talk.pass(20);
    let [(call, text)] = &writes(&mut talk)[..] else { panic!("{:?}", talk.actions) };
    assert_eq!(text, "SET a 1");
    talk.reply(*call, vec![ok()]);
    assert_eq!(writes(&mut talk)[0].1, "SET b 2");
}

#[test]
fn an_ordered_journal_outlives_the_process_in_order() {
    let options = || Options { ordered: true, journal_log: true, conflict: Conflict::Overwrite, ..Options::default() };
    let mut talk = Talk::up(options());
    talk.go_down();
    talk.set("a", "1", Keep::default());
    talk.set("b", "2", Keep::default());
    talk.set("a", "3", Keep::default());
    talk.come_back();
    talk.pass(1);
    let (call, _) = writes(&mut talk)[0];
    talk.reply(call, vec![ok()]);
    let mut talk = talk.restarted(options());
    let mut seen = Vec::new();
    while let [(call, text)] = &writes(&mut talk)[..] {
        seen.push(text.clone());
        talk.reply(*call, vec![ok()]);
    }
    assert_eq!(seen, ["SET b 2", "SET a 3"]);
}

fn retrying() -> Options {
    Options { retry_unknown: true, ..Options::default() }
}

#[test]
fn a_write_without_an_answer_is_sent_again_if_so_wished() {
    let mut talk = Talk::up(retrying());
    let request = talk.set("k", "v", for_ms(5000));
    talk.sent("MULTI; SET k v PX 5000");
    let deadline = talk.now + 5000;
    talk.pass(100);
    talk.machine.disconnected(talk.now, 0);
    assert_eq!(talk.answer(request), None, "it is not known yet");
    talk.machine.connected(talk.now, 0);
    let call = talk.sent(&format!("SET k v PXAT {deadline}"));
    talk.reply(call, vec![ok()]);
    assert_eq!(talk.answer(request), Some(Answer::Written { durability: Durability::L2, count: 1 }));
    assert_eq!(talk.machine.hit(talk.now, b"k"), None, "nobody would tell when it changes");
}

#[test]
fn a_write_is_sent_again_after_an_outage_that_is_shorter_than_its_caller_waits() {
    let mut talk = Talk::up(retrying());
    talk.request += 1;
    let request = talk.request;
    talk.machine.delete(talk.now, request, b"k");
    let call = talk.sent("UNLINK k");
    talk.go_down();
    assert_eq!(talk.answer(request), None);
    talk.come_back();
    let again = talk.last_sent("UNLINK k").unwrap();
    assert!(again > call);
    talk.reply(again, vec![Value::Integer(1)]);
    assert_eq!(talk.answer(request), Some(Answer::Written { durability: Durability::L2, count: 1 }));
}

#[test]
fn nobody_waits_longer_for_what_is_sent_again() {
    let mut talk = Talk::up(retrying());
    let start = talk.now;
    let request = talk.set("k", "v", Keep::default());
    talk.take();
    talk.pass(600);
    talk.machine.disconnected(talk.now, 0);
    talk.machine.connected(talk.now, 0);
    talk.sent("SET k v");
    talk.pass(start + 999 - talk.now);
    assert_eq!(talk.answer(request), None);
    talk.pass(1);
    assert_eq!(talk.answer(request), Some(Answer::Failed(Failure::UnknownOutcome)));
}

#[test]
fn what_somebody_wrote_since_is_not_written_over_by_what_is_sent_again() {
    let mut talk = Talk::up(retrying());
    let first = talk.set("k", "1", Keep::default());
    talk.take();
    talk.go_down();
    // It waits for Redis; then its key is written again.
    let second = talk.set("k", "2", Keep::default());
    assert_eq!(talk.answer(second), Some(Answer::Written { durability: Durability::Journaled, count: 1 }));
    talk.come_back();
    talk.take();
    assert_eq!(talk.last_sent("SET k 1"), None);
    let unknown = Action::Answer { request: first, answer: Answer::Failed(Failure::UnknownOutcome) };
    assert!(talk.story.contains(&unknown));
    let third = talk.set("l", "1", Keep::default());
    talk.sent("MULTI; SET l 1");
    talk.machine.invalidated(talk.now, 0, Some(&[b"l".to_vec()]));
    talk.machine.disconnected(talk.now, 0);
    assert_eq!(talk.answer(third), Some(Answer::Failed(Failure::UnknownOutcome)));
}

#[test]
fn a_command_is_sent_again_only_if_doing_it_twice_is_doing_it_once() {
    let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    let facts = || Facts { readonly: false, write: true, keys: vec![b"k".to_vec()] };
    for (text, again) in [("SET k v EX 10", true), ("INCR k", false), ("SET k v NX", false)] {
        let mut talk = Talk::up(retrying());
        talk.machine.command(talk.now, 1, words(text), facts());
        talk.sent(text);
        talk.machine.disconnected(talk.now, 0);
        let unknown = talk.answer(1) == Some(Answer::Failed(Failure::UnknownOutcome));
        talk.machine.connected(talk.now, 0);
        talk.take();
        let deadline = START + 10_000;
        let sent = talk.among_sent(&format!("SET k v PXAT {deadline}")).is_some();
        assert_eq!((sent, unknown), (again, !again), "{text}");
    }
}

/// A cluster of two nodes, both up; the second has these slots.
fn cluster(options: Options, second: &[(u16, u16)]) -> Talk {
    let mut talk = Talk::up(options);
    talk.machine.assign_slots(0, 16383, 0);
    let other = talk.machine.add_node();
    for (first, last) in second {
        talk.machine.assign_slots(*first, *last, other);
    }
    talk.machine.start(talk.now, other);
    talk.machine.connected(talk.now, other);
    let call = talk.sent("CLIENT TRACKING");
    talk.reply(call, vec![ok()]);
    talk
}

fn done() -> Vec<Value> {
    vec![ok(), ok(), ok(), Value::Array(vec![ok(), Value::Integer(-1)])]
}

#[test]
fn a_write_that_is_sent_on_does_not_come_after_a_later_one() {
    let mut talk = cluster(Options::default(), &[]);
    let first = talk.set("k", "1", Keep::default());
    let earlier = talk.sent("MULTI; SET k 1");
    // The slot moved, and that is known before the first node has said so.
    talk.machine.assign_slots(0, 16383, 1);
    let second = talk.set("k", "2", Keep::default());
    let later = talk.sent("MULTI; SET k 2");
    talk.reply(later, done());
    assert_eq!(talk.answer(second), Some(Answer::Written { durability: Durability::L2, count: 1 }));
    assert!(!talk.machine.redirected(talk.now, earlier));
    assert_eq!(talk.answer(first), Some(Answer::Written { durability: Durability::L2, count: 1 }));
    // While the later one is on its way it is not sent either, and not told as if Redis had it.
    talk.machine.assign_slots(0, 16383, 0);
    let first = talk.set("k", "3", Keep::default());
    let earlier = talk.sent("MULTI; SET k 3");
    talk.machine.assign_slots(0, 16383, 1);
    talk.set("k", "4", Keep::default());
    talk.take();
    assert!(!talk.machine.redirected(talk.now, earlier));
    assert_eq!(talk.answer(first), Some(Answer::Written { durability: Durability::Journaled, count: 1 }));
    // Alone it goes where it is sent.
    talk.set("l", "1", Keep::default());
    let alone = talk.sent("MULTI; SET l 1");
    assert!(talk.machine.redirected(talk.now, alone));
}

#[test]
fn what_nobody_waits_for_any_more_is_not_sent_on() {
    let mut talk = cluster(unasked(), &[]);
    let request = talk.set("k", "1", Keep::default());
    let call = talk.sent("MULTI; SET k 1");
    talk.pass(1000);
    assert_eq!(talk.answer(request), Some(Answer::Failed(Failure::UnknownOutcome)));
    assert!(!talk.machine.redirected(talk.now, call), "whatever was written since would be overwritten");
}

#[test]
fn a_node_that_sends_its_probe_elsewhere_is_alive() {
    let mut talk = cluster(Options::default(), &[]);
    talk.go_down();
    talk.pass(400);
    talk.machine.connected(talk.now, 0);
    for _ in 0..3 {
        let call = talk.sent("PING; GET");
        // Where the probe's key is does not matter: that node may be away.
        assert!(!talk.machine.redirected(talk.now, call));
    }
    talk.sent("CLIENT TRACKING");
}

#[test]
fn in_a_cluster_each_key_of_a_namespace_is_removed_by_itself() {
    let mut talk = cluster(Options::default(), &[]);
    talk.request += 1;
    let request = talk.request;
    talk.machine.clear(talk.now, request, b"ns:");
    let scan = talk.sent("SCAN 0 MATCH ns:*");
    talk.reply(scan, vec![Value::Array(vec![bytes("0"), Value::Array(vec![bytes("ns:1"), bytes("ns:2")])])]);
    let calls = writes(&mut talk);
    assert_eq!(calls.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["UNLINK ns:1", "UNLINK ns:2"]);
    for (call, _) in calls {
        assert_eq!(talk.answer(request), None);
        talk.reply(call, vec![Value::Integer(1)]);
    }
    assert_eq!(talk.answer(request), Some(Answer::Written { durability: Durability::L2, count: 2 }));
}

#[test]
fn marks_of_tags_are_asked_for_where_they_are() {
    use cachette::tier::route::slot;
    let (t, u) = (slot(b"cachette:tag:t"), slot(b"cachette:tag:u"));
    let mut talk = cluster(Options::default(), &[(u, u)]);
    assert_ne!(t, u);
    let request = talk.get("k", None);
    let call = talk.sent("GET k");
    let sealed = cachette::tier::envelope::seal(START, START + 60_000, &[b"t".to_vec(), b"u".to_vec()], b"v");
    talk.reply(call, vec![Value::Bytes(sealed), Value::Integer(60_000)]);
    for tag in ["t", "u"] {
        let call = talk.sent(&format!("GET cachette:tag:{tag}"));
        talk.reply(call, vec![Value::Null]);
    }
    assert_eq!(talk.value(request).0.as_deref(), Some("v"));
}
