//! What replicas are told repeats every change: on an engine of our own, whose clock stands still, and on a real redis-server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use support::engine::InProcess;
use support::grammar::Grammar;
use support::port;
use support::resp::{Value, decode, encode};
use support::target::{Address, Client, Server, Target};
use support::words::line;

const DATABASES: usize = 16;

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Makes a client a replica of an empty target: takes the snapshot away, so that the stream follows.
fn attach(target: &mut dyn Target) -> Client {
    let replica = target.connect();
    target.send(replica, b"SYNC\r\n");
    let (bytes, _) = target.receive_raw(replica, 1, false);
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let length: usize = std::str::from_utf8(&bytes[1..end - 2]).unwrap().parse().unwrap();
    assert_eq!(bytes.len(), end + length, "a snapshot and nothing behind it");
    assert!(bytes[end..].starts_with(b"REDIS0010"));
    replica
}

fn sorted(value: &Value) -> Vec<String> {
    let mut items: Vec<String> = value.items().iter().map(|item| format!("{item:?}")).collect();
    items.sort();
    items
}

/// All keys of a target with what they hold, in words that do not depend on order where there is none.
fn contents(target: &mut dyn Target, newer: bool) -> BTreeMap<String, String> {
    let client = target.connect();
    let mut all = BTreeMap::new();
    for db in 0..DATABASES {
        target.call(client, &words(&format!("SELECT {db}"))).unwrap();
        let keys = target.call(client, &words("KEYS *")).unwrap();
        for key in keys.items().iter().map(|key| key.text().unwrap()) {
            let mut ask = |line: &str| {
                let argv: Vec<Vec<u8>> =
                    words(line).into_iter().map(|word| if word == b"$k" { key.clone() } else { word }).collect();
                target.call(client, &argv).unwrap()
            };
            let kind = String::from_utf8(ask("TYPE $k").text().unwrap()).unwrap();
            let mut state = format!("{kind} until {:?}: ", ask("PEXPIRETIME $k"));
            state += &match kind.as_str() {
                "string" => format!("{:?}", ask("GET $k")),
                "list" => format!("{:?}", ask("LRANGE $k 0 -1")),
                "set" => format!("{:?}", sorted(&ask("SMEMBERS $k"))),
                "zset" => format!("{:?}", ask("ZRANGE $k 0 -1 WITHSCORES")),
                "hash" => {
                    let fields = ask("HKEYS $k");
                    let of_field = |name: &str, field: &Value| {
                        let mut argv = words(name);
                        argv.insert(1, key.clone());
                        argv.push(field.text().unwrap());
                        argv
                    };
                    let mut told = Vec::new();
                    for field in fields.items() {
                        let value = target.call(client, &of_field("HGET", field)).unwrap();
                        let due = if newer { target.call(client, &of_field("HPEXPIRETIME FIELDS 1", field)).ok() } else { None };
                        told.push(format!("{field:?} {value:?} {due:?}"));
                    }
                    told.sort();
                    format!("{told:?}")
                }
                "stream" => {
                    let entries = format!("{:?}", ask("XRANGE $k - +"));
                    let groups = ask("XINFO GROUPS $k");
                    let names: Vec<Vec<u8>> = groups.items().iter().map(|group| group.items()[1].text().unwrap()).collect();
                    let mut told = vec![entries];
                    for name in names {
                        let argv =
                            vec![b"XPENDING".to_vec(), key.clone(), name.clone(), b"-".to_vec(), b"+".to_vec(), b"1000".to_vec()];
                        let pending = target.call(client, &argv).unwrap();
                        // Entry, consumer and count; idle times go on.
                        let rows: Vec<String> = pending
                            .items()
                            .iter()
                            .map(|row| format!("{:?} {:?} {:?}", row.items()[0], row.items()[1], row.items()[3]))
                            .collect();
                        told.push(format!("{:?} {rows:?}", String::from_utf8_lossy(&name)));
                    }
                    told.join(" ")
                }
                other => panic!("a {other}"),
            };
            all.insert(format!("{db} {:?}", String::from_utf8_lossy(&key)), state);
        }
    }
    target.close(client);
    all
}

/// Commands that are no business of a replica, or that this test fills in otherwise.
fn is_left_out(argv: &[Vec<u8>]) -> bool {
    let name = argv[0].to_ascii_uppercase();
    let left_out: [&[u8]; 6] = [b"CLIENT", b"CONFIG", b"ACL", b"HELLO", b"DEBUG", b"MONITOR"];
    left_out.contains(&name.as_slice()) || argv.iter().any(|word| word.starts_with(b"$"))
}

fn same(master: &BTreeMap<String, String>, replica: &BTreeMap<String, String>) -> Result<(), String> {
    for (key, state) in master {
        let other = replica.get(key).map_or("missing", String::as_str);
        if other != state {
            return Err(format!("{key}\n  master:  {state}\n  replica: {other}"));
        }
    }
    match replica.keys().find(|key| !master.contains_key(*key)) {
        Some(key) => Err(format!("{key} is on the replica alone: {}", replica[key])),
        None => Ok(()),
    }
}

/// Random commands of three clients, time going on; the replica's clock stands at the beginning of all time.
#[test]
fn the_stream_of_changes_makes_the_same_data() {
    for seed in 0..400u64 {
        let mut master = InProcess::new(seed);
        let replica = attach(&mut master);
        let clients = [master.connect(), master.connect(), master.connect()];
        let mut grammar = Grammar::new(seed);
        let mut log = Vec::new();
        for _ in 0..600 {
            let client = clients[grammar.rng().below(3)];
            let argv = grammar.command();
            if is_left_out(&argv) || !master.knows(&argv) {
                continue;
            }
            log.push(line(&argv));
            master.send(client, &encode(&argv));
            let _ = master.receive_raw(client, 0, false);
            if grammar.rng().below(8) == 0 {
                let ms = grammar.rng().below(3000) as u64;
                master.advance(ms);
            }
        }
        master.advance(0);
        let (stream, _) = master.receive_raw(replica, 0, false);
        let mut copy = InProcess::new(seed + 1000);
        let session = copy.engine.open(Default::default(), 1);
        let mut replies = Vec::new();
        assert_eq!(copy.engine.execute(session, &stream, 1, &mut replies), Ok(stream.len()), "seed {seed}");
        let mut at = 0;
        while let Some((reply, used)) = decode(&replies[at..]).unwrap() {
            assert!(!reply.is_error(), "seed {seed}: the copy refuses: {reply:?}");
            at += used;
        }
        for client in clients {
            master.close(client);
        }
        if let Err(difference) = same(&contents(&mut master, true), &contents(&mut copy, true)) {
            panic!("seed {seed}: {difference}\n{}\nstream:\n{}", log.join("\n"), String::from_utf8_lossy(&stream));
        }
    }
}

#[test]
fn a_real_redis_server_follows() {
    let Some(_) = Server::redis() else { return };
    let master_port = port::free();
    let mut master = Server::start("cachette-server", env!("CARGO_BIN_EXE_cachette-server"), Address::Tcp(master_port)).unwrap();
    let client = master.connect();
    let mut grammar = Grammar::new(5);
    let mut send = |master: &mut Server, count: usize| {
        let engine = InProcess::new(1);
        for _ in 0..count {
            let argv = grammar.command();
            let names: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
            let waits = engine.engine.server.registry.resolve(&names).is_ok_and(|(row, _)| {
                use cachette::command::Flags;
                let since: Vec<u32> = row.since.split('.').map(|part| part.parse().unwrap()).collect();
                row.flags.has(Flags::BLOCKING)
                    || row.flags.has(Flags::PUBSUB)
                    || row.flags.has(Flags::WAITS)
                    || since > vec![7, 0, 99]
            });
            if !waits && !is_left_out(&argv) {
                let _ = master.call(client, &argv);
            }
        }
    };
    send(&mut master, 2000);
    let socket = std::env::temp_dir().join(format!("cachette-follower-{}.sock", std::process::id()));
    let port = master_port.to_string();
    // Loaded from the socket: no file is written.
    let options = ["--replicaof", "127.0.0.1", &port, "--repl-diskless-load", "swapdb"];
    let mut follower = Server::start_with("redis-server", "redis-server", Address::Unix(socket), &options).unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    let watcher = master.connect();
    while !String::from_utf8_lossy(&master.ask(watcher, "INFO replication").text().unwrap()).contains("connected_slaves:1") {
        assert!(Instant::now() < patience, "the follower does not follow");
        std::thread::sleep(Duration::from_millis(20));
    }
    send(&mut master, 6000);
    loop {
        // Time goes on between the two looks, so they are repeated.
        let result = same(&contents(&mut master, false), &contents(&mut follower, false));
        match result {
            Ok(()) => break,
            Err(difference) => assert!(Instant::now() < patience + Duration::from_secs(10), "{difference}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
