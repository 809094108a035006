//! The program `cachette-server` from outside: started as a person or a harness would start it, spoken to over plain sockets.
//!
//! Tests that need a program which may be missing (redis-cli, npm …) say so on standard error and pass.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "server/harness.rs"]
mod harness;

use harness::{Server, bulk, refused, request};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

// ---- start and end

#[test]
fn it_prints_what_harnesses_wait_for_and_ends_cleanly_on_sigterm() {
    let mut server = Server::start(&[]);
    let log = server.log();
    assert!(log.contains(&format!(" PID: {}", server.pid())), "{log}");
    assert!(log.contains("Ready to accept connections"), "{log}");
    let mut client = server.connect();
    client.send(b"PING\r\n");
    client.expect(b"+PONG\r\n");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    client.expect_end();
}

#[test]
fn sigint_ends_it_and_sighup_does_not() {
    let mut server = Server::start(&[]);
    server.signal("HUP");
    let mut client = server.connect();
    client.send(b"PING\r\n");
    client.expect(b"+PONG\r\n");
    server.signal("INT");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_unix_socket_has_its_permissions_and_goes_with_the_server() {
    use std::os::unix::fs::PermissionsExt;
    let folder = harness::folder("unix");
    let path = folder.join("socket");
    let mut server = Server::start_on("0", &["--unixsocket", path.to_str().unwrap(), "--unixsocketperm", "700"]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
    socket.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    let mut reply = [0; 7];
    socket.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_pidfile_is_written_and_removed() {
    let path = harness::folder("pid").join("server.pid");
    let mut server = Server::start(&["--pidfile", path.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), server.pid().to_string());
    server.signal("TERM");
    server.wait();
    assert!(!path.exists());
}

#[test]
fn a_taken_port_is_said_and_ends_the_start() {
    let server = Server::start(&[]);
    let (status, output) = refused(&["--port", &server.port.to_string()], "");
    assert_eq!(status, Some(1));
    assert!(output.contains("Failed listening on port"), "{output}");
}

// ---- options

#[test]
fn version_and_help_are_answered() {
    for flag in ["--version", "-v"] {
        let (status, output) = refused(&[flag], "");
        assert_eq!(status, Some(0));
        assert!(output.contains("v=0."), "{output}");
    }
    for flag in ["--help", "-h"] {
        let (status, output) = refused(&[flag], "");
        assert_eq!(status, Some(0));
        assert!(output.contains("Usage: cachette-server"), "{output}");
    }
}

#[test]
fn what_it_cannot_do_is_refused_with_the_reason() {
    for (args, reason) in [
        (&["--no-such-option", "1"][..], "Bad directive"),
        (&["--port"], "wrong number of arguments"),
        (&["--port", "6379", "6380"], "wrong number of arguments"),
        (&["--port", "abc"], "couldn't be parsed into an integer"),
        (&["--appendonly", "yes"], "append-only"),
        (&["--replicaof", "127.0.0.1", "6379"], "replica"),
        (&["--replicaof", "127.0.0.1", "abc"], "Invalid master port"),
        (&["--shutdown-on-sigint"], "argument(s) must be one of the following"),
        (&["--cluster-enabled", "yes"], "cluster"),
        (&["--tls-port", "6380"], "TLS"),
        (&["--daemonize", "yes"], "foreground"),
        (&["--port", "0"], "not listen anywhere"),
        (&["/no/such.conf"], "can't open config file"),
        (&["--dir", "/no/such/folder"], "folder"),
        (&["stray", "words"], "can't open"),
        (&["--user", "alice", "on", "+nosuch"], "Error in user declaration '+nosuch': Unknown command or category name in ACL"),
        (&["--user", "alice", "--user", "alice"], "Duplicate user found"),
        (&["--user", "a b"], "Spaces not allowed"),
        (&["--user", "alice", "(+get"], "Unmatched parenthesis"),
        (&["--user", "alice", "--aclfile", "users.acl"], "not in both"),
    ] {
        let (status, output) = refused(args, "");
        assert_eq!(status, Some(1), "{args:?}: {output}");
        assert!(output.contains(reason), "{args:?}: {output}");
    }
}

#[test]
fn a_start_that_is_refused_leaves_no_socket_behind() {
    let path = harness::folder("refused").join("server.sock");
    let (status, output) = refused(&["--port", "0", "--unixsocket", path.to_str().unwrap(), "--aclfile", "/no/such.acl"], "");
    assert_eq!(status, Some(1));
    assert!(output.contains("opening file '/no/such.acl': No such file or directory"), "{output}");
    assert!(!path.exists());
}

#[test]
fn a_broken_line_is_shown_with_its_number() {
    let (status, output) = refused(&["-"], "# fine\ntimeout 0\nsave \"900 1\n");
    assert_eq!(status, Some(1));
    assert!(output.contains("at line 3") && output.contains(">>> 'save \"900 1'"), "{output}");
}

#[test]
fn a_stock_configuration_file_is_taken() {
    let folder = harness::folder("conf");
    let path = folder.join("redis.conf");
    let lines = "always-show-logo yes\ndaemonize no\ntimeout 0\nbind 127.0.0.1\nloglevel verbose\nlogfile ''\ndatabases 16\nsave 900 1\n\
                 save 60 1000\nappendonly no\ntcp-backlog 511\ntcp-keepalive 300\nrequirepass from-file\n";
    std::fs::write(&path, format!("{lines}dir {}\n", folder.display())).unwrap();
    let server = Server::start(&[path.to_str().unwrap(), "--requirepass", "from flags"]);
    let mut client = server.connect();
    client.send(&request(&[b"AUTH", b"from flags"]));
    client.expect(b"+OK\r\n");
}

#[test]
fn a_log_file_gets_the_log() {
    let path = harness::folder("log").join("server.log");
    let server = Server::start_silent(&["--logfile", path.to_str().unwrap(), "--loglevel", "debug"]);
    // Connections are taken before that is said.
    let log = || std::fs::read_to_string(&path).unwrap_or_default();
    harness::until(|| log().contains("Ready to accept connections"));
    let log = log();
    let line = log.lines().next().unwrap();
    assert!(line.starts_with(&format!("{}:M ", server.pid())), "{line}");
}

// ---- the protocol over a socket

#[test]
fn inline_and_resp_requests_mix() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"PING\r\n*1\r\n$4\r\nPING\r\nECHO hello\r\n\r\n*0\r\n*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n");
    client.expect(b"+PONG\r\n+PONG\r\n$5\r\nhello\r\n$2\r\n\r\n\r\n");
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let bytes = [request(&[b"SET", b"k", b"value \r\n\0"]), b"PING\r\n".to_vec(), request(&[b"GET", b"k"])].concat();
    for byte in bytes {
        client.send(&[byte]);
    }
    client.expect(b"+OK\r\n+PONG\r\n$9\r\nvalue \r\n\0\r\n");
}

#[test]
fn ten_thousand_pipelined_requests_are_answered_in_order() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut requests = Vec::new();
    let mut replies = Vec::new();
    for index in 0..10_000 {
        let text = index.to_string().into_bytes();
        requests.extend(request(&[b"ECHO", &text]));
        replies.extend(bulk(&text));
    }
    client.send(&requests);
    client.expect(&replies);
}

#[test]
fn big_values_go_in_and_out() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let value: Vec<u8> = (0..20_000_000u32).map(|n| (n % 251) as u8).collect();
    client.send(&request(&[b"SET", b"big", &value]));
    client.expect(b"+OK\r\n");
    client.send(&request(&[b"GET", b"big"]));
    client.expect(&bulk(&value));
}

#[test]
fn a_request_of_very_many_arguments_in_small_pieces_costs_no_more_than_its_length() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let words: Vec<Vec<u8>> = (0..400_000u32).map(|n| n.to_string().into_bytes()).collect();
    let mut args: Vec<&[u8]> = vec![b"MSET"];
    args.extend(words.iter().map(Vec::as_slice));
    let began = Instant::now();
    for piece in request(&args).chunks(1000) {
        client.send(piece);
    }
    client.send(b"PING\r\n");
    let mut line = client.line();
    if line == "+OK" {
        line = client.line();
    }
    assert!(line == "+PONG" || line.starts_with("-ERR"), "{line}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_client_that_reads_late_gets_everything() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let value = vec![b'v'; 1 << 20];
    client.send(&request(&[b"SET", b"big", &value]));
    client.expect(b"+OK\r\n");
    let reply = bulk(&value);
    client.send(&request(&[b"GET", b"big"]).repeat(48));
    // The server still serves others while it owes this one 48 MB.
    let mut other = server.connect();
    other.send(b"PING\r\n");
    other.expect(b"+PONG\r\n");
    for _ in 0..48 {
        client.expect(&reply);
    }
}

#[test]
fn a_client_that_stops_sending_still_gets_its_answers() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"PING\r\nPING\r\n");
    client.finish_sending();
    client.expect(b"+PONG\r\n+PONG\r\n");
    client.expect_end();
}

#[test]
fn quit_answers_and_closes() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"PING\r\nQUIT\r\nPING\r\n");
    client.expect(b"+PONG\r\n+OK\r\n");
    client.expect_end();
}

#[test]
fn a_protocol_error_is_told_and_closes() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"PING\r\n*x\r\n");
    client.expect(b"+PONG\r\n");
    assert!(client.line().starts_with("-ERR Protocol error"));
    client.expect_end();
    // The same where the wrong header comes in a later piece.
    let mut client = server.connect();
    for piece in [&b"*2\r\n$4\r\nECHO\r\n"[..], b"$99999999", b"9999\r\n"] {
        client.send(piece);
    }
    assert!(client.line().starts_with("-ERR Protocol error"));
    client.expect_end();
}

#[test]
fn sleeping_stops_the_world_and_what_follows_comes_after() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    let began = Instant::now();
    client.send(b"DEBUG SLEEP 0.2\r\nPING\r\n");
    client.expect(b"+OK\r\n+PONG\r\n");
    assert!(began.elapsed() >= Duration::from_millis(200));
}

// ---- limits

#[test]
fn clients_beyond_maxclients_are_told_so() {
    let server = Server::start(&["--maxclients", "2"]);
    let mut first = server.connect();
    let mut second = server.connect();
    for client in [&mut first, &mut second] {
        client.send(b"PING\r\n");
        client.expect(b"+PONG\r\n");
    }
    let mut third = server.connect();
    third.expect(b"-ERR max number of clients reached\r\n");
    third.expect_end();
    drop(first);
    harness::until(|| {
        let mut again = server.connect();
        again.send(b"PING\r\n");
        again.line() == "+PONG"
    });
}

#[test]
fn few_file_descriptors_lower_maxclients() {
    let server = Server::start_under("ulimit -n 64", &["--maxclients", "5000"]);
    assert!(server.log().contains("maxclients is 32"), "{}", server.log());
    let mut clients: Vec<_> = (0..32).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(b"PING\r\n");
        client.expect(b"+PONG\r\n");
    }
    server.connect().expect(b"-ERR max number of clients reached\r\n");
}

#[test]
fn idle_clients_are_closed_after_timeout() {
    let server = Server::start(&["--timeout", "1"]);
    let mut client = server.connect();
    client.send(b"PING\r\n");
    client.expect(b"+PONG\r\n");
    let began = Instant::now();
    client.expect_end();
    assert!(began.elapsed() >= Duration::from_millis(800), "{:?}", began.elapsed());
}

#[test]
fn a_query_buffer_over_its_limit_closes_the_connection() {
    let server = Server::start(&["--client-query-buffer-limit", "1048576"]);
    let mut client = server.connect();
    client.send(b"*2\r\n$4\r\nECHO\r\n$5000000\r\n");
    for _ in 0..80 {
        if !client.try_send(&[b'x'; 65536]) {
            break;
        }
    }
    client.expect_end_or_reset();
    let mut other = server.connect();
    other.send(b"PING\r\n");
    other.expect(b"+PONG\r\n");
}

#[test]
fn replies_over_the_hard_limit_are_not_sent() {
    let server = Server::start(&["--client-output-buffer-limit", "normal", "100000", "0", "0"]);
    let mut client = server.connect();
    let value = vec![b'v'; 60_000];
    client.send(&request(&[b"SET", b"k", &value]));
    client.expect(b"+OK\r\n");
    client.send(&request(&[b"GET", b"k"]));
    client.expect(&bulk(&value));
    client.send(&request(&[b"GET", b"k"]).repeat(2));
    client.expect_end_or_reset();
}

#[test]
fn strangers_cannot_make_the_server_hoard_their_replies() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut client = server.connect();
    client.send(b"PING\r\n");
    assert!(client.line().starts_with("-NOAUTH"));
    let flood = b"PING\r\n".repeat(10_000);
    let mut sent = 0;
    while sent < 100_000_000 && client.try_send(&flood) {
        sent += flood.len();
    }
    assert!(sent < 100_000_000, "the server went on reading");
    let mut other = server.connect();
    other.send(&request(&[b"AUTH", b"secret"]));
    other.expect(b"+OK\r\n");
}

#[test]
fn an_endless_pipeline_does_not_starve_others() {
    let server = Server::start(&[]);
    let mut flood = server.connect();
    let mut reader = flood.split();
    let pings = b"PING\r\n".repeat(20_000);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let sender =
        std::thread::spawn(move || while !stopped.load(std::sync::atomic::Ordering::Relaxed) && flood.try_send(&pings) {});
    let drain = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while reader.read(&mut buffer).is_ok_and(|length| length > 0) {}
    });
    let mut client = server.connect();
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        let began = Instant::now();
        client.send(b"PING\r\n");
        client.expect(b"+PONG\r\n");
        slowest = slowest.max(began.elapsed());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    drop(server);
    sender.join().unwrap();
    drain.join().unwrap();
    // Generous: test machines are busy. A starved client would wait for ever.
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[test]
fn ipv6_is_listened_on_when_asked() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    let server = Server::start(&["--bind", "127.0.0.1", "::1"]);
    let mut socket = std::net::TcpStream::connect(("::1", server.port)).unwrap();
    socket.write_all(b"PING\r\n").unwrap();
    let mut reply = [0; 7];
    socket.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
}

// ---- programs that others wrote

#[test]
fn keys_move_to_another_server() {
    let (here, there) = (Server::start(&[]), Server::start(&["--requirepass", "secret"]));
    let (mut one, mut other) = (here.connect(), there.connect());
    let port = there.port.to_string();
    one.send(
        &[request(&[b"SET", b"a", b"1"]), request(&[b"RPUSH", b"b", b"x", b"y"]), request(&[b"SET", b"stays", b"3"])].concat(),
    );
    one.expect(b"+OK\r\n:2\r\n+OK\r\n");
    let migrate = |words: &[&[u8]]| {
        let first: [&[u8]; 6] = [b"MIGRATE", b"127.0.0.1", port.as_bytes(), b"", b"3", b"5000"];
        request(&[&first, words].concat())
    };
    one.send(&migrate(&[b"KEYS", b"a"]));
    one.expect(b"-ERR Target instance replied with error: NOAUTH Authentication required.\r\n");
    one.send(&migrate(&[b"AUTH", b"secret", b"KEYS", b"a", b"b", b"nosuch"]));
    one.expect(b"+OK\r\n");
    one.send(&migrate(&[b"COPY", b"AUTH2", b"default", b"secret", b"KEYS", b"stays"]));
    one.expect(b"+OK\r\n");
    one.send(&request(&[b"KEYS", b"*"]));
    one.expect(b"*1\r\n$5\r\nstays\r\n");
    other.send(b"AUTH secret\r\nSELECT 3\r\nGET a\r\nLRANGE b 0 -1\r\nGET stays\r\n");
    other.expect(b"+OK\r\n+OK\r\n$1\r\n1\r\n*2\r\n$1\r\nx\r\n$1\r\ny\r\n$1\r\n3\r\n");
    one.send(&migrate(&[b"AUTH", b"secret", b"KEYS", b"stays"]));
    one.expect(b"-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n");
    one.send(&migrate(&[b"REPLACE", b"AUTH", b"secret", b"KEYS", b"stays"]));
    one.expect(b"+OK\r\n");
    drop(there);
    one.send(&[request(&[b"SET", b"a", b"1"]), migrate(&[b"KEYS", b"a"])].concat());
    one.expect(b"+OK\r\n-IOERR error or timeout connecting to the client\r\n");
}

#[test]
fn redis_cli_works() {
    let Some(cli) = harness::program("redis-cli") else { return };
    let server = Server::start(&[]);
    let port = server.port.to_string();
    let run = |args: &[&str]| {
        let output = std::process::Command::new(&cli).args(["-p", &port]).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&["PING"]), "PONG\n");
    assert_eq!(run(&["SET", "key", "a value"]), "OK\n");
    assert_eq!(run(&["GET", "key"]), "a value\n");
}

#[test]
fn redis_benchmark_runs_through() {
    let Some(benchmark) = harness::program("redis-benchmark") else { return };
    let server = Server::start(&[]);
    for pipeline in ["1", "16"] {
        let output = std::process::Command::new(&benchmark)
            .args(["-p", &server.port.to_string(), "-q", "-n", "20000", "-P", pipeline, "-t", "ping,set,get"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("GET:"), "{text}");
    }
}

// ---- sessions that wait and listen

#[test]
fn a_waiting_client_is_served_and_goes_on_with_what_it_sent_meanwhile() {
    let server = Server::start(&[]);
    let mut waiter = server.connect();
    let mut pusher = server.connect();
    waiter.send(b"BLPOP q 0\r\nPING\r\n");
    // Its PING must not overtake the reply that it waits for.
    waiter.send(b"ECHO later\r\n");
    harness::until(|| {
        pusher.send(b"CLIENT LIST\r\n");
        let header = pusher.line();
        let length: usize = header[1..].parse().unwrap();
        let text = pusher.take(length + 2);
        text.contains("cmd=blpop")
    });
    pusher.send(b"RPUSH q value\r\n");
    pusher.expect(b":1\r\n");
    waiter.expect(b"*2\r\n$1\r\nq\r\n$5\r\nvalue\r\n+PONG\r\n$5\r\nlater\r\n");
    // In vain.
    waiter.send(b"BLPOP q 0.05\r\nPING\r\n");
    waiter.expect(b"*-1\r\n+PONG\r\n");
}

#[test]
fn a_waiting_client_that_goes_away_takes_nothing_with_it() {
    let server = Server::start(&[]);
    let mut waiter = server.connect();
    waiter.send(b"BLPOP q 0\r\n");
    let mut other = server.connect();
    other.send(b"PING\r\n");
    other.expect(b"+PONG\r\n");
    drop(waiter);
    harness::until(|| {
        other.send(b"INFO clients\r\n");
        let header = other.line();
        let text = other.take(header[1..].parse::<usize>().unwrap() + 2);
        text.contains("connected_clients:1\r")
    });
    other.send(b"RPUSH q value\r\nLLEN q\r\n");
    other.expect(b":1\r\n:1\r\n");
}

#[test]
fn messages_reach_their_subscribers_also_the_publisher_itself() {
    let server = Server::start(&[]);
    let mut listener = server.connect();
    listener.send(b"SUBSCRIBE news\r\n");
    listener.expect(b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    let mut publisher = server.connect();
    publisher.send(b"HELLO 3\r\n");
    while publisher.line() != "*0" {}
    publisher.send(b"SUBSCRIBE news\r\n");
    publisher.expect(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    publisher.send(b"PUBLISH news hello\r\n");
    let mut both = [publisher.line(), publisher.line()];
    if both[0] != ":2" {
        // The message came before the reply, as Redis has it, too.
        both.reverse();
    }
    listener.expect(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_off() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub", "100000", "0", "0"]);
    let mut listener = server.connect();
    listener.send(b"SUBSCRIBE news\r\n");
    listener.expect(b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    let mut publisher = server.connect();
    let message = vec![b'm'; 100_000];
    let mut receivers = String::new();
    for _ in 0..1000 {
        publisher.send(&request(&[b"PUBLISH", b"news", &message]));
        receivers = publisher.line();
        if receivers == ":0" {
            break;
        }
    }
    assert_eq!(receivers, ":0");
}

#[test]
fn a_killed_client_is_gone() {
    let server = Server::start(&[]);
    let mut victim = server.connect();
    victim.send(b"CLIENT ID\r\n");
    let id = victim.line();
    let mut killer = server.connect();
    killer.send(format!("CLIENT KILL ID {}\r\n", &id[1..]).as_bytes());
    killer.expect(b":1\r\n");
    victim.expect_end();
}

#[test]
fn shutdown_ends_the_server() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"SHUTDOWN NOSAVE\r\n");
    client.expect_end();
    assert_eq!(server.wait(), Some(0));
}

// ---- configuration while it runs

#[test]
fn the_port_and_the_addresses_change_while_it_runs() {
    let server = Server::start(&[]);
    let taken = Server::start(&[]);
    let other = Server::free_port();
    let mut client = server.connect();
    client.send(format!("CONFIG SET port {}\r\n", taken.port).as_bytes());
    assert!(client.line().contains("'port') - Unable to listen on this port"));
    // Still at the old one.
    let mut again = server.connect();
    again.send(b"PING\r\n");
    again.expect(b"+PONG\r\n");
    client.send(format!("CONFIG SET port {other}\r\n").as_bytes());
    client.expect(b"+OK\r\n");
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", other)).unwrap();
    socket.write_all(b"PING\r\n").unwrap();
    let mut reply = [0; 7];
    socket.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err());

    client.send(b"CONFIG SET bind 999.999.999.999\r\n");
    assert!(client.line().contains("Failed to bind to specified addresses"));
    let mut again = std::net::TcpStream::connect(("127.0.0.1", other)).unwrap();
    again.write_all(b"PING\r\n").unwrap();
    again.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
    client.send(b"CONFIG SET bind \"\"\r\n");
    client.expect(b"+OK\r\n");
    assert!(std::net::TcpStream::connect(("127.0.0.1", other)).is_err());
    client.send(b"CONFIG SET bind 127.0.0.1\r\n");
    client.expect(b"+OK\r\n");
    assert!(std::net::TcpStream::connect(("127.0.0.1", other)).is_ok());
}

#[test]
fn config_rewrite_keeps_what_was_set() {
    let path = harness::folder("rewrite").join("redis.conf");
    std::fs::write(&path, "# kept\nmaxclients 500\n").unwrap();
    let server = Server::start(&[path.to_str().unwrap()]);
    let mut client = server.connect();
    client.send(b"CONFIG SET maxclients 400 timeout 77\r\nCONFIG REWRITE\r\n");
    client.expect(b"+OK\r\n+OK\r\n");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# kept\nmaxclients 400\n") && text.contains("\ntimeout 77\n"), "{text}");
    // And it can be read again.
    drop(server);
    Server::start(&[path.to_str().unwrap()]);
}

#[test]
fn users_come_from_the_configuration_and_go_back_to_it() {
    let path = harness::folder("users").join("redis.conf");
    std::fs::write(&path, "user alice on >pw ~a* ( +get\tallkeys ) +set\n# kept\nrequirepass secret\n").unwrap();
    let server =
        Server::start(&[path.to_str().unwrap(), "--user", "default", "on", "nopass", "+@all", "~*", "--user", "bob", "off"]);
    let hash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4";
    let alice = format!("user alice on #{hash} ~a* resetchannels -@all +set (~* resetchannels -@all +get)");
    let lines =
        [&alice, "user bob on %R~\"q resetchannels -@all", "user default on nopass sanitize-payload ~* resetchannels +@all"];
    let told = [b"*3\r\n".to_vec(), lines.iter().flat_map(|line| bulk(line.as_bytes())).collect()].concat();
    let mut client = server.connect();
    client.send(b"AUTH alice pw\r\nGET b\r\nSET b 1\r\nAUTH default x\r\n");
    client.send(&request(&[b"ACL", b"SETUSER", b"bob", b"on", b"%R~\"q"]));
    client.send(b"CONFIG REWRITE\r\nACL LIST\r\n");
    client.expect(b"+OK\r\n$-1\r\n-NOPERM this user has no permissions to access one of the keys used as arguments\r\n+OK\r\n+OK\r\n+OK\r\n");
    client.expect(&told);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(&alice) && text.contains("\n# kept\nrequirepass secret\n"), "{text}");
    assert!(text.contains("\nuser bob on \"%R~\\\"q\" resetchannels -@all\n"), "{text}");
    // And it can be read again.
    drop(server);
    let server = Server::start(&[path.to_str().unwrap()]);
    let mut client = server.connect();
    client.send(b"ACL LIST\r\n");
    client.expect(&told);
}

#[test]
fn an_acl_file_is_loaded_and_saved() {
    let path = harness::folder("aclfile").join("users.acl");
    std::fs::write(&path, "user alice on nopass +@all ~*\r\n\nuser  on\n").unwrap();
    let mut server = Server::start(&["--aclfile", path.to_str().unwrap()]);
    let mut client = server.connect();
    let mut alice = server.connect();
    alice.send(b"AUTH alice x\r\n");
    alice.expect(b"+OK\r\n");
    client.send(b"ACL SETUSER alice -get\r\nACL DELUSER \"\"\r\nACL SETUSER default sanitize-payload\r\nACL SAVE\r\n");
    client.expect(b"+OK\r\n:1\r\n+OK\r\n+OK\r\n");
    let saved = "user alice on nopass ~* resetchannels +@all -get\nuser default on nopass sanitize-payload ~* &* +@all\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), saved);

    let broken = "user bob on +nosuch bogus\nuser bob\nuser bob\nuse carl\nuser a\tb\nuser dora (+get\n";
    std::fs::write(&path, broken).unwrap();
    let name = path.to_str().unwrap();
    client.send(b"ACL LOAD\r\nACL USERS\r\n");
    client.expect(
        format!(
            "-ERR {name}:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. {name}:1: Syntax error. WARNING: \
             Duplicate user 'bob' found on line 2. WARNING: Duplicate user 'bob' found on line 3. {name}:4 should start with user keyword \
             followed by the username. '{name}:5: username 'a\tb' contains invalid characters. {name}:6: Unmatched parenthesis in selector \
             definition.WARNING: ACL errors detected, no change to the previously active ACL rules was performed\r\n\
             *2\r\n$5\r\nalice\r\n$7\r\ndefault\r\n"
        )
        .as_bytes(),
    );
    // Whoever spoke for a user of the old file must say again who it is.
    std::fs::write(&path, "user alice on nopass\nuser default on nopass -@all +ping +acl\n").unwrap();
    client.send(b"ACL LOAD\r\nGET a\r\nPING\r\nACL WHOAMI\r\n");
    client.expect(b"+OK\r\n-NOPERM this user has no permissions to run the 'get' command\r\n+PONG\r\n$7\r\ndefault\r\n");
    alice.expect_end();
    std::fs::remove_file(&path).unwrap();
    client.send(b"ACL LOAD\r\n");
    client.expect(format!("-ERR Error loading ACLs, opening file '{name}': No such file or directory\r\n").as_bytes());
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn all_parameters_can_be_written_and_read_again() {
    let path = harness::folder("rewrite-all").join("redis.conf");
    std::fs::write(&path, "hash-max-ziplist-entries 7\n").unwrap();
    let server = Server::start(&[path.to_str().unwrap(), "--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.send(b"DEBUG CONFIG-REWRITE-FORCE-ALL\r\n");
    client.expect(b"+OK\r\n");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("hash-max-listpack-entries 7\n") && text.contains("\nreplicaof \"\"\n"), "{text}");
    drop(server);
    Server::start(&[path.to_str().unwrap()]);
}

#[test]
fn a_signal_to_end_can_be_taken_back_while_cron_is_paused() {
    let mut server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.send(b"SHUTDOWN ABORT\r\nDEBUG PAUSE-CRON 1\r\n");
    client.expect(b"-ERR No shutdown in progress.\r\n+OK\r\n");
    server.signal("TERM");
    harness::until(|| server.log().contains("Received SIGTERM"));
    client.send(b"SHUTDOWN ABORT\r\nDEBUG PAUSE-CRON 0\r\nPING\r\n");
    client.expect(b"+OK\r\n+OK\r\n+PONG\r\n");
    harness::until(|| server.log().contains("Shutdown manually aborted"));
    client.send(b"DEBUG PAUSE-CRON 1\r\n");
    client.expect(b"+OK\r\n");
    server.signal("TERM");
    harness::until(|| server.log().matches("Received SIGTERM").count() == 2);
    client.send(b"DEBUG PAUSE-CRON 0\r\n");
    assert_eq!(server.wait(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn the_kernels_score_follows_the_configuration_and_comes_back() {
    let server = Server::start(&[]);
    let score = || {
        let text = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", server.pid())).unwrap();
        text.trim().parse::<i32>().unwrap()
    };
    let before = score();
    let mut client = server.connect();
    for (request, wanted) in [
        ("oom-score-adj-values \"9 20 30\"", before),
        ("oom-score-adj yes", (before + 9).min(1000)),
        ("oom-score-adj-values \"12 20 30\"", (before + 12).min(1000)),
        ("oom-score-adj absolute oom-score-adj-values \"999 0 0\"", 999),
        ("oom-score-adj no", before),
    ] {
        client.send(format!("CONFIG SET {request}\r\n").as_bytes());
        client.expect(b"+OK\r\n");
        assert_eq!(score(), wanted, "{request}");
    }
}

#[test]
fn huge_pages_are_off_for_the_whole_process_unless_they_are_wanted() {
    let allowed = |process: &str| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        status.lines().find_map(|line| line.strip_prefix("THP_enabled:").map(|word| word.trim().to_owned()))
    };
    let Some(here) = allowed("self") else {
        eprintln!("skipped: this system does not tell whether a process may have huge pages");
        return;
    };
    let of = |server: &Server| allowed(&server.pid().to_string()).unwrap();
    assert_eq!(of(&Server::start(&[])), "0");
    assert_eq!(of(&Server::start(&["--disable-thp", "no"])), here);
}

#[test]
fn a_timeout_set_while_clients_are_connected_holds_for_them() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"CONFIG SET timeout 1\r\n");
    client.expect(b"+OK\r\n");
    client.expect_end();
}

#[test]
fn strangers_from_elsewhere_are_kept_out_until_there_is_a_password() {
    let Some(address) = harness::outer_address() else {
        eprintln!("skipped: this machine has no address but loopback");
        return;
    };
    let server = Server::start(&["--bind", "*"]);
    let mut stranger = server.connect_to(&address);
    let line = stranger.line();
    assert!(line.starts_with("-DENIED "), "{line}");
    stranger.expect_end();
    let mut local = server.connect();
    local.send(b"CONFIG SET requirepass secret\r\n");
    local.expect(b"+OK\r\n");
    let mut stranger = server.connect_to(&address);
    stranger.send(b"AUTH secret\r\nPING\r\n");
    stranger.expect(b"+OK\r\n+PONG\r\n");
}

#[test]
fn http_is_hung_up_on_without_a_word() {
    let server = Server::start(&[]);
    for text in ["POST / HTTP/1.1\r\nHost: x\r\n\r\n", "Host: x\r\n"] {
        let mut client = server.connect();
        client.send(text.as_bytes());
        client.expect_end_or_reset();
    }
}

#[test]
fn a_client_that_takes_too_much_memory_is_closed_unless_it_is_protected() {
    let server = Server::start(&["--maxmemory-clients", "8mb"]);
    let mut kept = server.connect();
    kept.send(b"CLIENT NO-EVICT ON\r\n");
    kept.expect(b"+OK\r\n");
    kept.send(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n");
    kept.send(&[b'x'; 1_500_000]);
    let mut client = server.connect();
    client.send(b"*2\r\n$4\r\nECHO\r\n$20000000\r\n");
    for _ in 0..300 {
        if !client.try_send(&[b'x'; 65536]) {
            break;
        }
    }
    client.expect_end_or_reset();
    kept.send(&[b'x'; 500_000]);
    kept.send(b"\r\n");
    kept.expect(&bulk(&[b'x'; 2_000_000]));
    let mut other = server.connect();
    other.send(b"INFO stats\r\n");
    harness::until(|| other.line().starts_with("evicted_clients:1"));
}

#[test]
fn one_huge_reply_over_the_hard_limit_ends_the_connection() {
    let server = Server::start(&["--client-output-buffer-limit", "normal", "1000000", "0", "0"]);
    let mut client = server.connect();
    let value = vec![b'v'; 100_000];
    for _ in 0..30 {
        client.send(&request(&[b"RPUSH", b"l", &value]));
        client.line();
    }
    client.send(b"LRANGE l 0 -1\r\n");
    client.expect_end_or_reset();
    // Elements without end are no other case.
    for request in ["HSET h a b\r\nHRANDFIELD h -999999999\r\n", "SADD s a\r\nSRANDMEMBER s -999999999\r\n"] {
        let mut client = server.connect();
        client.send(request.as_bytes());
        client.expect_end_or_reset();
    }
    let mut other = server.connect();
    other.send(b"LLEN l\r\n");
    other.expect(b":30\r\n");
}
