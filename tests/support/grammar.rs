//! What the fuzzer says: templates of commands, and how their blanks are filled.
//!
//! A template is words. `(a|b c|)` chooses one of its parts, `{1-3 …}` repeats, `$name` is a blank. Keys are few and of mixed types, numbers
//! stand at their edges, and now and then a command is bent out of shape.

use super::rng::Rng;

/// How often, and what.
const TEMPLATES: &[(u32, &str)] = &[
    // Strings.
    (30, "SET $s $v (|||EX $ttl|PX $pttl|EXAT $at|PXAT $pat|KEEPTTL) (||||NX|XX) (|||GET)"),
    (8, "SET $s $num"),
    (10, "GET $s"),
    (3, "GETEX $s (|EX $ttl|PX $pttl|EXAT $at|PXAT $pat|PERSIST)"),
    (2, "GETDEL $s"),
    (2, "GETSET $s $v"),
    (2, "SETNX $s $v"),
    (2, "SETEX $s $ttl $v"),
    (2, "PSETEX $s $pttl $v"),
    (5, "APPEND $s $v"),
    (3, "STRLEN $s"),
    (4, "SETRANGE $s $offset $v"),
    (4, "(GETRANGE|SUBSTR) $s $index $index"),
    (6, "(INCR|DECR) $s"),
    (6, "(INCRBY|DECRBY) $s $int"),
    (6, "INCRBYFLOAT $s $float"),
    (4, "MSET {1-3 $s $v}"),
    (2, "MSETNX {1-2 $s $v}"),
    (4, "MGET {1-4 $s}"),
    (2, "MSET lcs1 $short lcs2 $short"),
    (
        3,
        "LCS (lcs1|lcs2|$short) (lcs2|lcs1|$h) (|LEN|IDX|IDX MINMATCHLEN (0|1|2|-1)|IDX WITHMATCHLEN|IDX MINMATCHLEN 2 WITHMATCHLEN|LEN IDX)",
    ),
    // Bitmaps.
    (4, "SETBIT $s $bit (0|1|2)"),
    (2, "GETBIT $s $bit"),
    (3, "BITCOUNT $s (|$index $index|$index $index (BYTE|BIT)|$index)"),
    (3, "BITPOS $s (0|1|2) (|$index|$index $index|$index $index (BIT|BYTE))"),
    (3, "BITOP (AND|OR|XOR) $s {1-3 $s}"),
    (1, "BITOP NOT $s {1-2 $s}"),
    (
        4,
        "BITFIELD $s {1-3 (GET (u8|i5|u63|i64) $bit|SET (u4|i8) $bit $num|INCRBY (u2|i16|i64) $bit $int|OVERFLOW (WRAP|SAT|FAIL|NO))}",
    ),
    (1, "BITFIELD_RO $s {1-2 GET (u8|i5|u64|u0|x) $bit}"),
    // HyperLogLogs, whole and corrupt.
    (8, "PFADD $p {0-6 $v}"),
    (3, "PFCOUNT {1-3 $p}"),
    (3, "PFMERGE $p {0-2 $p}"),
    (2, "PFDEBUG (ENCODING|DECODE|TODENSE|GETREG|NOSUCH) $p"),
    (2, "GET $p"),
    (1, "(APPEND $p $v|SETBIT $p $bit 1|SETRANGE $p $offset $v)"),
    (1, "CONFIG SET hll-sparse-max-bytes (0|25|3000|3000|3000)"),
    // Places. Those of one key are equally far only by being the same: their order is chance under COUNT, which the fuzzer leaves to ANY.
    (8, "GEOADD $g (||||NX|XX|CH) {1-3 $lon $lat $m}"),
    (2, "(GEOPOS|GEOHASH) $g {0-3 $m}"),
    (2, "GEODIST $g $m $m (|||m|km|FT|Mi|x)"),
    (
        5,
        "GEOSEARCH $g (FROMMEMBER $m|FROMLONLAT $lon $lat) (BYRADIUS $far $unit|BYBOX $far $far $unit) (||ASC|DESC) (|||COUNT $count ANY) (||WITHDIST|WITHDIST WITHCOORD|WITHHASH)",
    ),
    (
        2,
        "GEOSEARCHSTORE $g $g (FROMMEMBER $m|FROMLONLAT $lon $lat) (BYRADIUS $far $unit|BYBOX $far $far $unit) (|ASC|DESC|WITHDIST)",
    ),
    (3, "(GEORADIUS|GEORADIUS_RO) $g $lon $lat $far $unit (||WITHDIST|WITHCOORD WITHHASH) (||ASC|DESC|STORE $g)"),
    (2, "(GEORADIUSBYMEMBER|GEORADIUSBYMEMBER_RO) $g $m $far $unit (||WITHDIST|WITHHASH) (||ASC|DESC|STORE $g|COUNT 2 ANY)"),
    // Keys.
    (8, "(DEL|UNLINK) {1-3 $k}"),
    (5, "EXISTS {1-4 $k}"),
    (2, "TOUCH {1-3 $k}"),
    (4, "TYPE $k"),
    (4, "(EXPIRE $k $ttl|PEXPIRE $k $pttl|EXPIREAT $k $at|PEXPIREAT $k $pat) (||NX|XX|GT|LT|XX GT|NX XX|GT LT)"),
    (1, "(EXPIRE|PEXPIRE|EXPIREAT|PEXPIREAT) $k (0|-1|-100|$never)"),
    (6, "(TTL|PTTL|EXPIRETIME|PEXPIRETIME) $k"),
    (3, "PERSIST $k"),
    (4, "(RENAME|RENAMENX) $k $k"),
    (5, "COPY $k $k (|REPLACE|DB $db|DB $db REPLACE)"),
    (2, "MOVE $k $db"),
    (8, "RESTORE $k (0|0|0|$pttl|-1) $dump $k (REPLACE|REPLACE|REPLACE|) (||||ABSTTL|IDLETIME 5|FREQ 5)"),
    (1, "RESTORE $k 0 $v (|REPLACE)"),
    (1, "MIGRATE localhost 1 nosuchkey $db $int (|COPY|REPLACE|AUTH $v|NOPE)"),
    (1, "RANDOMKEY"),
    (2, "KEYS $pattern"),
    (2, "SCAN $cursor (|MATCH $pattern) (|COUNT (1|3|10|100)) (||TYPE (string|list|hash|set|zset|stream|String))"),
    (5, "OBJECT ENCODING $k"),
    (1, "OBJECT (REFCOUNT|IDLETIME|FREQ|encoding|BOGUS) $k"),
    (3, "SORT ($l|$t) (|BY w_*|BY h:*->f1) (|LIMIT $index $index) (|GET #|GET w_*|GET # GET h:*->f1) (|DESC|ASC)"),
    (2, "SORT ($l|$t) ALPHA (|LIMIT $index $index) (|GET #|GET w_*) (|DESC|ASC)"),
    (1, "SORT $l BY nosort (|LIMIT $index $index) (|DESC) (|GET w_*)"),
    (2, "SORT_RO ($l|$t) (ALPHA|DESC|ALPHA LIMIT 0 3|STORE $k)"),
    (2, "SORT ($l|$t) ALPHA (|DESC) STORE $l"),
    (1, "MSET w_1 $num w_2 $num w_a $num"),
    (1, "MEMORY USAGE $k"),
    // Lists.
    (14, "(RPUSH|LPUSH) $l {1-5 $v}"),
    (3, "(RPUSHX|LPUSHX) $l {1-2 $v}"),
    (6, "(LPOP|RPOP) $l (||$count)"),
    (3, "LLEN $l"),
    (6, "LRANGE $l $index $index"),
    (4, "LINDEX $l $index"),
    (4, "LSET $l $index $v"),
    (5, "LINSERT $l (BEFORE|AFTER|before|BOGUS) $v $v"),
    (4, "LREM $l $index $v"),
    (2, "LTRIM $l $index $index"),
    (4, "LPOS $l $v (||RANK $index) (||COUNT $count) (||MAXLEN $count)"),
    (4, "LMOVE $l $l (LEFT|RIGHT) (LEFT|RIGHT)"),
    (2, "RPOPLPUSH $l $l"),
    (3, "LMPOP (1 $l|2 $l $l|0 $l|3 $l $l) (LEFT|RIGHT) (|COUNT $count)"),
    // Hashes.
    (16, "(HSET|HSET|HMSET) $h {1-4 $m $v}"),
    (4, "HSET $h $m $num"),
    (2, "HSETNX $h $m $v"),
    (5, "HGET $h $m"),
    (3, "HMGET $h {1-3 $m}"),
    (4, "(HGETALL|HKEYS|HVALS) $h"),
    (5, "HDEL $h {1-4 $m}"),
    (2, "HEXISTS $h $m"),
    (2, "(HLEN $h|HSTRLEN $h $m)"),
    (4, "HINCRBY $h $m $int"),
    (4, "HINCRBYFLOAT $h $m $float"),
    (3, "HRANDFIELD $h (|$few|$few WITHVALUES)"),
    (2, "HSCAN $h $cursor (|MATCH $pattern) (|COUNT (1|5|1000))"),
    // Sets.
    (14, "SADD $t {1-5 $m}"),
    (6, "SADD $t {1-4 $num}"),
    (5, "SREM $t {1-4 $m}"),
    (3, "SCARD $t"),
    (4, "SMEMBERS $t"),
    (4, "(SISMEMBER $t $m|SMISMEMBER $t {1-3 $m})"),
    (3, "SMOVE $t $t $m"),
    (3, "SPOP $t (|$count)"),
    (2, "SRANDMEMBER $t (|$few)"),
    (6, "(SINTER|SUNION|SDIFF) {1-3 $t}"),
    (6, "(SINTERSTORE|SUNIONSTORE|SDIFFSTORE) $t {1-3 $t}"),
    (2, "SINTERCARD (1 $t|2 $t $t|3 $t $t $t|0 $t) (|LIMIT $count)"),
    (2, "SSCAN $t $cursor (|MATCH $pattern) (|COUNT (1|5|1000))"),
    // Sorted sets.
    (18, "ZADD $z (|||NX|XX|GT|LT|NX XX|GT LT) (||CH) {1-4 $score $m}"),
    (5, "ZADD $x (0 $m|0 $m 0 $m)"),
    (3, "ZADD $z (|NX|XX|GT|LT) INCR $score $m"),
    (4, "ZINCRBY $z $score $m"),
    (4, "(ZSCORE $z $m|ZMSCORE $z {1-3 $m})"),
    (4, "ZREM $z {1-3 $m}"),
    (2, "ZCARD $z"),
    (4, "(ZRANK|ZREVRANK) $z $m"),
    (6, "ZRANGE $z $index $index (||REV) (||WITHSCORES)"),
    (6, "ZRANGE $z $bound $bound BYSCORE (|REV) (|LIMIT $index $index) (|WITHSCORES)"),
    (4, "ZRANGE $x $lex $lex BYLEX (|REV) (|LIMIT $index $index)"),
    (2, "ZREVRANGE $z $index $index (|WITHSCORES)"),
    (3, "(ZRANGEBYSCORE|ZREVRANGEBYSCORE) $z $bound $bound (|WITHSCORES) (|LIMIT $index $index)"),
    (3, "(ZRANGEBYLEX|ZREVRANGEBYLEX) $x $lex $lex (|LIMIT $index $index)"),
    (3, "(ZCOUNT $z $bound $bound|ZLEXCOUNT $x $lex $lex)"),
    (2, "(ZREMRANGEBYRANK $z $index $index|ZREMRANGEBYSCORE $z $bound $bound|ZREMRANGEBYLEX $x $lex $lex)"),
    (3, "ZRANGESTORE $z $z ($index $index|$bound $bound BYSCORE) (|REV) (|LIMIT $index $index)"),
    (4, "(ZPOPMIN|ZPOPMAX) $z (|$count)"),
    (3, "ZMPOP (1 $z|2 $z $z|0 $z) (MIN|MAX) (|COUNT $count)"),
    (5, "(ZUNION|ZINTER) (1 $z|2 $z $z|3 $z $t $z) (|WEIGHTS $score $score) (|AGGREGATE (SUM|MIN|MAX)) (|WITHSCORES)"),
    (2, "ZDIFF (1 $z|2 $z $z|3 $z $t $z) (|WITHSCORES)"),
    (5, "(ZUNIONSTORE|ZINTERSTORE) $z (1 $z|2 $z $z|2 $t $z) (|WEIGHTS $score $score|WEIGHTS $score) (|AGGREGATE (SUM|MIN|MAX))"),
    (2, "ZDIFFSTORE $z (1 $z|2 $z $z|2 $t $z)"),
    (2, "ZINTERCARD (1 $z|2 $z $z|2 $z $t) (|LIMIT $count)"),
    (2, "ZRANDMEMBER $z (|$few|$few WITHSCORES)"),
    (2, "ZSCAN $z $cursor (|MATCH $pattern) (|COUNT (1|5|1000))"),
    // Streams.
    (
        24,
        "XADD $q (||||NOMKSTREAM) (||||MAXLEN (|~|=) $count|MAXLEN (|~) 20|MINID (|~|=) $id|MAXLEN ~ $count LIMIT $count) ($id|$id|$next|$next|$next|99999999999999-*) (f $v|f $v g $num|{1-3 $m $v})",
    ),
    (4, "XDEL $q {1-3 $id}"),
    (3, "XTRIM $q (MAXLEN (|~|=) $count|MINID (|~|=) $id|MAXLEN ~ $count LIMIT $count)"),
    (2, "XLEN $q"),
    (5, "(XRANGE|XREVRANGE) $q ($id|-|$open) ($id|+|$open) (||COUNT $count)"),
    (4, "XREAD (|COUNT $count) STREAMS ($q $behind|$q $q 0 $behind|$q $last|$q)"),
    (6, "XGROUP CREATE $q $group (0|$last|$id) (||MKSTREAM|MKSTREAM|ENTRIESREAD $count)"),
    (
        3,
        "XGROUP (SETID $q $group ($id|$last|0) (||ENTRIESREAD $count)|DESTROY $q $group|CREATECONSUMER $q $group $m|DELCONSUMER $q $group (c1|c2|$m))",
    ),
    (12, "XREADGROUP GROUP $group (c1|c2|$m) (|COUNT $count) (||NOACK) STREAMS ($q >|$q >|$q $q > >|$q $id|$q 0)"),
    (5, "XACK $q $group {1-4 $id}"),
    (
        5,
        "XCLAIM $q $group (c1|c2) (0|0|1000000000|$int) {1-3 $id} (||JUSTID|FORCE|FORCE|IDLE 2000000000|RETRYCOUNT $count|LASTID $id)",
    ),
    (4, "XAUTOCLAIM $q $group (c1|c2) (0|0|1000000000) (-|$id) (|COUNT (1|2|3|$count)) (|JUSTID)"),
    (3, "XPENDING $q $group"),
    (2, "XINFO (STREAM $q|GROUPS $q|STREAM $q NOPE)"),
    (1, "XSETID $q $id (||ENTRIESADDED $count|MAXDELETEDID $id)"),
    // Users. What they are told and held to has a test of its own, tests/acl.rs.
    (1, "ACL (WHOAMI|USERS|LIST|GETUSER default|GETUSER nobody|CAT|CAT NOSUCH|DELUSER nobody|LOG RESET|LOG x|SAVE|x)"),
    (1, "ACL DRYRUN (default|nobody) (GET $s|SET $s|MSET $s $v $s|NOSUCH $k|config|CONFIG GET x|SORT $l STORE $k)"),
    // Transactions, connections, the server.
    (8, "MULTI"),
    (14, "EXEC"),
    (2, "DISCARD"),
    (5, "WATCH {1-3 $k}"),
    (2, "UNWATCH"),
    (5, "SELECT (0|0|0|0|1|1|2|15|16|-1)"),
    (1, "SWAPDB (0|1|2) (0|1|2)"),
    (3, "DBSIZE"),
    (1, "PING (|$v)"),
    (1, "ECHO $v"),
    (3, "HELLO (2|3|3|4)"),
    (1, "CLIENT (SETNAME $m|GETNAME)"),
    (
        1,
        "CLIENT (GETREDIR|TRACKINGINFO|UNPAUSE|CACHING (yes|no|x)|NO-EVICT (ON|OFF|x)|TRACKING (off|x|on optin optout|on prefix a))",
    ),
    (1, "COMMAND GETKEYS (ZUNIONSTORE $z 2 $z $z|MSET $s $v $s $v|SORT $l STORE $k|GET|LMPOP 2 $l $l LEFT|SET $s $v|PING)"),
    (1, "CONFIG SET hash-max-listpack-entries (0|3|16|512)"),
    (1, "CONFIG SET hash-max-listpack-value (4|64|64)"),
    (1, "CONFIG SET set-max-intset-entries (0|3|16|512)"),
    (1, "CONFIG SET zset-max-listpack-entries (0|3|16|128)"),
    (1, "CONFIG SET zset-max-listpack-value (4|64|64)"),
    (1, "CONFIG SET list-max-listpack-size (-2|-1|1|2|5|128)"),
    (1, "CONFIG SET stream-node-max-entries (0|2|5|100|100)"),
    (1, "CONFIG GET (hash-max-listpack-entries|set-max-intset-entries)"),
    (1, "(FLUSHDB|NOSUCH $k $v|GETT $k|OBJECT|CONFIG BOGUS)"),
    (1, "RESET"),
];

/// What numbers may run into.
const EDGES: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "127",
    "128",
    "-128",
    "-129",
    "32767",
    "32768",
    "-32769",
    "8388607",
    "8388608",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "4503599627370496",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775806",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "99999999999999999999999",
    "1.5",
    "1e3",
    "+1",
    " 1",
    "1 ",
    "",
    "abc",
    "0x10",
    "01",
    "nan",
    "inf",
    "-inf",
];

const FLOATS: &[&str] = &[
    "0",
    "1",
    "-1",
    "0.1",
    "0.5",
    "1.5",
    "-2.25",
    "3.0",
    "1e3",
    "1e-3",
    "1e10",
    "5e-5",
    "0.0001",
    "123456.789",
    "-0",
    "1e17",
    "1e20",
    "1e21",
    "1e22",
    "1.7976931348623157e308",
    "5e-324",
    "1e400",
    "inf",
    "-inf",
    "nan",
    "abc",
    "",
    "1e",
    ".5",
    "5.",
    " 1",
    "1 ",
    "0x1p3",
    "9007199254740993",
    "3.141592653589793",
    "2.2250738585072014e-308",
    "100",
    "1000000",
    "-1e-7",
];

const PATTERNS: &[&str] =
    &["*", "f*", "*1", "k?", "[a-f]*", "[^a]*", "s:*", "?", "*:[12]", "\\*", "", "f1*2*", "*:*:*", "[", "a[b"];

/// Expire times that are refused, or are over at once.
const NEVER: &[&str] =
    &["-9223372036854775808", "9223372036854775807", "9223372036854775", "abc", "", "1.5", " 1", "-2147483649"];

pub struct Grammar {
    rng: Rng,
    total: u32,
    /// Relative deadlines never repeat: two of them on one key would race against the clock under GT and LT.
    deadlines: u64,
}

impl Grammar {
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), total: TEMPLATES.iter().map(|(weight, _)| weight).sum(), deadlines: 0 }
    }

    /// Chance for whoever drives the grammar.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// One command.
    pub fn command(&mut self) -> Vec<Vec<u8>> {
        let mut at = self.rng.below(self.total as usize) as u32;
        let mut template = TEMPLATES[0].1;
        for (weight, text) in TEMPLATES {
            if at < *weight {
                template = text;
                break;
            }
            at -= weight;
        }
        let mut argv = Vec::new();
        self.fill(template, &mut argv);
        if self.rng.percent(4) {
            self.bend(&mut argv);
        }
        argv
    }

    /// Fills a template word by word.
    fn fill(&mut self, template: &str, out: &mut Vec<Vec<u8>>) {
        let mut rest = template.trim_start();
        while !rest.is_empty() {
            let (first, after) = take(rest);
            rest = after.trim_start();
            match first.as_bytes()[0] {
                b'(' => {
                    let parts = alternatives(&first[1..first.len() - 1]);
                    let part = *self.rng.pick(&parts);
                    self.fill(part, out);
                }
                b'{' => {
                    let (range, body) = first[1..first.len() - 1].split_once(' ').unwrap();
                    let (low, high) = range.split_once('-').unwrap();
                    for _ in 0..self.rng.range(low.parse().unwrap(), high.parse().unwrap()) {
                        self.fill(body, out);
                    }
                }
                b'$' if !matches!(first, "$cursor" | "$dump") => {
                    let word = self.blank(&first[1..]);
                    out.push(word);
                }
                _ => out.push(first.as_bytes().to_vec()),
            }
        }
    }

    fn blank(&mut self, name: &str) -> Vec<u8> {
        match name {
            "s" | "l" | "h" | "t" | "z" | "q" | "p" => self.key(name),
            // Sorted sets as they are, and some of places only.
            "g" if self.rng.percent(10) => self.key("z"),
            "g" => format!("g:{}", self.rng.below(3)).into_bytes(),
            "unit" => self.rng.pick(&["m", "km", "mi", "ft", "KM", "yd"]).as_bytes().to_vec(),
            "lon" => match self.rng.below(12) {
                0 => self.edge(),
                1 => self.rng.pick(&["180", "-180", "0", "179.9999", "-1e-7"]).as_bytes().to_vec(),
                _ => format!("{}.{:04}", self.rng.range(-179, 179), self.rng.below(10_000)).into_bytes(),
            },
            "lat" => match self.rng.below(12) {
                0 => self.rng.pick(FLOATS).as_bytes().to_vec(),
                1 => self.rng.pick(&["85.05112878", "-85.05112878", "0", "66.5", "85.0512"]).as_bytes().to_vec(),
                _ => format!("{}.{:04}", self.rng.range(-84, 84), self.rng.below(10_000)).into_bytes(),
            },
            "far" => match self.rng.below(6) {
                0 => self.rng.pick(FLOATS).as_bytes().to_vec(),
                _ => format!("{}", self.rng.range(1, 9999) as f64 * 10f64.powi(self.rng.range(-3, 4) as i32)).into_bytes(),
            },
            "group" => self.rng.pick(&["g1", "g1", "g2", "nosuch"]).as_bytes().to_vec(),
            "id" => match self.rng.below(16) {
                0 => self.rng.pick(&["-", "+", "x", "1-", "5-*", "18446744073709551615", "0-0", "", "007-1"]).as_bytes().to_vec(),
                1..=3 => self.rng.below(30).to_string().into_bytes(),
                _ => format!("{}-{}", self.rng.below(30), self.rng.below(3)).into_bytes(),
            },
            "last" => b"$".to_vec(),
            // No `+`: XREAD of Redis 7.4 knows it.
            "behind" => {
                self.rng.pick(&["0", "1-1", "5", "9-0", "20-1", "-", "x", ">", "18446744073709551615"]).as_bytes().to_vec()
            }
            "open" => format!("({}-{}", self.rng.below(30), self.rng.below(3)).into_bytes(),
            // Greater than those before, most of the time.
            "next" => {
                self.deadlines += 1;
                format!("{}-{}", self.deadlines / 8, if self.rng.percent(50) { "*" } else { "1" }).into_bytes()
            }
            // Members of these all have the score 0: a range by name over other scores has no defined answer.
            "x" => format!("x:{}", self.rng.below(2)).into_bytes(),
            "never" => self.rng.pick(NEVER).as_bytes().to_vec(),
            "k" => {
                let family = *self.rng.pick(&["s", "l", "h", "t", "z", "q", "p", "g"]);
                self.key(family)
            }
            "v" => self.value(),
            "short" => (0..self.rng.below(12)).map(|_| *self.rng.pick(b"abc")).collect(),
            "num" => self.rng.range(-3, 40).to_string().into_bytes(),
            "m" => self.member(),
            "int" => match self.rng.below(4) {
                0 => self.edge(),
                _ => self.rng.range(-100, 100).to_string().into_bytes(),
            },
            "index" => match self.rng.below(12) {
                0 => self.edge(),
                _ => self.rng.range(-9, 9).to_string().into_bytes(),
            },
            "count" => match self.rng.below(16) {
                0 => self.edge(),
                _ => self.rng.range(-1, 6).to_string().into_bytes(),
            },
            "few" => self.rng.range(-8, 8).to_string().into_bytes(),
            "edge" => self.edge(),
            "float" => match self.rng.below(3) {
                0 => format!("{}", self.rng.range(-1000, 1000) as f64 / 8.0).into_bytes(),
                1 => format!("{}.{}", self.rng.range(-99, 99), self.rng.below(1000)).into_bytes(),
                _ => self.rng.pick(FLOATS).as_bytes().to_vec(),
            },
            "score" => match self.rng.below(5) {
                0 => self.rng.pick(FLOATS).as_bytes().to_vec(),
                1 => format!("{}", self.rng.range(-40, 40) as f64 / 4.0).into_bytes(),
                _ => self.rng.range(-3, 9).to_string().into_bytes(),
            },
            "bound" => {
                let mut text = if self.rng.percent(25) { "(".to_string() } else { String::new() };
                text += &match self.rng.below(5) {
                    0 => self.rng.pick(&["-inf", "+inf", "inf", "+Infinity"]).to_string(),
                    1 => self.rng.pick(FLOATS).to_string(),
                    _ => self.rng.range(-3, 9).to_string(),
                };
                text.into_bytes()
            }
            "lex" => match self.rng.below(6) {
                0 => b"-".to_vec(),
                1 => b"+".to_vec(),
                2 => self.member(),
                _ => {
                    let mut text = self.rng.pick(&[b"[", b"("]).to_vec();
                    text.extend(self.member());
                    text
                }
            },
            "bit" => match self.rng.below(12) {
                0 => self.rng.pick(&["-1", "4294967296", "abc", "#1", "#-1", "9223372036854775807", ""]).as_bytes().to_vec(),
                _ => self.rng.below(70).to_string().into_bytes(),
            },
            "offset" => match self.rng.below(10) {
                0 => self.rng.pick(&["-1", "536870912", "9223372036854775807", "abc", "70000"]).as_bytes().to_vec(),
                _ => self.rng.below(30).to_string().into_bytes(),
            },
            "db" => self.rng.pick(&["0", "1", "2", "1", "15", "16", "-1", "x"]).as_bytes().to_vec(),
            "pattern" => self.rng.pick(PATTERNS).as_bytes().to_vec(),
            // Far away, and each at least 100 s from every other.
            "ttl" => (100_000 + self.deadline() * 100).to_string().into_bytes(),
            "pttl" => (100_000_000 + self.deadline() * 100_000).to_string().into_bytes(),
            "at" => (4_000_000_000 + self.rng.below(5) as u64).to_string().into_bytes(),
            "pat" => (4_000_000_000_000 + self.rng.below(5) as u64 * 500).to_string().into_bytes(),
            other => panic!("no such blank: ${other}"),
        }
    }

    fn deadline(&mut self) -> u64 {
        self.deadlines += 1;
        self.deadlines * 7919 % 1_000_003
    }

    fn edge(&mut self) -> Vec<u8> {
        self.rng.pick(EDGES).as_bytes().to_vec()
    }

    fn key(&mut self, family: &str) -> Vec<u8> {
        match self.rng.below(40) {
            0 => b"nosuch".to_vec(),
            1 => b"".to_vec(),
            2 => b"bin\x00\xff\r\n".to_vec(),
            3..=5 => format!("{}:{}", self.rng.pick(&["s", "l", "h", "t", "z", "q", "p"]), self.rng.below(4)).into_bytes(),
            _ => format!("{family}:{}", self.rng.below(4)).into_bytes(),
        }
    }

    fn member(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0 => self.value(),
            1 => self.rng.range(-5, 60).to_string().into_bytes(),
            2 | 3 => format!("f{}", self.rng.below(120)).into_bytes(),
            _ => format!("f{}", self.rng.below(9)).into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.below(14) {
            0 => self.edge(),
            1 => self.rng.pick(FLOATS).as_bytes().to_vec(),
            2 => vec![b'x'; 60 + self.rng.below(10)],
            3 => vec![b'y'; 40 + self.rng.below(10)],
            4 if self.rng.percent(20) => vec![b'z'; 2000 + self.rng.below(4000)],
            5 => (0..self.rng.below(6)).map(|_| self.rng.next() as u8).collect(),
            6..=9 => self.rng.range(-200, 70000).to_string().into_bytes(),
            _ => self.rng.pick(&["a", "b", "c", "v1", "v2", "hello", "", "A"]).as_bytes().to_vec(),
        }
    }

    /// Bends a command out of shape: one argument too few, too many, or strange.
    fn bend(&mut self, argv: &mut Vec<Vec<u8>>) {
        // An edge as the count of these would ask for more than a machine can answer, or as a deadline would race against the clock; a word more
        // is, in Redis 7.2, an option of the last two.
        let delicate = |arg: &Vec<u8>| {
            ["COMMAND", "RAND", "SETRANGE", "EXPIRE", "SETEX", "EX", "PX", "ZRANK", "ZREVRANK"]
                .iter()
                .any(|w| arg == w.as_bytes() || arg.ends_with(w.as_bytes()))
                || arg.windows(4).any(|w| w == b"RAND")
                || arg.starts_with(b"x:")
        };
        let counted = argv.iter().any(delicate);
        let at = self.rng.below(argv.len());
        match self.rng.below(5) {
            0 if argv.len() > 1 => drop(argv.pop()),
            1 if !counted => argv.push(self.value()),
            2 if at > 0 && !matches!(&argv[at][..], b"$cursor" | b"$dump") && !counted => argv[at] = self.edge(),
            3 if argv.len() > 1 && !counted => drop(argv.remove(1 + at % (argv.len() - 1))),
            _ => argv[0].make_ascii_lowercase(),
        }
    }
}

/// The first word, choice or repetition of a template, and the rest.
fn take(text: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' if depth > 0 => depth -= 1,
            ' ' if depth == 0 => return (&text[..at], &text[at..]),
            _ => {}
        }
    }
    (text, "")
}

fn alternatives(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            '|' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
