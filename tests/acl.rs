//! Users: random rules and requests, to the engine and to a real redis-server; both must tell the same users and allow the same.
//!
//! `CACHETTE_FUZZ_SEED` chooses the run. Redis tells single commands in the order of a hash table, another one each run: they are sorted before they
//! are compared. Commands younger than Redis 7.0 are left out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use support::engine::InProcess;
use support::grammar::Grammar;
use support::notation::show;
use support::resp::Value;
use support::rng::Rng;
use support::target::{Client, Server, Target};
use support::words::line;

const HASHES: &[&str] = &[
    "#2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "!2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "#2C26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "#2c26",
    "!",
];
const FIXED: &[&str] = &[
    "on",
    "OFF",
    "nopass",
    "resetpass",
    "reset",
    "sanitize-payload",
    "skip-sanitize-payload",
    "allkeys",
    "resetkeys",
    "allchannels",
    "resetchannels",
    "allcommands",
    "nocommands",
    "+@all",
    "-@all",
    "+@ALL",
    "clearselectors",
    "",
    ">foo",
    ">",
    "<foo",
    ">b\0in",
    "bogus",
    "on\0",
    "~",
    "&",
    "+",
    "-",
    "+@",
    "-@x",
    "()",
    "(",
    ")",
    "%W",
    "%x~a",
    "%RW~*",
    "%R~*",
    "~*",
    "&*",
    "~a b",
    "&a\tb",
    "~c\0d",
];
const PATTERNS: &[&str] = &["*:1", "s:*", "[lh]:?", "t*", "?:[0-2]", "q:*", "nosuch", "z:0", "*", "ch*", "\\*", "c[", "\"q\""];

/// Everything that is asked of both.
struct Twins {
    redis: Server,
    engine: InProcess,
    at: (Client, Client),
    asked: Vec<String>,
}

impl Twins {
    fn start() -> Option<Self> {
        let mut redis = Server::redis()?;
        let mut engine = InProcess::new(1);
        let at = (redis.connect(), engine.connect());
        Some(Self { redis, engine, at, asked: Vec::new() })
    }

    /// The replies of redis-server and of the engine.
    fn ask(&mut self, argv: &[Vec<u8>]) -> (Value, Value) {
        self.asked.push(line(argv));
        (self.redis.call(self.at.0, argv).unwrap(), self.engine.call(self.at.1, argv).unwrap())
    }

    /// Asks, and answers what both said.
    fn same(&mut self, argv: &[Vec<u8>], normal: &dyn Fn(&Value) -> String) -> String {
        let (theirs, ours) = self.ask(argv);
        let (theirs, ours) = (normal(&theirs), normal(&ours));
        // Some commands took fewer words in Redis 7.0.
        if theirs.starts_with("-ERR wrong number of arguments") && self.asked.last().is_some_and(|asked| asked.contains("DRYRUN"))
        {
            return ours;
        }
        let last = self.asked.len().saturating_sub(12);
        assert_eq!(theirs, ours, "after\n  {}", self.asked[last..].join("\n  "));
        ours
    }
}

fn words(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn names(value: &Value) -> BTreeSet<String> {
    value.items().iter().map(|name| String::from_utf8(name.text().unwrap()).unwrap()).collect()
}

/// A reply in which the order of single commands, and younger commands, do not count.
fn normal(reply: &Value, younger: &BTreeSet<String>) -> String {
    let text = show(reply).replace('(', "( ").replace(')', " )");
    let mut out: Vec<String> = Vec::new();
    let mut singles = BTreeSet::new();
    for word in text.split(' ') {
        // A quote may end the text that the word is in.
        let (bare, rest) = word.find(['"', ',']).map_or((word, ""), |end| word.split_at(end));
        let name = bare.strip_prefix(['+', '-']).filter(|name| !name.is_empty() && !name.starts_with('@'));
        match name {
            Some(name) => {
                if !younger.contains(name) {
                    singles.insert(bare.to_owned());
                }
                if !rest.is_empty() {
                    out.extend(std::mem::take(&mut singles));
                    out.push(rest.to_owned());
                }
            }
            None => {
                out.extend(std::mem::take(&mut singles));
                out.push(word.to_owned());
            }
        }
    }
    out.extend(singles);
    // Where nothing but younger commands followed, the quote stands alone.
    out.join(" ").replace(" \"", "\"")
}

struct Rules<'a> {
    rng: &'a mut Rng,
    commands: &'a [String],
    categories: &'a [String],
}

impl Rules<'_> {
    fn one(&mut self) -> Vec<u8> {
        let sign = *self.rng.pick(&["+", "-"]);
        let command = self.rng.pick(self.commands).clone();
        let pattern = *self.rng.pick(PATTERNS);
        match self.rng.below(20) {
            0..=4 => format!("{sign}{command}"),
            5..=8 => format!("{sign}@{}", self.rng.pick(self.categories)),
            9 | 10 => format!("{sign}{command}|{}", self.rng.pick(&["0", "s:1", "S:1", "get", "help", "x|y", ""])),
            11 | 12 => format!("{}~{pattern}", self.rng.pick(&["", "%R", "%W", "%RW", "%wr"])),
            13 => format!("&{pattern}"),
            14 => self.rng.pick(HASHES).to_string(),
            15 => {
                let inner: Vec<_> = (0..self.rng.below(5)).map(|_| String::from_utf8(self.one()).unwrap()).collect();
                format!("({})", inner.join(" "))
            }
            _ => self.rng.pick(FIXED).to_string(),
        }
        .into_bytes()
    }
}

fn channel_command(rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut argv =
        words(&[*rng.pick(&["PUBLISH", "SPUBLISH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "SUNSUBSCRIBE"])]);
    let count = 1 + rng.below(3);
    argv.extend((0..count).map(|_| rng.pick(&["ch1", "ch*", "t", "s:1", "*", "", "t*"]).as_bytes().to_vec()));
    argv
}

#[test]
fn users_are_told_and_held_to_their_rules_as_redis_does_it() {
    let Some(mut twins) = Twins::start() else { return };
    let seed = std::env::var("CACHETTE_FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap());
    let (theirs, ours) = twins.ask(&words(&["COMMAND", "LIST"]));
    let (theirs, ours) = (names(&theirs), names(&ours));
    let younger: BTreeSet<String> = ours.difference(&theirs).cloned().collect();
    let commands: Vec<String> = theirs.into_iter().collect();
    let (categories, _) = twins.ask(&words(&["ACL", "CAT"]));
    let categories: Vec<String> = names(&categories).into_iter().collect();
    let compared = |reply: &Value| normal(reply, &younger);

    // Every command of Redis can be named, and is told like there.
    for chunk in commands.chunks(7) {
        let mut argv = words(&["ACL", "SETUSER", "all", "reset"]);
        argv.extend(chunk.iter().map(|name| format!("+{name}").into_bytes()));
        twins.same(&argv, &compared);
        twins.same(&words(&["ACL", "LIST"]), &compared);
    }
    // One category, and all but it.
    for category in &categories {
        for rules in [["+@all", "-@"], ["-@all", "+@"]] {
            let rule = rules[1].to_owned() + category;
            twins.same(&words(&["ACL", "SETUSER", "all", rules[0], &rule]), &compared);
            twins.same(&words(&["ACL", "LIST"]), &compared);
        }
    }

    let mut rng = Rng::new(seed);
    let mut grammar = Grammar::new(seed);
    let end = Instant::now() + Duration::from_secs(4);
    let (mut users, mut allowed, mut denied) = (0, 0, [0, 0, 0]);
    while users < 1000 && Instant::now() < end {
        users += 1;
        twins.ask(&words(&["ACL", "DELUSER", "u"]));
        if rng.percent(50) {
            // One who is held back by keys more than by commands.
            twins.ask(&words(&["ACL", "SETUSER", "u", "+@all", "~s:*", "%R~[lhq]:*", "%W~[tz]:[0-2]", "&ch*"]));
        }
        for _ in 0..1 + rng.below(4) {
            let mut argv = words(&["ACL", "SETUSER", "u"]);
            let count = rng.below(5);
            let mut rules = Rules { rng: &mut rng, commands: &commands, categories: &categories };
            argv.extend((0..count).map(|_| rules.one()));
            twins.same(&argv, &compared);
        }
        twins.same(&words(&["ACL", "GETUSER", "u"]), &compared);
        twins.same(&words(&["ACL", "LIST"]), &compared);
        for _ in 0..20 {
            let request = if rng.percent(90) { grammar.command() } else { channel_command(&mut rng) };
            // Redis finds no key at all in a PFMERGE without sources, and lets everybody make its destination.
            if request.len() == 2 && request[0].eq_ignore_ascii_case(b"PFMERGE") {
                continue;
            }
            if twins.engine.knows(&request)
                && request.first().is_some_and(|name| !younger.contains(&line(&[name.to_ascii_lowercase()])))
            {
                let mut argv = words(&["ACL", "DRYRUN", "u"]);
                argv.extend(request);
                let said = twins.same(&argv, &compared);
                allowed += usize::from(said == "OK");
                for (kind, count) in ["command", "key", "channel"].iter().zip(&mut denied) {
                    *count += usize::from(said.ends_with(&format!("' {kind}\"")));
                }
            }
        }
    }
    println!(
        "{users} users, {} questions; {allowed} requests allowed, commands, keys and channels denied: {denied:?}",
        twins.asked.len()
    );
    assert!(allowed > 500 && denied[0] > 500 && denied[1] > 500 && denied[2] > 2);
}

#[test]
fn passwords_made_up_have_the_length_asked_for_and_differ() {
    let mut engine = InProcess::new(1);
    let client = engine.connect();
    let mut seen = BTreeSet::new();
    for (bits, digits) in [("1", 1), ("4", 1), ("5", 2), ("256", 64), ("257", 65), ("4096", 1024), ("256", 64)] {
        let password = engine.ask(client, &format!("ACL GENPASS {bits}")).text().unwrap();
        assert_eq!(password.len(), digits);
        assert!(password.iter().all(|digit| b"0123456789abcdef".contains(digit)));
        assert!(digits < 64 || seen.insert(password));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    /// Whatever bytes rules are made of: no harm, and what is told as rules makes the same user again.
    #[test]
    fn a_user_told_is_the_same_user_again(
        rules in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..12),
                "[-+~%&<>#!(][-+@|RW~*a-d() ]{0,9}".prop_map(String::into_bytes),
                proptest::sample::select(FIXED).prop_map(|rule| rule.as_bytes().to_vec()),
            ],
            0..12,
        ),
    ) {
        let mut engine = InProcess::new(1);
        let client = engine.connect();
        for rule in rules {
            let argv = [words(&["ACL", "SETUSER", "u"]), vec![rule]].concat();
            engine.call(client, &argv).unwrap();
        }
        let told = |engine: &mut InProcess, name: &str| -> Option<Vec<u8>> {
            let lines = engine.ask(client, "ACL LIST");
            let start = format!("user {name} ");
            lines.items().iter().find_map(|line| Some(line.text().unwrap().strip_prefix(start.as_bytes())?.to_vec()))
        };
        let Some(rules) = told(&mut engine, "u") else { return Ok(()) };
        // Words in quotes are one word to a selector, and are told without them.
        prop_assume!(!rules.iter().any(|byte| b"\"'\\".contains(byte)));
        // `%RW~*` is told as `~*`, which is more than a pattern when it is read: all others before it are forgotten.
        prop_assume!(!rules.windows(4).any(|part| part == b" ~* " || part == b"(~* "));
        let mut argv = words(&["ACL", "SETUSER", "v"]);
        argv.extend(rules.split(|byte| *byte == b' ').map(<[u8]>::to_vec));
        prop_assert_eq!(show(&engine.call(client, &argv).unwrap()), "OK", "{}", line(&argv));
        prop_assert_eq!(told(&mut engine, "v"), Some(rules));
        prop_assert_eq!(engine.check(), Ok(()));
    }
}
