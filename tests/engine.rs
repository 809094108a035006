//! The door: frames in, replies out.

use cachette::engine::{Engine, Options};
use cachette::session::Peer;

/// Sends inline requests at moments of a moving clock and collects the raw replies.
struct Talk {
    engine: Engine,
    session: cachette::session::SessionId,
    now: u64,
}

impl Talk {
    fn new() -> Self {
        let mut engine = Engine::new(Options { seed: 7, ..Options::default() });
        let session = engine.open(Peer::default(), 1_000_000);
        Self { engine, session, now: 1_000_000 }
    }

    fn say(&mut self, request: &str) -> String {
        let mut out = Vec::new();
        let input = format!("{request}\r\n");
        let consumed = self.engine.execute(self.session, input.as_bytes(), self.now, &mut out).expect("a request");
        assert_eq!(consumed, input.len());
        String::from_utf8(out).expect("text")
    }
}

#[test]
fn a_string_lives_until_its_deadline_has_passed() {
    let mut talk = Talk::new();
    assert_eq!(talk.say("SET k v PX 100"), "+OK\r\n");
    talk.now += 100;
    assert_eq!(talk.say("GET k"), "$1\r\nv\r\n");
    talk.now += 1;
    assert_eq!(talk.say("GET k"), "$-1\r\n");
    assert_eq!(talk.engine.keys.used_memory(), talk.engine.keys.audit());
}

#[test]
fn tick_removes_what_nobody_asks_for_and_names_the_next_moment() {
    let mut talk = Talk::new();
    talk.say("SET a 1 PX 100");
    talk.say("SET b 1 PX 300");
    let due = talk.engine.tick(talk.now, 100).expect("a is due some time");
    assert!(due <= talk.now + 101, "{due}");
    let due = talk.engine.tick(talk.now + 200, 100).expect("b is due some time");
    assert!(due <= talk.now + 301, "{due}");
    assert_eq!(talk.engine.keys.len(), 1);
    assert_eq!(talk.engine.tick(talk.now + 1000, 100), None);
    assert_eq!(talk.engine.keys.len(), 0);
}

#[test]
fn tick_finds_what_is_due_in_every_database() {
    let mut talk = Talk::new();
    talk.say("SELECT 9");
    talk.say("SET a 1 PX 100");
    talk.say("SELECT 0");
    talk.say("SET b 1 PX 100");
    talk.say("SWAPDB 0 14");
    assert!(talk.engine.next_due().is_some_and(|due| due <= talk.now + 101));
    assert_eq!(talk.engine.tick(talk.now + 1000, 100), None);
    assert_eq!(talk.engine.keys.stats.expired, 2);
}

#[test]
fn a_transaction_runs_whole_or_not_at_all() {
    let mut talk = Talk::new();
    talk.say("SET n 1");
    talk.say("WATCH n");
    talk.say("MULTI");
    assert_eq!(talk.say("INCRBY n 5"), "+QUEUED\r\n");
    assert_eq!(talk.say("MGET n nothing"), "+QUEUED\r\n");
    assert_eq!(talk.say("EXEC"), "*2\r\n:6\r\n*2\r\n$1\r\n6\r\n$-1\r\n");
    talk.say("WATCH n");
    talk.say("SET n 2");
    talk.say("MULTI");
    talk.say("INCRBY n 5");
    assert_eq!(talk.say("EXEC"), "*-1\r\n");
    talk.say("MULTI");
    assert!(talk.say("NOSUCH").starts_with("-ERR unknown command 'NOSUCH'"));
    assert!(talk.say("EXEC").starts_with("-EXECABORT"));
    assert_eq!(talk.say("DEL n"), ":1\r\n");
    assert_eq!(talk.engine.keys.used_memory(), talk.engine.keys.audit());
}

#[test]
fn a_message_reaches_those_who_listen() {
    let mut talk = Talk::new();
    let listener = talk.engine.open(Peer::default(), talk.now);
    let mut out = Vec::new();
    let _ = talk.engine.execute(listener, b"SUBSCRIBE news\r\nPSUBSCRIBE n*\r\nGET x\r\n", talk.now, &mut out);
    assert!(String::from_utf8_lossy(&out).ends_with("RESET are allowed in this context\r\n"));
    assert_eq!(talk.say("PUBLISH news hi"), ":2\r\n");
    assert_eq!(talk.engine.take_event(), Some(cachette::Event::Output(listener)));
    let message = String::from_utf8(talk.engine.take_output(listener)).expect("text");
    assert_eq!(
        message,
        "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n"
    );
    talk.engine.close(listener);
    assert_eq!(talk.say("PUBLISH news hi"), ":0\r\n");
}

/// What a session was given since the last look, after the engine's events were drained.
fn given(engine: &mut Engine, session: cachette::session::SessionId) -> String {
    while engine.take_event().is_some() {}
    String::from_utf8(engine.take_output(session)).expect("text")
}

#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    let mut talk = Talk::new();
    let (first, second) = (talk.engine.open(Peer::default(), talk.now), talk.engine.open(Peer::default(), talk.now));
    let mut out = Vec::new();
    for waiter in [first, second] {
        assert_eq!(talk.engine.execute(waiter, b"BLPOP none l 0\r\nPING\r\n", talk.now, &mut out), Ok(16));
        assert!(talk.engine.is_waiting(waiter));
    }
    assert!(out.is_empty());
    assert_eq!(talk.say("RPUSH l a"), ":1\r\n");
    assert_eq!(talk.engine.take_event(), Some(cachette::Event::Output(first)));
    assert_eq!(talk.engine.take_event(), Some(cachette::Event::Ready(first)));
    assert_eq!(given(&mut talk.engine, first), "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
    // A string where the list was wakes nobody; a list does, whatever brought it there.
    talk.say("SET l x");
    assert!(talk.engine.is_waiting(second));
    talk.say("RPUSH other b");
    talk.say("RENAME other l");
    assert_eq!(given(&mut talk.engine, second), "*2\r\n$1\r\nl\r\n$1\r\nb\r\n");
    assert_eq!(talk.say("EXISTS l"), ":0\r\n");
}

#[test]
fn a_wait_ends_at_its_deadline_or_by_command() {
    let mut talk = Talk::new();
    let waiter = talk.engine.open(Peer::default(), talk.now);
    let mut out = Vec::new();
    let _ = talk.engine.execute(waiter, b"BLPOP l 0.1\r\n", talk.now, &mut out);
    assert_eq!(talk.engine.tick(talk.now + 50, 10), Some(talk.now + 100));
    assert_eq!(talk.engine.tick(talk.now + 100, 10), None);
    assert_eq!(given(&mut talk.engine, waiter), "*-1\r\n");
    let _ = talk.engine.execute(waiter, b"BLMOVE l m LEFT LEFT 0\r\n", talk.now, &mut out);
    assert_eq!(talk.say(&format!("CLIENT UNBLOCK {} ERROR", waiter.0)), ":1\r\n");
    assert_eq!(given(&mut talk.engine, waiter), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    let info = talk.say("INFO errorstats commandstats");
    assert!(info.contains("errorstat_UNBLOCKED:count=1\r\n"), "{info}");
    assert!(info.contains("cmdstat_blmove:calls=1,") && info.contains("rejected_calls=0,failed_calls=1\r\n"), "{info}");
    let _ = talk.engine.execute(waiter, b"MULTI\r\nBLPOP l 0\r\nWAIT 1 0\r\nEXEC\r\n", talk.now, &mut out);
    assert!(out.ends_with(b"*2\r\n*-1\r\n:0\r\n"));
}

#[test]
fn while_writes_are_paused_an_expired_key_is_unseen_and_stays() {
    let mut talk = Talk::new();
    talk.say("SET k v PX 10");
    talk.say("CLIENT PAUSE 1000 WRITE");
    talk.now += 50;
    talk.engine.tick(talk.now, 10);
    assert_eq!(talk.say("GET k"), "$-1\r\n");
    assert!(talk.say("INFO stats").contains("expired_keys:0\r\n"));
    talk.say("CLIENT UNPAUSE");
    assert_eq!(talk.say("GET k"), "$-1\r\n");
    assert!(talk.say("INFO stats").contains("expired_keys:1\r\n"));
}

/// A shell that refuses one port, and whose clock ticks a millisecond a look.
struct Shell(std::cell::Cell<u64>);

impl cachette::host::Host for Shell {
    fn apply_config(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        if (name, value) == ("port", b"1") { Err("Unable to listen on this port".into()) } else { Ok(()) }
    }

    fn rewrite_config(&mut self, config: &cachette::config::Config, _: &[Vec<u8>], _: bool) -> Result<(), String> {
        assert_eq!(config.get(b"hz"), Some(&b"20"[..]));
        Ok(())
    }

    fn clock_us(&self) -> Option<u64> {
        self.0.set(self.0.get() + 1000);
        Some(self.0.get())
    }

    fn info(&self, section: &str, text: &mut Vec<u8>) {
        if section == "server" {
            text.extend_from_slice(b"os:test\r\n");
        }
    }
}

#[test]
fn a_host_may_refuse_parameters_and_tells_what_the_engine_cannot_know() {
    let mut talk = Talk::new();
    assert_eq!(talk.say("CONFIG REWRITE"), "-ERR The server is running without a config file\r\n");
    assert_eq!(talk.say("SHUTDOWN"), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    assert!(!talk.say("INFO commandstats").contains("usec=1000"));
    talk.engine.server.host = Some(Box::new(Shell(0.into())));
    let refused = talk.say("CONFIG SET hz 20 port 1");
    assert_eq!(refused, "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port\r\n");
    assert!(talk.say("CONFIG GET hz").ends_with("$2\r\n10\r\n"));
    assert_eq!(talk.say("CONFIG SET hz 20 port 2"), "+OK\r\n");
    assert_eq!(talk.say("CONFIG REWRITE"), "+OK\r\n");
    assert!(talk.say("INFO server").contains("\r\nos:test\r\n"));
    talk.say("PING");
    assert!(talk.say("INFO commandstats").contains("cmdstat_ping:calls=1,usec=1000,usec_per_call=1000.00,"));
    assert_eq!(talk.say("SHUTDOWN NOSAVE"), "");
    assert_eq!(talk.engine.take_event(), Some(cachette::Event::Shutdown));
}

#[test]
fn a_protected_command_asks_where_its_client_is() {
    use cachette::config::{Config, Phase};
    let mut config = Config::default();
    config.set(b"enable-debug-command", &[b"local"], Phase::Startup).unwrap();
    let mut engine = Engine::new(Options { seed: 7, config });
    let mut ask = |addr: &str| {
        let session = engine.open(Peer { addr: addr.into(), ..Peer::default() }, 1_000_000);
        let mut out = Vec::new();
        engine.command(session, &[b"DEBUG", b"SLEEP", b"0"], 1_000_000, &mut out);
        out.starts_with(b"+OK")
    };
    assert!(ask("") && ask("/tmp/socket:0") && ask("127.0.0.1:5000") && ask("[::1]:5000"));
    assert!(!ask("10.0.0.1:5000") && !ask("127.0.0.1.evil:1"));
}

fn configure(talk: &mut Talk, name: &str, value: &str) {
    assert_eq!(talk.say(&format!("CONFIG SET {name} \"{value}\"")), "+OK\r\n");
}

#[test]
fn a_reply_over_the_hard_limit_ends_while_it_is_made() {
    let mut talk = Talk::new();
    let value = "x".repeat(1000);
    for _ in 0..1000 {
        talk.say(&format!("RPUSH l {value}"));
    }
    configure(&mut talk, "client-output-buffer-limit", "normal 100000 0 0");
    let mut out = Vec::with_capacity(200_000);
    let _ = talk.engine.execute(talk.session, b"PING\r\nLRANGE l 0 -1\r\nPING\r\n", talk.now, &mut out);
    assert_eq!(out, b"+PONG\r\n");
    assert!(out.capacity() < 400_000, "{}", out.capacity());
    assert!(talk.engine.session(talk.session).is_some_and(|session| session.cut));
    assert_eq!(talk.engine.take_event(), Some(cachette::Event::Close(talk.session)));
    // The same inside of a transaction, whose commands all run.
    let other = talk.engine.open(Peer::default(), talk.now);
    let mut out = Vec::new();
    let _ = talk.engine.execute(other, b"MULTI\r\nLRANGE l 0 -1\r\nDEL l\r\nEXEC\r\n", talk.now, &mut out);
    assert_eq!(out, b"+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    assert_eq!(talk.engine.take_event(), Some(cachette::Event::Close(other)));
    assert_eq!(talk.engine.keys.len(), 0);
    assert_eq!(talk.engine.server.stats.output_buffer_disconnections, 2);
}

#[test]
fn a_subscriber_over_the_hard_limit_is_cut_off_within_one_transaction() {
    let mut talk = Talk::new();
    configure(&mut talk, "client-output-buffer-limit", "pubsub 10000 0 0");
    let listener = talk.engine.open(Peer::default(), talk.now);
    let mut out = Vec::new();
    let _ = talk.engine.execute(listener, b"SUBSCRIBE c\r\n", talk.now, &mut out);
    talk.say("MULTI");
    let message = "m".repeat(1000);
    for _ in 0..20 {
        talk.say(&format!("PUBLISH c {message}"));
    }
    talk.say("EXEC");
    let events: Vec<_> = std::iter::from_fn(|| talk.engine.take_event()).collect();
    assert!(events.contains(&cachette::Event::Close(listener)));
    assert_eq!(talk.engine.take_output(listener), b"");
}

#[test]
fn clients_that_take_most_go_first_and_the_protected_stay() {
    let mut talk = Talk::new();
    let mut open = |bytes: usize, protected: bool| {
        let id = talk.engine.open(Peer::default(), talk.now);
        let session = talk.engine.session_mut(id).unwrap();
        (session.buffers.query, session.no_evict) = (bytes, protected);
        id
    };
    let (small, big, biggest, protected) = (open(10_000, false), open(50_000, false), open(60_000, false), open(900_000, true));
    talk.engine.evict_clients(2_000_000);
    assert_eq!(talk.engine.server.sessions.len(), 5);
    talk.engine.evict_clients(960_000);
    let stays = |id| talk.engine.session(id).is_some();
    assert_eq!([small, big, biggest, protected].map(stays), [true, false, false, true]);
    assert_eq!(talk.engine.server.stats.evicted_clients, 2);
}

#[test]
fn what_is_not_here_is_refused_in_words() {
    let mut talk = Talk::new();
    for (request, reason) in [
        ("SYNC", "Replication"),
        ("PSYNC ? -1", "Replication"),
        ("REPLICAOF localhost 6379", "Replication"),
        ("SAVE", "Snapshots"),
        ("BGSAVE SCHEDULE", "Snapshots"),
        ("BGREWRITEAOF", "Snapshots"),
        ("SCRIPT LOAD x", "Scripts"),
        ("FUNCTION LOAD x", "Scripts"),
    ] {
        let answer = talk.say(request);
        assert!(answer.starts_with(&format!("-ERR {reason}")), "{request}: {answer}");
    }
}

#[test]
fn a_pause_ends_by_the_engines_clock_and_requests_keep_their_order() {
    let mut talk = Talk::new();
    let (first, second) = (talk.engine.open(Peer::default(), talk.now), talk.engine.open(Peer::default(), talk.now));
    talk.say("CLIENT PAUSE 100 WRITE");
    let mut out = Vec::new();
    for (id, request) in [(first, &b"APPEND k a\r\nGET k\r\n"[..]), (second, b"APPEND k b\r\n")] {
        let taken = talk.engine.execute(id, request, talk.now, &mut out).unwrap();
        assert_eq!(taken, 12);
        assert!(talk.engine.is_waiting(id));
    }
    assert_eq!(talk.engine.tick(talk.now + 50, 10), Some(talk.now + 100));
    assert!(talk.engine.is_waiting(first));
    assert_eq!(talk.engine.tick(talk.now + 100, 10), None);
    assert_eq!(given(&mut talk.engine, first), ":1\r\n");
    assert_eq!(given(&mut talk.engine, second), ":2\r\n");
    assert_eq!(talk.say("GET k"), "$2\r\nab\r\n");
    // One who goes while he waits leaves nothing behind.
    talk.say("CLIENT PAUSE 100 WRITE");
    let _ = talk.engine.execute(first, b"SET k c\r\n", talk.now + 100, &mut out);
    talk.engine.close(first);
    talk.say("CLIENT UNPAUSE");
    assert_eq!(talk.say("GET k"), "$2\r\nab\r\n");
}
