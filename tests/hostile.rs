//! Hostile input: extreme numbers, bombs and torn frames. No panic, no long stop, no memory beyond reason, and the books stay right.

use cachette::engine::{Engine, Options};
use cachette::session::{Peer, SessionId};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const NOW: u64 = 1_700_000_000_000;
/// One command may take this long; an optimised build on an idle machine takes a hundredth.
const PATIENCE: Duration = Duration::from_millis(1500);

struct Target {
    engine: Engine,
    session: SessionId,
}

impl Target {
    fn new() -> Self {
        let mut engine = Engine::new(Options { seed: 1, ..Options::default() });
        engine.keys.set_ceiling(256 << 20);
        let session = engine.open(Peer::default(), NOW);
        Self { engine, session }
    }

    fn command(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let start = Instant::now();
        self.engine.command(self.session, words, NOW, &mut out);
        let took = start.elapsed();
        let shown: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(&word[..word.len().min(40)])).collect();
        assert!(took < PATIENCE, "{shown:?} took {took:?}");
        assert!(out.len() < 64 << 20, "{shown:?} answered {} bytes", out.len());
        out
    }

    fn line(&mut self, line: &str) -> Vec<u8> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.command(&words)
    }

    fn books_are_right(&self) {
        assert_eq!(self.engine.keys.used_memory(), self.engine.keys.audit());
    }
}

const EXTREMES: [&str; 16] = [
    "0",
    "-1",
    "1",
    "-0",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-4611686018427387904",
    "4294967296",
    "2147483647",
    "-2147483648",
    "536870912",
    "536870911",
    "1e308",
    "inf",
    "nan",
];

/// Every place where a number goes, filled with numbers that overflow something somewhere.
#[test]
fn extreme_numbers_are_answered() {
    const FORMS: &[&str] = &[
        "SETRANGE s # x",
        "GETRANGE s # #",
        "SETBIT s # 1",
        "GETBIT s #",
        "INCRBY n #",
        "DECRBY n #",
        "INCRBYFLOAT n #",
        "SET s v EX #",
        "SET s v PXAT #",
        "GETEX s EX #",
        "SETEX s # v",
        "PSETEX s # v",
        "EXPIRE s #",
        "PEXPIRE s #",
        "EXPIREAT s #",
        "PEXPIREAT s # GT",
        "LRANGE l # #",
        "LTRIM l2 # #",
        "LINDEX l #",
        "LSET l # v",
        "LREM l # a",
        "LPOP l3 #",
        "RPOP l4 #",
        "LPOS l a RANK # COUNT # MAXLEN #",
        "LMPOP # l LEFT COUNT #",
        "HINCRBY h f #",
        "HINCRBYFLOAT h f #",
        "HRANDFIELD h #",
        "HRANDFIELD h # WITHVALUES",
        "SRANDMEMBER t #",
        "SPOP t2 #",
        "SINTERCARD # t LIMIT #",
        "ZADD z # m",
        "ZINCRBY z # a",
        "ZRANDMEMBER z #",
        "ZRANDMEMBER z # WITHSCORES",
        "ZRANGE z # #",
        "ZRANGE z # # BYSCORE LIMIT # #",
        "ZRANGEBYSCORE z # #",
        "ZRANGEBYSCORE z -inf +inf LIMIT # #",
        "ZREVRANGE z # #",
        "ZREMRANGEBYRANK z2 # #",
        "ZREMRANGEBYSCORE z3 # #",
        "ZCOUNT z # #",
        "ZPOPMIN z4 #",
        "ZUNION # z",
        "ZUNIONSTORE d # z WEIGHTS #",
        "ZINTERCARD # z LIMIT #",
        "ZMPOP # z MIN COUNT #",
        "GEOADD g # # m",
        "GEODIST z a b",
        "GEOPOS z a b",
        "GEOSEARCH g FROMLONLAT # # BYRADIUS # m COUNT #",
        "GEOSEARCH z FROMMEMBER a BYBOX # # mi ASC COUNT # ANY",
        "GEORADIUS z 1 1 # km STOREDIST d",
        "SCAN #",
        "SCAN 0 COUNT #",
        "HSCAN h # COUNT #",
        "SSCAN t # COUNT #",
        "ZSCAN z # COUNT #",
        "SELECT #",
        "MOVE s #",
        "COPY s s2 DB #",
        "SWAPDB # #",
        "LCS s s2 MINMATCHLEN #",
        "OBJECT FREQ #",
        "HELLO #",
        "CLIENT LIST ID #",
        "MEMORY USAGE s SAMPLES #",
        "CONFIG SET maxmemory-samples #",
    ];
    let mut target = Target::new();
    for number in EXTREMES {
        for form in FORMS {
            for setup in [
                "SET s hello",
                "SET s2 hullo",
                "SET n 1",
                "RPUSH l a b c",
                "RPUSH l2 a b",
                "RPUSH l3 a b",
                "RPUSH l4 a",
                "HSET h f 1 g 2",
                "SADD t a b c",
                "SADD t2 a b",
                "ZADD z 1 a 2 b 3 c",
                "ZADD z2 1 a",
                "ZADD z3 1 a",
                "ZADD z4 1 a",
            ] {
                target.line(setup);
            }
            let reply = target.line(&form.replace('#', number));
            assert!(!reply.is_empty(), "{form} with {number} got no answer");
            target.line("SELECT 0");
            target.line("HELLO 2");
        }
        target.line("FLUSHALL");
    }
    target.books_are_right();
}

#[test]
fn patterns_do_not_explode() {
    let mut target = Target::new();
    let key = "a".repeat(5_000);
    target.command(&[b"SET", key.as_bytes(), b"v"]);
    for pattern in [
        "a*".repeat(2_000) + "b",
        "*".repeat(100_000),
        "[".repeat(100_000),
        "\\".repeat(100_000),
        "?*".repeat(3_000),
        "[a-".repeat(30_000),
    ] {
        target.command(&[b"KEYS", pattern.as_bytes()]);
        target.command(&[b"SCAN", b"0", b"MATCH", pattern.as_bytes()]);
        target.command(&[b"CONFIG", b"GET", pattern.as_bytes()]);
        target.command(&[b"COMMAND", b"LIST", b"FILTERBY", b"PATTERN", pattern.as_bytes()]);
    }
}

#[test]
fn a_reply_cannot_be_forged_by_line_ends_in_arguments() {
    let mut target = Target::new();
    for words in [[&b"NO\r\n+OK"[..], b"x"], [b"CLIENT", b"X\r\n+OK"], [b"CONFIG", b"\r\n:1"], [b"EXPIRE\r\n", b"\r\n"]] {
        let reply = target.command(&words);
        assert_eq!(reply.iter().filter(|byte| **byte == b'\n').count(), 1, "{:?}", String::from_utf8_lossy(&reply));
    }
}

#[test]
fn headers_are_not_believed() {
    for (bytes, told) in [
        (&b"*1000000000\r\n"[..], None),
        (b"*2147483648\r\n", Some("invalid multibulk length")),
        (b"*1\r\n$536870912\r\n", None),
        (b"*1\r\n$536870913\r\n", Some("invalid bulk length")),
        (b"*1\r\n$-5\r\n", Some("invalid bulk length")),
        (b"*1\r\n$a\r\n", Some("invalid bulk length")),
        (b"*a\r\n", Some("invalid multibulk length")),
        (b"*1\r\nxx", Some("expected '$', got 'x'")),
        (b"GET \"a\r\n", Some("unbalanced quotes in request")),
    ] {
        let mut target = Target::new();
        let mut out = Vec::new();
        let result = target.engine.execute(target.session, bytes, NOW, &mut out);
        match told {
            None => assert_eq!((result, &out[..]), (Ok(0), &b""[..])),
            Some(told) => {
                assert!(result.is_err());
                assert_eq!(String::from_utf8_lossy(&out), format!("-ERR Protocol error: {told}\r\n"));
            }
        }
    }
}

#[test]
fn a_stranger_may_say_little_before_the_password() {
    let mut target = Target::new();
    target.line("CONFIG SET requirepass secret");
    let stranger = target.engine.open(Peer::default(), NOW);
    let mut out = Vec::new();
    assert!(target.engine.execute(stranger, b"*11\r\n", NOW, &mut out).is_err());
    assert_eq!(out, b"-ERR Protocol error: unauthenticated multibulk length\r\n");
    out.clear();
    assert!(target.engine.execute(stranger, b"*1\r\n$16385\r\n", NOW, &mut out).is_err());
    assert_eq!(out, b"-ERR Protocol error: unauthenticated bulk length\r\n");
    out.clear();
    assert_eq!(target.engine.execute(stranger, b"GET x\r\n", NOW, &mut out), Ok(7));
    assert_eq!(out, b"-NOAUTH Authentication required.\r\n");
}

/// Strings that only look like HyperLogLogs: none, too few and far too many registers, cut runs.
#[test]
fn corrupt_sketches_are_told_from_whole_ones() {
    let mut target = Target::new();
    let head = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80";
    for runs in [&b""[..], b"\x7f", b"\x7f\xff\x7f\xff", &[0xff; 5000], &[0x80; 1 << 20], &[0x3f; 1 << 20], &[0x7f; 1 << 20]] {
        target.command(&[b"SET", b"h", &[&head[..], runs].concat()]);
        for line in ["PFCOUNT h", "PFCOUNT h g", "PFMERGE g h", "PFDEBUG TODENSE h", "PFDEBUG GETREG h"] {
            assert_eq!(target.line(line), b"-INVALIDOBJ Corrupted HLL object detected\r\n", "{line}, {} bytes", runs.len());
        }
        for line in ["PFADD h a b c d e f g", "PFDEBUG DECODE h", "PFCOUNT h"] {
            assert!(!target.line(line).is_empty());
        }
        target.books_are_right();
    }
    for len in 0..=18 {
        target.command(&[b"SET", b"h", &[&head[..], b"\x7f\xff"].concat()[..len]]);
        target.line("PFADD h a");
        target.line("PFMERGE g h");
    }
    target.books_are_right();
}

#[test]
fn memory_that_may_not_be_had_is_refused_with_nothing_lost() {
    let mut target = Target::new();
    target.line("SET k v");
    target.engine.keys.set_ceiling(1 << 20);
    for line in ["SETRANGE k 500000000 x", "SETRANGE new 500000000 x"] {
        assert!(target.line(line).starts_with(b"-OOM"), "{line}");
    }
    assert_eq!(target.line("GET k"), b"$1\r\nv\r\n");
    assert_eq!(target.line("EXISTS new"), b":0\r\n");
    target.books_are_right();
}

/// Values of every form, as DUMP gives them, without the footer.
fn dumped() -> Vec<Vec<u8>> {
    let mut target = Target::new();
    for line in [
        "SET s1 hello",
        "SET s2 123456",
        "RPUSH l1 a 1 -5000 99999999999",
        "SADD t1 1 2 70000",
        "SADD t2 a b 3",
        "HSET h1 f v 1 2",
        "ZADD z1 1.5 a 2 b inf c",
        "XADD x1 1-1 f v",
        "XADD x1 1-2 f w",
        "XADD x1 5-0 g 1 h 70000",
        "XADD x2 1-1 a b",
        "XGROUP CREATE x1 g 0",
        "XGROUP CREATE x1 g2 1-1",
        "XREADGROUP GROUP g c COUNT 2 STREAMS x1 >",
        "XREADGROUP GROUP g d COUNT 1 STREAMS x1 >",
        "XREADGROUP GROUP g2 c STREAMS x1 >",
        "CONFIG SET hash-max-listpack-entries 1",
        "CONFIG SET zset-max-listpack-entries 1",
        "HSET h2 f v 1 2",
        "HSET h3 f v 1 2 g w",
        "HPEXPIREAT h3 9999999999999 FIELDS 1 f",
        "HPEXPIREAT h3 9999999990000 FIELDS 1 g",
        "ZADD z2 1.5 a 2 b inf c",
    ] {
        let reply = target.line(line);
        assert!(!reply.starts_with(b"-"), "{line}: {}", String::from_utf8_lossy(&reply));
    }
    let keys = ["s1", "s2", "l1", "t1", "t2", "h1", "h2", "h3", "z1", "z2", "x1", "x2"];
    let mut all: Vec<Vec<u8>> = keys
        .iter()
        .map(|key| {
            let payload = target.dump(key);
            payload[..payload.len() - 10].to_vec()
        })
        .collect();
    // Forms that are only read: compressed string, ziplist, zipmap, intset, and nodes of a list.
    all.push(b"\x00\xc3\x05\x40\x65\x00a\xe0\x5b\x00".to_vec());
    let ziplist = b"\x17\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xf2\x02\x01b\x03\xc0\x10\x27\xff";
    for (kind, blob) in [
        (&b"\x0a"[..], &ziplist[..]),
        (b"\x0c", ziplist),
        (b"\x0d", ziplist),
        (b"\x0e\x01", ziplist),
        (b"\x09", b"\x02\x01a\x01\x00b\x01c\x01\x02d??\xff"),
        (b"\x0b", b"\x02\0\0\0\x02\0\0\0\x01\0\x05\0"),
        (b"\x19\0\0\0\0\0\0\0\0", b"\x0f\0\0\0\x03\0\x81f\x02\x81v\x02\0\x01\xff"),
        (b"\x14", b"\x0c\0\0\0\x02\0\x01\x01\x81a\x02\xff"),
        (b"\x12\x02\x01\x01x\x02", b"\x09\0\0\0\x01\0\x01\x01\xff"),
    ] {
        all.push([kind, &[blob.len() as u8], blob].concat());
    }
    all
}

fn sealed(value: &[u8]) -> Vec<u8> {
    let mut out = cachette::rdb::Out::default();
    out.put(value);
    cachette::rdb::seal(&mut out, cachette::rdb::NEWEST);
    out.finish().unwrap()
}

impl Target {
    fn dump(&mut self, key: &str) -> Vec<u8> {
        let reply = self.line(&format!("DUMP {key}"));
        let start = reply.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        reply[start..reply.len() - 2].to_vec()
    }

    /// What becomes of bytes: a value that holds together, or a refusal with nothing changed.
    fn restore(&mut self, value: &[u8]) -> bool {
        let reply = self.command(&[b"RESTORE", b"r", b"0", &sealed(value), b"REPLACE"]);
        if reply == b"+OK\r\n" {
            for look in ["DUMP r", "DEBUG DIGEST-VALUE r", "XINFO STREAM r FULL", "XADD r * f v", "TYPE r"] {
                self.line(look);
            }
            // What was believed can be said again, and is believed again.
            let again = self.dump("r");
            assert!(self.command(&[b"RESTORE", b"r3", b"0", &again, b"REPLACE"]) == b"+OK\r\n", "{}", value.escape_ascii());
            return true;
        }
        assert!(reply == b"-ERR Bad data format\r\n" || reply.starts_with(b"-OOM"), "{}", String::from_utf8_lossy(&reply));
        false
    }
}

#[test]
fn payloads_cut_anywhere_and_turned_bits_are_refused_or_harmless() {
    let mut target = Target::new();
    target.line("SET kept here");
    for value in dumped() {
        assert!(target.restore(&value), "{}", value.escape_ascii());
        for end in 0..value.len() {
            // What closes a stream are counts: a cut that makes another value of it is none.
            assert!(!target.restore(&value[..end]), "{} cut at {end}", value.escape_ascii());
        }
        let payload = sealed(&value);
        for end in 0..payload.len() {
            let reply = target.command(&[b"RESTORE", b"r2", b"0", &payload[..end]]);
            assert_eq!(reply, b"-ERR DUMP payload version or checksum are wrong\r\n");
        }
        for at in 0..value.len() {
            for with in (0..8).map(|bit| value[at] ^ (1 << bit)).chain([0, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xfe, 0xff]) {
                let mut turned = value.clone();
                turned[at] = with;
                target.restore(&turned);
            }
        }
        for bit in 0..payload.len() * 8 {
            let mut turned = payload.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            let reply = target.command(&[b"RESTORE", b"r2", b"0", &turned]);
            assert_eq!(reply, b"-ERR DUMP payload version or checksum are wrong\r\n");
        }
    }
    assert_eq!(target.line("GET kept"), b"$4\r\nhere\r\n");
    assert_eq!(target.line("EXISTS r2"), b":0\r\n");
    target.books_are_right();
}

#[test]
fn payloads_that_claim_much_get_nothing() {
    let mut target = Target::new();
    let huge: &[&[u8]] =
        &[b"\x80\xff\xff\xff\xff", b"\x81\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff"];
    for kind in 0..=30u8 {
        for length in huge {
            for behind in [&b""[..], b"\x01a", b"\x01a\x01b", b"\x01a\0\0\0\0\0\0\0\0", b"\x80\xff\xff\xff\xff\x01"] {
                assert!(!target.restore(&[&[kind], *length, behind].concat()));
                assert!(!target.restore(&[&[kind, 0xc3], *length, *length, behind].concat()));
                assert!(!target.restore(&[&[kind, 0xc3, 0x01], *length, behind].concat()));
                // A string is whole by then, and what follows it is not looked at.
                let whole = kind == 0;
                assert_eq!(target.restore(&[&[kind, 0x01], *length, behind].concat()), whole);
                assert_eq!(target.restore(&[&[kind, 0x0b], *length, &[0xff; 12], behind].concat()), whole);
            }
        }
    }
    // Duplicates.
    for twice in [
        &b"\x02\x02\x01a\x01a"[..],
        b"\x02\x02\xc0\x05\x015",
        b"\x04\x02\x01a\x01b\x01a\x01c",
        b"\x05\x02\x01a\0\0\0\0\0\0\0\0\x01a\0\0\0\0\0\0\0\0",
        b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f",
        b"\x02\x00",
        b"\x01\x00",
    ] {
        assert!(!target.restore(twice), "{}", twice.escape_ascii());
    }
    // Bombs: little that stands for 88 times as much, many times over.
    target.engine.keys.set_ceiling(32 << 20);
    const COPIES: u32 = 6000;
    let long = |len: u32| [&[0x80][..], &len.to_be_bytes()].concat();
    let packed = [&[0, b'a'][..], &[0xe0, 0xff, 0].repeat(COPIES as usize)].concat();
    let one = [vec![0xc3], long(2 + 3 * COPIES), long(1 + 264 * COPIES), packed].concat();
    let list = sealed(&[&[1, 30][..], &one.repeat(30)].concat());
    assert!(target.command(&[b"RESTORE", b"r", b"0", &list, b"REPLACE"]).starts_with(b"-OOM"));
    assert_eq!(target.command(&[b"RESTORE", b"one", b"0", &sealed(&[&[0][..], &one].concat())]), b"+OK\r\n");
    assert_eq!(target.line("STRLEN one"), b":1584001\r\n");
    target.books_are_right();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn payloads_of_any_bytes_are_answered(kind in 0u8..24, mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        bytes.insert(0, kind);
        let mut target = Target::new();
        target.restore(&bytes);
        target.books_are_right();
    }

    /// However the bytes of a conversation are cut, the answers are the same.
    #[test]
    fn frames_may_arrive_in_any_pieces(cuts in prop::collection::vec(0usize..400, 0..12)) {
        let talk: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhe\r\nl\r\nGET k\r\n*1\r\n$4\r\nPING\r\n\r\n*0\r\n*-1\r\nset 'a b' \"c\\x00d\"\r\nget 'a b'\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\nNOSUCH\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n";
        let whole = converse(&[talk]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % talk.len()).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&talk[from..cut]);
            from = cut;
        }
        pieces.push(&talk[from..]);
        prop_assert_eq!(converse(&pieces), whole);
    }

    /// Bytes that are nothing in particular.
    #[test]
    fn noise_does_no_harm(noise in prop::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'1'), Just(b'"'), Just(b'\\'), any::<u8>()], 0..200)) {
        converse(&[&noise]);
    }
}

/// Sends pieces as a socket would deliver them; all that was answered.
fn converse(pieces: &[&[u8]]) -> Vec<u8> {
    let mut target = Target::new();
    let (mut pending, mut out) = (Vec::new(), Vec::new());
    for piece in pieces {
        pending.extend_from_slice(piece);
        match target.engine.execute(target.session, &pending, NOW, &mut out) {
            Ok(consumed) => drop(pending.drain(..consumed)),
            Err(_) => break,
        }
    }
    out
}
