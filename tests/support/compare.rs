//! Two targets are told the same and compared: replies one by one, and from time to time all that they keep.

use std::collections::BTreeSet;

use super::notation::show;
use super::resp::{Value, encode};
use super::target::{Client, Target, Trouble};
use super::words::{line, split};

/// One step of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    pub client: usize,
    pub argv: Vec<Vec<u8>>,
}

/// What two correct servers may answer differently. Everything else must be equal to the byte.
enum Allowed {
    /// The elements in another order.
    Order,
    /// The pairs of elements in another order.
    PairOrder,
    /// Numbers this near to each other.
    Near(i64),
    /// Texts or numbers of the same kind, as many of them.
    Kind,
    /// These fields of a map.
    Fields(&'static [&'static str]),
}

/// The allow-list: commands (with their subcommand), what may differ, and why.
const ALLOWED: &[(&[&str], Allowed, &str)] = &[
    (&["KEYS", "SMEMBERS", "SINTER", "SUNION", "SDIFF", "HKEYS", "HVALS"], Allowed::Order, "a hash table has no order"),
    (&["HGETALL"], Allowed::PairOrder, "a hash table has no order"),
    (&["CONFIG GET"], Allowed::PairOrder, "the reply is a map"),
    (&["TTL", "EXPIRETIME"], Allowed::Near(2), "the two clocks are read at different moments"),
    (&["PTTL", "PEXPIRETIME"], Allowed::Near(2500), "the two clocks are read at different moments"),
    (&["OBJECT IDLETIME"], Allowed::Kind, "Redis shares small integers between keys, and their idle time with them"),
    (&["RANDOMKEY", "SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER"], Allowed::Kind, "chance (members are checked on their own)"),
    (&["OBJECT REFCOUNT"], Allowed::Kind, "Redis shares small integers between keys"),
    (&["MEMORY USAGE"], Allowed::Kind, "sizes are the implementation's own"),
    (&["CLIENT ID", "CLIENT INFO", "CLIENT LIST", "TIME", "INFO", "DEBUG OBJECT"], Allowed::Kind, "about the server itself"),
    (&["HELLO"], Allowed::Fields(&["id", "version", "server"]), "about the server itself"),
];

pub struct Difference {
    /// How many operations had been sent.
    pub at: usize,
    pub command: String,
    pub why: String,
}

pub struct Duel<'a> {
    pub reference: &'a mut dyn Target,
    pub tested: &'a mut dyn Target,
    /// How many commands were compared, by all runs.
    pub compared: usize,
    pub errors: usize,
}

/// A client on both sides, and what is known of its state.
struct Pair {
    reference: Client,
    tested: Client,
    resp: u8,
    db: Vec<u8>,
    queued: Option<Vec<Vec<Vec<u8>>>>,
}

struct Run<'d, 'a> {
    duel: &'d mut Duel<'a>,
    clients: Vec<Pair>,
    helper: Pair,
}

const BATCH: usize = 100;

impl Duel<'_> {
    /// Plays `ops` from an empty state on both sides; the first difference, if there is one.
    pub fn play(&mut self, ops: &[Op]) -> Option<Difference> {
        self.reference.fresh();
        self.tested.fresh();
        self.tested.sync_clock();
        let pair = |duel: &mut Self| Pair {
            reference: duel.reference.connect(),
            tested: duel.tested.connect(),
            resp: 2,
            db: b"0".to_vec(),
            queued: None,
        };
        let count = ops.iter().map(|op| op.client + 1).max().unwrap_or(0);
        let clients = (0..count).map(|_| pair(self)).collect();
        let helper = pair(self);
        let mut run = Run { duel: self, clients, helper };
        let mut at = 0;
        while at < ops.len() {
            let (taken, difference) = run.batch(&ops[at..]);
            if let Some((offset, why)) = difference {
                let at = at + offset;
                return Some(Difference { at, command: name(&ops[at].argv), why });
            }
            at += taken;
        }
        run.compare_all().map(|why| Difference { at: ops.len(), command: "state".into(), why })
    }
}

/// The command's name as the allow-list has it.
fn name(argv: &[Vec<u8>]) -> String {
    let upper = |i: usize| argv.get(i).map(|w| String::from_utf8_lossy(w).to_ascii_uppercase()).unwrap_or_default();
    let first = upper(0);
    match first.as_str() {
        "OBJECT" | "CLIENT" | "CONFIG" | "MEMORY" | "DEBUG" => format!("{first} {}", upper(1)),
        _ => first,
    }
}

fn is_special(argv: &[Vec<u8>]) -> bool {
    let name = name(argv);
    let special = ["SPOP", "SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER", "SORT", "SORT_RO"];
    argv.iter().any(|a| a == b"$cursor" || a == b"$dump") || special.contains(&name.as_str())
}

impl Run<'_, '_> {
    /// Plays the operations up to the next change of client; how many, and the first difference.
    fn batch(&mut self, ops: &[Op]) -> (usize, Option<(usize, String)>) {
        let client = ops[0].client;
        if is_special(&ops[0].argv) {
            return (1, self.special(client, &ops[0].argv).map(|why| (0, why)));
        }
        let same = |op: &&Op| op.client == client && !is_special(&op.argv);
        let count = ops.iter().take_while(same).count().min(BATCH);
        let ops = &ops[..count];
        let bytes: Vec<u8> = ops.iter().flat_map(|op| encode(&op.argv)).collect();
        let (reference, tested) = (self.clients[client].reference, self.clients[client].tested);
        self.duel.reference.send(reference, &bytes);
        self.duel.tested.sync_clock();
        self.duel.tested.send(tested, &bytes);
        for (at, op) in ops.iter().enumerate() {
            let a = self.duel.reference.receive(reference);
            let b = self.duel.tested.receive(tested);
            if let Some(why) = self.judge(client, &op.argv, a, b) {
                return (count, Some((at, why)));
            }
        }
        (count, None)
    }

    fn judge(&mut self, client: usize, argv: &[Vec<u8>], a: Result<Value, Trouble>, b: Result<Value, Trouble>) -> Option<String> {
        self.duel.compared += 1;
        let pair = &mut self.clients[client];
        let (a, b) = match (a, b) {
            (Ok(a), Ok(b)) => (a, b),
            (a, b) if a == b => return None,
            (a, b) => return Some(format!("reference: {a:?}\n  tested:    {b:?}")),
        };
        self.duel.errors += usize::from(a.is_error());
        let name = name(argv);
        let fits = match (&pair.queued, name.as_str()) {
            (Some(queued), "EXEC") if !a.is_error() => exec_fits(queued, &a, &b),
            _ => fits(&name, argv, &a, &b),
        };
        if !fits {
            return Some(format!("reference: {}\n  tested:    {}", show(&a), show(&b)));
        }
        pair.follow(&name, argv, &a);
        None
    }

    /// Commands whose replies are chance or a cursor: validity is checked, then both sides are brought to the same state.
    fn special(&mut self, client: usize, argv: &[Vec<u8>]) -> Option<String> {
        if self.clients[client].queued.is_some() {
            return None;
        }
        if argv.iter().any(|a| a == b"$cursor") {
            return self.walk(client, argv);
        }
        if let Some(at) = argv.iter().position(|a| a == b"$dump") {
            return self.round_trip(client, argv, at);
        }
        let key = argv.get(1).cloned().unwrap_or_default();
        if name(argv).starts_with("SORT") {
            return self.sort(client, argv, key);
        }
        let members = match name(argv).as_str() {
            "HRANDFIELD" => [b"HKEYS".to_vec(), key.clone()].to_vec(),
            "ZRANDMEMBER" => ["ZRANGE".into(), key.clone(), "0".into(), "-1".into()].to_vec(),
            _ => [b"SMEMBERS".to_vec(), key.clone()].to_vec(),
        };
        let db = self.clients[client].db.clone();
        self.help(&[b"SELECT".to_vec(), db]);
        let before: BTreeSet<Value2> = self.help(&members).0.items().iter().map(Value2::of).collect();
        let (a, b) = self.both(client, argv);
        self.duel.compared += 1;
        let (a, b) = match (a, b) {
            (Ok(a), Ok(b)) => (a, b),
            (a, b) => return Some(format!("reference: {a:?}\n  tested:    {b:?}")),
        };
        let told = |v: &Value| -> Vec<Value2> {
            match v {
                Value::Bulk(_) => vec![Value2::of(v)],
                // Members with their scores or values: in RESP3 pairs, in RESP2 flat.
                _ if argv.len() > 3 && v.items().iter().any(|i| matches!(i, Value::Array(_))) => {
                    v.items().iter().filter_map(|i| i.items().first()).map(Value2::of).collect()
                }
                _ if argv.len() > 3 => v.items().iter().step_by(2).map(Value2::of).collect(),
                _ => v.items().iter().map(Value2::of).collect(),
            }
        };
        let (from_a, from_b) = (told(&a), told(&b));
        if a.is_error() || b.is_error() || before.is_empty() {
            return (a != b).then(|| format!("reference: {}\n  tested:    {}", show(&a), show(&b)));
        }
        let distinct = |v: &[Value2]| v.iter().collect::<BTreeSet<_>>().len() == v.len();
        let negative = argv.get(2).is_some_and(|c| c.starts_with(b"-"));
        let valid = kind_fits(&a, &b)
            && from_a.len() == from_b.len()
            && from_b.iter().all(|m| before.contains(m))
            && (negative || distinct(&from_b));
        if !valid {
            return Some(format!("reference: {}\n  tested:    {}\n  (chance, but of another kind)", show(&a), show(&b)));
        }
        if name(argv) == "SPOP" && !from_a.is_empty() && from_a.len() < before.len() {
            let words = |command: &str, mut of: Vec<&Value2>| {
                of.sort();
                let mut argv = vec![command.as_bytes().to_vec(), key.clone()];
                argv.extend(of.iter().map(|m| m.0.clone()));
                argv
            };
            let only_b: Vec<&Value2> = from_b.iter().filter(|m| !from_a.contains(m)).collect();
            let only_a: Vec<&Value2> = from_a.iter().filter(|m| !from_b.contains(m)).collect();
            if !only_b.is_empty() {
                // Putting members back must not change the encoding that popping them left alone.
                let limit = self.help_line("CONFIG GET set-max-intset-entries").1;
                let limit = limit.items().get(1).and_then(Value::text).unwrap_or_else(|| b"512".to_vec());
                let tested = self.helper.tested;
                let free = split("CONFIG SET set-max-intset-entries 1000000").unwrap();
                let restore = [split("CONFIG SET set-max-intset-entries").unwrap(), vec![limit]].concat();
                for argv in [free, words("SADD", only_b), words("SREM", only_a), restore] {
                    let _ = self.duel.tested.call(tested, &argv);
                }
                // Where little stays, the set begins anew, and what stayed decides on its encoding.
                if (before.len() - from_a.len()) * 5 <= from_a.len() {
                    let when = self.duel.tested.ask(tested, &line(&["PEXPIRETIME".into(), key.clone()]));
                    let _ = self.duel.tested.call(tested, &["SUNIONSTORE".into(), key.clone(), key.clone()]);
                    if let Value::Int(ms @ 0..) = when {
                        let _ = self.duel.tested.call(tested, &["PEXPIREAT".into(), key, ms.to_string().into_bytes()]);
                    }
                }
            }
        }
        None
    }

    /// Redis's SORT leaves a small sorted set in its large form; that a reading command should change it is not worth copying.
    fn sort(&mut self, client: usize, argv: &[Vec<u8>], key: Vec<u8>) -> Option<String> {
        let db = self.clients[client].db.clone();
        self.help(&[b"SELECT".to_vec(), db]);
        if self.help(&[b"TYPE".to_vec(), key]).0.text().is_some_and(|kind| kind == b"zset") {
            return None;
        }
        let (a, b) = self.both(client, argv);
        self.judge(client, argv, a, b)
    }

    /// What stands in place of `$dump` and the key behind it is what each side dumps of that key.
    fn round_trip(&mut self, client: usize, argv: &[Vec<u8>], at: usize) -> Option<String> {
        let source = argv.get(at + 1)?.clone();
        let mut look = |words: &[&str]| {
            let argv: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).chain([source.clone()]).collect();
            self.both(client, &argv).0.ok().and_then(|reply| reply.text())
        };
        // A table has no order, but what a small hash is made of has one.
        if look(&["TYPE"])? == b"hash" && look(&["OBJECT", "ENCODING"])? == b"hashtable" {
            return None;
        }
        let with = |payload: Vec<u8>| [&argv[..at], &[payload], &argv[at + 2..]].concat();
        let (ours, theirs) = match self.both(client, &[b"DUMP".to_vec(), source]) {
            (Ok(Value::Bulk(a)), Ok(Value::Bulk(b))) => (with(a), with(b)),
            (Ok(Value::Null), Ok(Value::Null)) => return None,
            // An error, or QUEUED: nothing to restore.
            (Ok(a), Ok(b)) if a == b => return None,
            (a, b) => return Some(format!("DUMP\n  reference: {a:?}\n  tested:    {b:?}")),
        };
        let (reference, tested) = (self.clients[client].reference, self.clients[client].tested);
        self.duel.tested.sync_clock();
        let (a, b) = (self.duel.reference.call(reference, &ours), self.duel.tested.call(tested, &theirs));
        self.judge(client, argv, a, b)
    }

    /// Follows a cursor to its end on both sides: the same elements must have been seen.
    fn walk(&mut self, client: usize, argv: &[Vec<u8>]) -> Option<String> {
        self.duel.compared += 1;
        let (reference, tested) = (self.clients[client].reference, self.clients[client].tested);
        let a = walk_one(self.duel.reference, reference, argv);
        self.duel.tested.sync_clock();
        let b = walk_one(self.duel.tested, tested, argv);
        (a != b).then(|| format!("reference: {}\n  tested:    {}", walked(&a), walked(&b)))
    }

    fn both(&mut self, client: usize, argv: &[Vec<u8>]) -> (Result<Value, Trouble>, Result<Value, Trouble>) {
        let (reference, tested) = (self.clients[client].reference, self.clients[client].tested);
        self.duel.tested.sync_clock();
        (self.duel.reference.call(reference, argv), self.duel.tested.call(tested, argv))
    }

    /// The same command on both sides by a client of our own.
    fn help(&mut self, argv: &[Vec<u8>]) -> (Value, Value) {
        let a = self.duel.reference.call(self.helper.reference, argv);
        let b = self.duel.tested.call(self.helper.tested, argv);
        let null = |r: Result<Value, Trouble>| r.unwrap_or_else(|t| Value::Error(format!("{t:?}").into_bytes()));
        (null(a), null(b))
    }

    fn help_line(&mut self, text: &str) -> (Value, Value) {
        self.help(&split(text).unwrap())
    }

    /// Everything kept: keys, types, encodings, values in their order where they have one, deadlines.
    fn compare_all(&mut self) -> Option<String> {
        self.duel.tested.sync_clock();
        if let Err(why) = self.duel.tested.check() {
            return Some(why);
        }
        for db in ["0", "1", "2", "15"] {
            self.help_line(&format!("SELECT {db}"));
            let (a, b) = self.help_line("KEYS *");
            if !fits("KEYS", &[], &a, &b) {
                return Some(format!("keys of database {db}\n  reference: {}\n  tested:    {}", show(&a), show(&b)));
            }
            for key in a.items() {
                let key = key.text().unwrap();
                let mut ask = |words: &[&str]| {
                    let argv: Vec<Vec<u8>> =
                        words.iter().map(|w| if *w == "$k" { key.clone() } else { w.as_bytes().to_vec() }).collect();
                    let (a, b) = self.help(&argv);
                    (a, b, argv)
                };
                let (kind, kind_b, argv) = ask(&["TYPE", "$k"]);
                let (encoding, encoding_b, _) = ask(&["OBJECT", "ENCODING", "$k"]);
                if (&kind, &encoding) != (&kind_b, &encoding_b) {
                    return Some(format!(
                        "{} in database {db}\n  reference: {} {}\n  tested:    {} {}",
                        line(&argv),
                        show(&kind),
                        show(&encoding),
                        show(&kind_b),
                        show(&encoding_b)
                    ));
                }
                let read: &[&str] = match kind.text().unwrap().as_slice() {
                    b"string" => &["GET", "$k"],
                    b"list" => &["LRANGE", "$k", "0", "-1"],
                    b"hash" => &["HGETALL", "$k"],
                    b"set" => &["SMEMBERS", "$k"],
                    _ => &["ZRANGE", "$k", "0", "-1", "WITHSCORES"],
                };
                let (a, b, argv) = ask(read);
                let exact = encoding.text().is_some_and(|e| e == b"listpack" || e == b"intset");
                if if exact { unsigned(&a) != unsigned(&b) } else { !fits(read[0], &argv, &a, &b) } {
                    return Some(format!(
                        "{} in database {db} ({})\n  reference: {}\n  tested:    {}",
                        line(&argv),
                        show(&encoding),
                        show(&a),
                        show(&b)
                    ));
                }
                let (a, b, argv) = ask(&["PEXPIRETIME", "$k"]);
                if !fits("PEXPIRETIME", &argv, &a, &b) {
                    return Some(format!("{} in database {db}: {} and {}", line(&argv), show(&a), show(&b)));
                }
            }
        }
        None
    }
}

impl Pair {
    /// Keeps track of what a reply says about the client's state.
    fn follow(&mut self, name: &str, argv: &[Vec<u8>], reply: &Value) {
        let queued = matches!(reply, Value::Simple(text) if text == b"QUEUED");
        match name {
            "EXEC" | "DISCARD" => {
                if let Some(queue) = self.queued.take()
                    && matches!(reply, Value::Array(_))
                {
                    for (argv, reply) in queue.iter().zip(reply.items()) {
                        self.follow(&self::name(argv), argv, reply);
                    }
                }
            }
            _ if queued => self.queued.get_or_insert_default().push(argv.to_vec()),
            _ if reply.is_error() => {}
            "MULTI" => self.queued = Some(Vec::new()),
            "RESET" => (self.queued, self.resp, self.db) = (None, 2, b"0".to_vec()),
            "SELECT" => self.db = argv[1].clone(),
            "HELLO" if argv.len() > 1 => self.resp = if argv[1] == b"3" { 3 } else { 2 },
            _ => {}
        }
    }
}

/// A value as it can be kept in a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Value2(Vec<u8>);

impl Value2 {
    fn of(value: &Value) -> Self {
        Self(value.text().unwrap_or_default())
    }
}

type Walked = Result<BTreeSet<Vec<Vec<u8>>>, String>;

fn walk_one(target: &mut dyn Target, client: Client, argv: &[Vec<u8>]) -> Walked {
    let pairs = matches!(name(argv).as_str(), "HSCAN" | "ZSCAN");
    let mut cursor = b"0".to_vec();
    let mut seen = BTreeSet::new();
    for _ in 0..10_000 {
        let call: Vec<Vec<u8>> = argv.iter().map(|a| if a == b"$cursor" { cursor.clone() } else { a.clone() }).collect();
        let reply = target.call(client, &call).map_err(|t| format!("{t:?}"))?;
        let [next, items] = reply.items() else { return Err(show(&reply)) };
        for element in items.items().chunks(if pairs { 2 } else { 1 }) {
            seen.insert(element.iter().map(|v| unsigned(v).text().unwrap_or_default()).collect());
        }
        cursor = next.text().unwrap_or_default();
        if cursor == b"0" {
            return Ok(seen);
        }
    }
    Err("the cursor does not come back to 0".into())
}

fn walked(what: &Walked) -> String {
    match what {
        Ok(seen) => seen.iter().map(|e| line(e)).collect::<Vec<_>>().join(" · "),
        Err(why) => why.clone(),
    }
}

fn exec_fits(queued: &[Vec<Vec<u8>>], a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() && a.len() == queued.len() => {
            queued.iter().zip(a.iter().zip(b)).all(|(argv, (a, b))| fits(&name(argv), argv, a, b))
        }
        _ => a == b,
    }
}

fn fits(name: &str, argv: &[Vec<u8>], a: &Value, b: &Value) -> bool {
    if a == b {
        return true;
    }
    if a.is_error() || b.is_error() {
        // Redis's SORT looks at an errno that any earlier command may have left behind.
        let no_double = Value::Error(b"ERR One or more scores can't be converted into double".to_vec());
        if name.starts_with("SORT") && *a == no_double {
            return true;
        }
        // Redis asks at once for the memory of all that XAUTOCLAIM could answer; how much is too much is the machine's business.
        let no_memory = b"ERR Insufficient memory, failed allocating transient memory, COUNT too high.";
        if name == "XAUTOCLAIM" && *a == Value::Error(no_memory.to_vec()) {
            return true;
        }
        // Redis names the command as the client wrote it.
        if name.starts_with("GEOSEARCH")
            && let (Value::Error(a), Value::Error(b)) = (a, b)
        {
            return a.eq_ignore_ascii_case(b);
        }
        // Neither reaches a server; Redis tells how far it came.
        if name == "MIGRATE" {
            let unreached = |v: &Value| matches!(v, Value::Error(text) if text.starts_with(b"IOERR"));
            return unreached(a) && unreached(b);
        }
        // Two things wrong at once: Redis looks at the database while it reads the options, we after it.
        let index = |v: &Value| *v == Value::Error(b"ERR DB index is out of range".to_vec());
        return name == "COPY" && a.is_error() && b.is_error() && (index(a) || index(b));
    }
    // A small sorted set does not keep the sign of zero, in Redis neither; only the moment at which it is lost differs.
    if name.starts_with('Z') && unsigned(a) == unsigned(b) {
        return true;
    }
    // The C library's sines are not always the nearest doubles: of many distances one is rounded the other way.
    if name.starts_with("GEO") && same_but_for_the_last_place(a, b) {
        return true;
    }
    // SORT without an order of its own, over a set: the order of a hash table. By bytes: C's strcoll takes a zero byte for the end.
    if name.starts_with("SORT") {
        let unordered = argv.windows(2).any(|two| two[0].eq_ignore_ascii_case(b"BY") && !two[1].contains(&b'*'));
        let zero = a.items().iter().any(|item| item.text().is_some_and(|text| text.contains(&0)));
        return (unordered || zero) && a.items().len() == b.items().len();
    }
    let Some((_, allowed, _)) = ALLOWED.iter().find(|(names, ..)| names.contains(&name)) else { return false };
    match allowed {
        Allowed::Order => sorted(a, 1) == sorted(b, 1),
        Allowed::PairOrder => sorted(a, 2) == sorted(b, 2),
        Allowed::Near(by) => match (a, b) {
            (Value::Int(a), Value::Int(b)) => *a >= 0 && *b >= 0 && a.abs_diff(*b) <= *by as u64,
            _ => false,
        },
        Allowed::Kind => kind_fits(a, b),
        Allowed::Fields(names) => {
            let kept = |v: &Value| -> Vec<String> {
                let pairs: Vec<(Value, Value)> = match v {
                    Value::Map(pairs) => pairs.clone(),
                    other => other.items().chunks(2).map(|p| (p[0].clone(), p[1].clone())).collect(),
                };
                let keep = |k: &Value| !names.iter().any(|n| k.text().is_some_and(|t| t == n.as_bytes()));
                pairs.iter().filter(|(k, _)| keep(k)).map(|(k, v)| format!("{} {}", show(k), show(v))).collect()
            };
            kept(a) == kept(b)
        }
    }
}

/// The value with every `-0` as `0`.
fn unsigned(value: &Value) -> Value {
    let all = |items: &[Value]| items.iter().map(unsigned).collect();
    match value {
        Value::Bulk(text) if text == b"-0" => Value::Bulk(b"0".to_vec()),
        Value::Double(text) if text == b"-0" => Value::Double(b"0".to_vec()),
        Value::Array(items) => Value::Array(all(items)),
        other => other.clone(),
    }
}

/// Whether all is equal but for distances, and these differ by no more than the last of their four decimal places.
fn same_but_for_the_last_place(a: &Value, b: &Value) -> bool {
    let metres = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok()?;
        text.split_once('.').filter(|(_, places)| places.len() == 4)?;
        text.parse::<f64>().ok()
    };
    match (a, b) {
        (Value::Bulk(a), Value::Bulk(b)) => a == b || metres(a).zip(metres(b)).is_some_and(|(a, b)| (a - b).abs() < 0.000_15),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_but_for_the_last_place(a, b))
        }
        (a, b) => a == b,
    }
}

/// The elements in an order of our own, taken in groups of `by`; the kind of the aggregate still counts.
fn sorted(value: &Value, by: usize) -> (String, Vec<String>) {
    let (kind, mut groups) = match value {
        Value::Map(pairs) => ("map", pairs.iter().map(|(k, v)| format!("{} {}", show(k), show(v))).collect::<Vec<_>>()),
        Value::Array(items) => ("array", items.chunks(by).map(|g| show(&Value::Array(g.to_vec()))).collect()),
        Value::Set(items) => ("set", items.chunks(by).map(|g| show(&Value::Array(g.to_vec()))).collect()),
        other => return (show(other), Vec::new()),
    };
    groups.sort();
    (kind.into(), groups)
}

fn kind_fits(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) | (Value::Set(a), Value::Set(b)) | (Value::Push(a), Value::Push(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| kind_fits(a, b))
        }
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// Makes a failing run small: leaves out whatever the failure does not need.
pub fn minimise(ops: &[Op], mut fails: impl FnMut(&[Op]) -> bool) -> Vec<Op> {
    let mut kept = ops.to_vec();
    let mut size = kept.len().div_ceil(2);
    let started = std::time::Instant::now();
    while size > 0 && started.elapsed().as_secs() < 90 {
        let mut at = 0;
        let mut shrunk = false;
        while at < kept.len() {
            let end = (at + size).min(kept.len());
            let without: Vec<Op> = kept[..at].iter().chain(&kept[end..]).cloned().collect();
            if !without.is_empty() && fails(&without) {
                kept = without;
                shrunk = true;
            } else {
                at = end;
            }
        }
        if size == 1 && !shrunk {
            break;
        }
        size = if size == 1 { 1 } else { size.div_ceil(2) };
    }
    kept
}
