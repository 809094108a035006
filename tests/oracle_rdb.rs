//! Values as bytes, both ways between the engine and a real redis-server: what one dumps the other restores to the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod oracle;

use cachette::engine::{Engine, Options};
use cachette::rdb::{self, Out};
use cachette::resp::read;
use cachette::session::{Peer, SessionId};
use cachette::{ReplyError, Value};
use oracle::{Oracle, Random, Reply};

struct Ours {
    engine: Engine,
    session: SessionId,
    now: u64,
}

impl Ours {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        let mut engine = Engine::new(Options { seed: 5, ..Options::default() });
        let session = engine.open(Peer::default(), now);
        Self { engine, session, now }
    }

    fn ask(&mut self, words: &[&[u8]]) -> Reply {
        let mut out = Vec::new();
        self.engine.command(self.session, words, self.now, &mut out);
        let (value, rest) = read::reply(&out).expect("one whole reply");
        assert!(rest.is_empty());
        reply(value)
    }

    fn books_are_right(&self) {
        assert_eq!(self.engine.keys.used_memory(), self.engine.keys.audit());
    }
}

fn reply(value: Value) -> Reply {
    let error = |error: ReplyError| Reply::Error(String::from_utf8_lossy(error.as_bytes()).into_owned());
    match value {
        Value::Null => Reply::Nil,
        Value::Status(text) | Value::Bytes(text) => Reply::Text(text),
        Value::Integer(number) => Reply::Integer(number),
        Value::Array(all) => Reply::Array(all.into_iter().map(reply).collect()),
        Value::Error(why) => error(why),
        other => panic!("not a reply of RESP2: {other:?}"),
    }
}

/// Whom one can ask.
type Ask<'a> = &'a mut dyn FnMut(&[&[u8]]) -> Reply;

/// All that can be seen of a value.
fn view(ask: Ask<'_>, key: &[u8]) -> Vec<Reply> {
    let kind = ask(&[b"TYPE", key]).text();
    let mut seen = vec![match &kind[..] {
        b"string" => ask(&[b"GET", key]),
        b"list" => ask(&[b"LRANGE", key, b"0", b"-1"]),
        b"set" => sorted(ask(&[b"SMEMBERS", key]), 1),
        b"hash" => sorted(ask(&[b"HGETALL", key]), 2),
        b"zset" => ask(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]),
        b"stream" => without_tree(ask(&[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"])),
        _ => Reply::Nil,
    }];
    seen.push(ask(&[b"OBJECT", b"ENCODING", key]));
    seen.push(Reply::Text(kind));
    seen
}

fn sorted(reply: Reply, step: usize) -> Reply {
    let mut words = reply.array().into_iter().map(Reply::text).peekable();
    let mut parts = Vec::new();
    while words.peek().is_some() {
        parts.push(words.by_ref().take(step).collect::<Vec<_>>());
    }
    parts.sort();
    Reply::Array(parts.concat().into_iter().map(Reply::Text).collect())
}

/// How a stream's blocks are indexed is its server's business.
fn without_tree(reply: Reply) -> Reply {
    let mut kept = Vec::new();
    let mut facts = reply.array().into_iter();
    while let (Some(name), Some(value)) = (facts.next(), facts.next()) {
        if !matches!(&name, Reply::Text(name) if name.starts_with(b"radix-tree")) {
            kept.extend([name, value]);
        }
    }
    Reply::Array(kept)
}

fn show(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(400)].escape_ascii().to_string()
}

/// Dumps what both hold under `key` and has each restore the other's bytes.
fn exchange(ours: &mut Ours, redis: &mut Oracle) {
    let held = view(&mut |words| redis.ask(words), b"k");
    assert_eq!(view(&mut |words| ours.ask(words), b"k"), held, "not the same to begin with");
    let (from_us, from_them) = (ours.ask(&[b"DUMP", b"k"]).text(), redis.ask(&[b"DUMP", b"k"]).text());
    // What was large once and has shrunk comes back in its small form: Redis's own way there and back is the measure.
    redis.ask(&[b"RESTORE", b"r", b"0", &from_them, b"REPLACE"]);
    let truth = view(&mut |words| redis.ask(words), b"r");
    for payload in [&from_us, &from_them] {
        let answer = ours.ask(&[b"RESTORE", b"r", b"0", payload, b"REPLACE"]);
        assert_eq!(answer, Reply::Text(b"OK".to_vec()), "our RESTORE of {}", show(payload));
        assert_eq!(view(&mut |words| ours.ask(words), b"r"), truth, "our RESTORE of {}", show(payload));
        let answer = redis.ask(&[b"RESTORE", b"r", b"0", payload, b"REPLACE"]);
        assert_eq!(answer, Reply::Text(b"OK".to_vec()), "their RESTORE of {}", show(payload));
        assert_eq!(view(&mut |words| redis.ask(words), b"r"), truth, "their RESTORE of {}", show(payload));
    }
    // Strings, and what lies in a listpack, are the same to the byte.
    let compressed = redis.ask(&[b"CONFIG", b"GET", b"rdbcompression"]).array().pop().unwrap().text() == b"yes";
    if !compressed && matches!(from_us[0], 0 | 5 | 16 | 17) {
        assert_eq!(show(&from_us), show(&from_them));
    }
    ours.books_are_right();
}

struct Both {
    ours: Ours,
    redis: Oracle,
}

impl Both {
    fn start() -> Option<Self> {
        Some(Self { redis: Oracle::start()?, ours: Ours::new() })
    }

    fn both(&mut self, words: &[&[u8]]) {
        let (ours, theirs) = (self.ours.ask(words), self.redis.ask(words));
        assert!(!theirs.is_error(), "{theirs:?} to {}", show(&words.concat()));
        assert!(!ours.is_error(), "{ours:?} to {}", show(&words.concat()));
    }

    fn line(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').map(str::as_bytes).collect();
        self.both(&words);
    }
}

/// Words that lie at the edges of the forms.
fn word(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => {
            let edges = [0, 12, 13, 127, 128, -1, 4095, 4096, -4096, -4097, 32767, 32768, -32768, -32769, 1 << 23, (1 << 23) - 1];
            random.pick(&edges).to_string().into_bytes()
        }
        1 => ((random.next() >> random.below(64)) as i64).to_string().into_bytes(),
        2 => random.text(b"0123456789-", 0..25),
        3 => {
            let len = random.pick(&[63, 64, 65, 127, 128, 4095, 4096, 16383, 16384, 20_000]);
            random.text(b"ab", len..len + 1)
        }
        4 => vec![b'x'; random.below(300)],
        5 => (0..random.below(60)).map(|_| random.next() as u8).collect(),
        _ => random.text(b"abcdef", 0..9),
    }
}

fn several(random: &mut Random) -> usize {
    match random.below(8) {
        0 => 100 + random.below(700),
        1 => random.pick(&[127, 128, 129, 512, 513]),
        _ => 1 + random.below(20),
    }
}

const ROUNDS: usize = 60;

/// Runs `fill` for fresh keys, with the server's compression on and off.
fn rounds(fill: fn(&mut Both, &mut Random)) {
    let Some(mut both) = Both::start() else { return };
    let mut random = Random::new();
    for round in 0..ROUNDS {
        let compression: &[u8] = if round % 2 == 0 { b"yes" } else { b"no" };
        both.redis.ask(&[b"CONFIG", b"SET", b"rdbcompression", compression]);
        both.both(&[b"DEL", b"k"]);
        fill(&mut both, &mut random);
        exchange(&mut both.ours, &mut both.redis);
    }
}

#[test]
fn strings_travel() {
    rounds(|both, random| {
        let value = word(random);
        both.both(&[b"SET", b"k", &value]);
    });
}

#[test]
fn lists_travel() {
    rounds(|both, random| {
        for _ in 0..several(random) {
            let element = word(random);
            both.both(&[b"RPUSH", b"k", &element]);
        }
    });
}

#[test]
fn sets_travel() {
    rounds(|both, random| {
        let numbers = random.below(2) == 0;
        for _ in 0..several(random) {
            let member = if numbers { (random.next() as i32 >> random.below(32)).to_string().into_bytes() } else { word(random) };
            both.both(&[b"SADD", b"k", &member]);
        }
    });
}

#[test]
fn hashes_travel() {
    rounds(|both, random| {
        for _ in 0..several(random) {
            let (field, value) = (word(random), word(random));
            let short = random.below(40) > 0;
            let cut = |word: Vec<u8>| if short { word[..word.len().min(64)].to_vec() } else { word };
            both.both(&[b"HSET", b"k", &cut(field), &cut(value)]);
        }
    });
}

#[test]
fn sorted_sets_travel() {
    rounds(|both, random| {
        let long = random.below(3) == 0;
        for _ in 0..several(random) {
            let member = word(random);
            let member = if long { &member[..] } else { &member[..member.len().min(64)] };
            let score = match random.below(4) {
                0 => f64::from_bits(random.next()).to_string(),
                1 => random.pick(&["inf", "-inf", "0", "1e300", "-0.5", "4503599627370497", "1e17"]).to_string(),
                _ => (random.below(2000) as f64 / 8.0 - 100.0).to_string(),
            };
            let score = if score == "NaN" { "7" } else { &score };
            both.both(&[b"ZADD", b"k", score.as_bytes(), member]);
        }
    });
}

#[test]
fn streams_travel() {
    rounds(|both, random| {
        let mut ms = 0;
        for _ in 0..several(random).min(300) {
            ms += random.below(3) + usize::from(ms == 0);
            let id = format!("{ms}-*");
            let (value, other) = (word(random), word(random));
            match random.below(5) {
                0 => both.both(&[b"XADD", b"k", id.as_bytes(), &other, &value]),
                1 => both.both(&[b"XADD", b"k", id.as_bytes(), b"f", &value, b"g", &other]),
                _ => both.both(&[b"XADD", b"k", id.as_bytes(), b"f", &value]),
            }
        }
        for _ in 0..random.below(6) {
            let id = random.below(ms + 1).to_string();
            both.both(&[b"XDEL", b"k", id.as_bytes()]);
        }
        for group in ["g1", "7", "g2"].iter().take(random.below(4)) {
            both.line(&format!("XGROUP CREATE k {group} {}", random.pick(&["0", "$", "3"])));
            for consumer in ["c1", "12", "idle"] {
                both.line(&format!("XGROUP CREATECONSUMER k {group} {consumer}"));
            }
            for _ in 0..random.below(5) {
                let (consumer, count) = (random.pick(&["c1", "12"]), 1 + random.below(9));
                both.line(&format!("XREADGROUP GROUP {group} {consumer} COUNT {count} STREAMS k >"));
            }
            both.line(&format!("XACK k {group} 1-0 2-0 2-1"));
            // Times of the two servers differ: those that can be set are.
            for consumer in ["c1", "12"] {
                let ids: Vec<String> = (1..=ms).flat_map(|ms| (0..4).map(move |seq| format!("{ms}-{seq}"))).collect();
                both.line(&format!("XCLAIM k {group} {consumer} 0 {} TIME 1000 RETRYCOUNT 3 JUSTID", ids.join(" ")));
            }
        }
        // Consumers' times cannot be: both go on from what one of them dumped.
        let payload = both.redis.ask(&[b"DUMP", b"k"]).text();
        both.both(&[b"RESTORE", b"k", b"0", &payload, b"REPLACE"]);
    });
}

// ---- what older servers wrote -------------------------------------------------------------------------------------------------------------

/// A ziplist of strings, in the forms that Redis chose.
fn ziplist(words: &[Vec<u8>]) -> Vec<u8> {
    let (mut body, mut before, mut tail) = (Vec::new(), 0usize, 10);
    for word in words {
        tail = 10 + body.len();
        let start = body.len();
        if before < 254 {
            body.push(before as u8);
        } else {
            body.push(254);
            body.extend((before as u32).to_le_bytes());
        }
        let number =
            std::str::from_utf8(word).ok().and_then(|text| text.parse::<i64>().ok()).filter(|n| n.to_string().as_bytes() == word);
        let bytes = number.unwrap_or_default().to_le_bytes();
        match number {
            Some(number @ 0..=12) => body.push(0xf1 + number as u8),
            Some(-128..=127) => body.extend([0xfe, bytes[0]]),
            Some(-32768..=32767) => body.extend([&[0xc0], &bytes[..2]].concat()),
            Some(-8_388_608..=8_388_607) => body.extend([&[0xf0], &bytes[..3]].concat()),
            Some(-2_147_483_648..=2_147_483_647) => body.extend([&[0xd0], &bytes[..4]].concat()),
            Some(_) => body.extend([&[0xe0], &bytes[..]].concat()),
            None => {
                match word.len() {
                    len @ 0..64 => body.push(len as u8),
                    len @ 64..16384 => body.extend([0x40 | (len >> 8) as u8, len as u8]),
                    len => body.extend([&[0x80], &(len as u32).to_be_bytes()[..]].concat()),
                }
                body.extend(word);
            }
        }
        before = body.len() - start;
    }
    let mut all = ((11 + body.len()) as u32).to_le_bytes().to_vec();
    all.extend((tail as u32).to_le_bytes());
    all.extend((words.len() as u16).to_le_bytes());
    all.extend(body);
    all.push(255);
    all
}

fn zipmap(words: &[Vec<u8>]) -> Vec<u8> {
    let mut all = vec![(words.len() / 2).min(254) as u8];
    for (index, word) in words.iter().enumerate() {
        if word.len() < 254 {
            all.push(word.len() as u8);
        } else {
            all.push(254);
            all.extend((word.len() as u32).to_le_bytes());
        }
        let free = if index % 2 == 1 { index % 3 } else { 0 };
        if index % 2 == 1 {
            all.push(free as u8);
        }
        all.extend(word);
        all.extend(&b"??"[..free]);
    }
    all.push(255);
    all
}

fn payload(kind: u8, fill: impl FnOnce(&mut Out)) -> Vec<u8> {
    let mut out = Out::default();
    out.put(&[kind]);
    fill(&mut out);
    rdb::seal(&mut out, 6);
    out.finish().unwrap()
}

fn blob(out: &mut Out, bytes: &[u8]) {
    out.length(bytes.len() as u64);
    out.put(bytes);
}

/// Random payloads of the forms before Redis 7.0: Redis says what they mean.
#[test]
fn old_forms_are_read_as_redis_reads_them() {
    let Some(mut both) = Both::start() else { return };
    let mut random = Random::new();
    for round in 0..400 {
        let count = 2 * (1 + random.below(20));
        let mut words: Vec<Vec<u8>> = (0..count).map(|_| word(&mut random)).collect();
        // Fields and members come once.
        words.sort();
        words.dedup();
        words.truncate(words.len() / 2 * 2);
        if words.is_empty() {
            continue;
        }
        let scored: Vec<Vec<u8>> = words
            .iter()
            .enumerate()
            .flat_map(|(index, word)| [word.clone(), format!("{}", index as f64 / 4.0).into_bytes()])
            .collect();
        let bytes = match round % 8 {
            0 => payload(10, |out| blob(out, &ziplist(&words))),
            1 => payload(13, |out| blob(out, &ziplist(&words))),
            2 => payload(12, |out| blob(out, &ziplist(&scored))),
            3 => payload(9, |out| blob(out, &zipmap(&words))),
            4 => payload(14, |out| {
                out.length(3);
                for part in [&words[..1], &words[..], &words[1..]] {
                    blob(out, &ziplist(part));
                }
            }),
            5 => payload(3, |out| {
                out.length(words.len() as u64 + 2);
                for (index, word) in words.iter().enumerate() {
                    out.string(word);
                    let score = (index as f64 / 4.0).to_string();
                    out.put(&[score.len() as u8]);
                    out.put(score.as_bytes());
                }
                for (name, mark) in [(&b"no member of the others"[..], 254), (b"nor is this", 255)] {
                    out.string(name);
                    out.put(&[mark]);
                }
            }),
            6 => {
                let width = random.pick(&[2u32, 4, 8]);
                let mut numbers: Vec<i64> = (0..count).map(|_| (random.next() as i64) >> (64 - 8 * width)).collect();
                numbers.sort();
                numbers.dedup();
                payload(11, |out| {
                    let mut set = [width.to_le_bytes(), (numbers.len() as u32).to_le_bytes()].concat();
                    numbers.iter().for_each(|number| set.extend(&number.to_le_bytes()[..width as usize]));
                    blob(out, &set);
                })
            }
            // Redis refuses an empty one, and never writes it.
            _ => payload(18, |out| {
                let words: Vec<_> = words.iter().filter(|word| !word.is_empty()).collect();
                out.length(words.len() as u64);
                for word in words {
                    out.length(1);
                    blob(out, word);
                }
            }),
        };
        both.both(&[b"RESTORE", b"k", b"0", &bytes, b"REPLACE"]);
        let (ours, theirs) = (view(&mut |words| both.ours.ask(words), b"k"), view(&mut |words| both.redis.ask(words), b"k"));
        assert!(ours == theirs, "{}\n{ours:.400?}\n{theirs:.400?}", show(&bytes));
    }
    both.ours.books_are_right();
}

/// Fields with deadlines are of Redis 7.4: no 7.0 reads them, so ours reads its own.
#[test]
fn fields_keep_their_deadlines() {
    let mut ours = Ours::new();
    let later = (ours.now + 5000).to_string();
    for line in ["HSET h a 1 b 2 c 3", &format!("HPEXPIREAT h {later} FIELDS 1 a"), "HPEXPIREAT h 9999999999999 FIELDS 1 b"] {
        assert!(!ours.ask(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>()).is_error());
    }
    let payload = ours.ask(&[b"DUMP", b"h"]).text();
    let packed = [
        &[25][..],
        &(ours.now + 5000).to_le_bytes(),
        &[29, 29, 0, 0, 0, 6, 0, 0x81, b'a', 2, 1, 1, 0xf4],
        &(ours.now + 5000).to_le_bytes(),
        &[9, 0x81, b'c', 2, 3, 1, 0, 1, 0xff],
    ]
    .concat();
    let mut out = Out::default();
    out.put(&packed);
    rdb::seal(&mut out, rdb::NEWEST);
    for (payload, wanted) in [
        (payload, [(ours.now + 5000) as i64, 9_999_999_999_999, -1]),
        (out.finish().unwrap(), [(ours.now + 5000) as i64, -2, -1]),
    ] {
        assert_eq!(ours.ask(&[b"RESTORE", b"r", b"0", &payload, b"REPLACE"]), Reply::Text(b"OK".to_vec()), "{}", show(&payload));
        assert_eq!(ours.ask(&[b"OBJECT", b"ENCODING", b"r"]), Reply::Text(b"listpackex".to_vec()));
        let times = ours.ask(&[b"HPEXPIRETIME", b"r", b"FIELDS", b"3", b"a", b"b", b"c"]);
        assert_eq!(times, Reply::Array(wanted.map(Reply::Integer).into()));
        ours.now += 1;
    }
    ours.now += 6000;
    assert_eq!(ours.ask(&[b"HGETALL", b"r"]).array().len(), 2);
    ours.books_are_right();
}

// ---- use ----------------------------------------------------------------------------------------------------------------------------------

/// Which commands count as a use of their key, told by its idle time.
#[test]
fn the_same_commands_use_a_key() {
    let Some(mut both) = Both::start() else { return };
    let mut wrong = Vec::new();
    for (make, commands) in [
        (
            "SET k 5",
            "GET k|STRLEN k|TYPE k|TTL k|PTTL k|EXPIRETIME k|EXISTS k|OBJECT ENCODING k|OBJECT REFCOUNT k|MEMORY USAGE k|DUMP k|TOUCH k|EXPIRE k 100|EXPIRE k 100 XX|PERSIST k|PEXPIREAT k 99999999999999|APPEND k x|INCR k|SETNX k 1|SET k 1 NX|SET k v XX KEEPTTL|GETEX k|GETEX k EX 9|GETRANGE k 0 1|SETRANGE k 1 x|MGET k|SETBIT k 1 1|GETBIT k 1|BITCOUNT k|BITFIELD k GET u8 0|LCS k k|COPY k other REPLACE|SCAN 0|RANDOMKEY|KEYS *|RENAME k k|RENAMENX k k|MSETNX k 1|SET k 1 NX GET|GETSET k v|SETEX k 10 v|LCS k nope|SETRANGE k 9 x|INCRBYFLOAT k 1|MOVE k 0|OBJECT FREQ k|BITOP NOT d k|BITPOS k 1|DECRBY k 1",
        ),
        (
            "RPUSH k a b c",
            "LLEN k|LRANGE k 0 0|LINDEX k 0|LPOS k a|LPUSH k v|LPUSHX k v|LSET k 0 v|LREM k 0 nope|LINSERT k BEFORE nope v|LTRIM k 0 -1|SORT k ALPHA|LMOVE k k LEFT RIGHT|LPOP k|GETRANGE nope 0 1",
        ),
        (
            "HSET k f 1 g 2",
            "HGET k f|HLEN k|HGETALL k|HKEYS k|HEXISTS k f|HSTRLEN k f|HSCAN k 0|HRANDFIELD k|HSETNX k f v|HDEL k nope|HINCRBY k f 1|HSET k f 1",
        ),
        (
            "SADD k a b",
            "SCARD k|SMEMBERS k|SISMEMBER k a|SRANDMEMBER k|SINTER k nope|SUNION k k|SDIFF k nope|SUNIONSTORE d k|SSCAN k 0|SADD k a|SREM k nope|SMOVE k d nope|SINTERCARD 1 k",
        ),
        (
            "ZADD k 1 a 2 b",
            "ZCARD k|ZSCORE k a|ZRANGE k 0 -1|ZRANK k a|ZCOUNT k 0 1|ZRANDMEMBER k|ZUNION 1 k|ZUNIONSTORE d 1 k|ZSCAN k 0|ZADD k 1 a|ZREM k nope|ZINCRBY k 0 a|ZRANGESTORE d k 0 -1|ZREMRANGEBYRANK k 5 6",
        ),
        (
            "XADD k 1-1 f v",
            "XLEN k|XRANGE k - +|XREAD STREAMS k 0|XINFO STREAM k|XADD k * f v|XDEL k 9|XTRIM k MAXLEN 5|XGROUP CREATE k g 0|XSETID k 5-5",
        ),
    ] {
        for command in commands.split('|') {
            both.both(&[b"FLUSHALL"]);
            both.line(make);
            let payload = both.redis.ask(&[b"DUMP", b"k"]).text();
            both.both(&[b"RESTORE", b"k", b"0", &payload, b"REPLACE", b"IDLETIME", b"1000"]);
            let words: Vec<_> = command.split(' ').map(str::as_bytes).collect();
            both.ours.ask(&words);
            both.redis.ask(&words);
            let mut idle = [both.ours.ask(&[b"OBJECT", b"IDLETIME", b"k"]), both.redis.ask(&[b"OBJECT", b"IDLETIME", b"k"])];
            for idle in &mut idle {
                match idle {
                    Reply::Integer(seconds) => *seconds = *seconds / 500 * 500,
                    Reply::Nil => {}
                    other => panic!("{other:?}"),
                }
            }
            if idle[0] != idle[1] {
                wrong.push(format!("{command}: {idle:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "idle, ours and theirs, after\n{}", wrong.join("\n"));
}
