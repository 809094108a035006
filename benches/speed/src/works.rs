//! What is asked of collections and of strings, by number: the same requests in every run.

use crate::measure::Random;
use crate::servers::request;
use crate::sides::{Answers, Side};
use std::error::Error;

const BATCH: usize = 100;

/// So many collections of so many members each; of strings, so many keys.
#[derive(Clone, Copy)]
pub struct Shape {
    pub keys: usize,
    pub members: usize,
}

impl Shape {
    pub fn all(self) -> usize {
        self.keys * self.members
    }
}

/// Writes the request number `at` of a measurement.
type Make = fn(at: usize, shape: Shape, random: &mut Random, out: &mut Vec<u8>);

pub struct Work {
    pub name: &'static str,
    /// How many requests, at most; 0: one for each member.
    count: usize,
    make: Make,
    pub bar: Option<f64>,
    /// Whether it is asked of collections of other sizes too.
    pub grows: bool,
}

impl Work {
    /// Requests of a measurement.
    pub fn count(&self, shape: Shape) -> usize {
        if self.count == 0 { shape.all() } else { self.count.min(shape.all().max(1000)) }
    }

    /// CPU nanoseconds a request, and what was answered.
    ///
    /// # Errors
    /// The side does not answer.
    pub fn cost(&self, side: &mut dyn Side, shape: Shape) -> Result<(f64, Answers), Box<dyn Error>> {
        let count = self.count(shape);
        let mut random = Random(7);
        let batches = (0..count).step_by(BATCH).map(|from| {
            let mut batch = Vec::new();
            (from..count.min(from + BATCH)).for_each(|at| (self.make)(at, shape, &mut random, &mut batch));
            batch
        });
        // All of them at first: what they are made of must not come between the allocations of a side.
        let (took, answers) = side.cost(&batches.collect::<Vec<_>>())?;
        Ok((took / count as f64, answers))
    }

    /// The same of both sides, the second of which begins if so wished.
    ///
    /// # Errors
    /// A side does not answer, or they do not agree.
    pub fn compare(&self, sides: [&mut dyn Side; 2], shape: Shape, second_first: bool) -> Result<[f64; 2], Box<dyn Error>> {
        let [one, other] = sides;
        let (one, other) = if second_first {
            let other = self.cost(other, shape)?;
            (self.cost(one, shape)?, other)
        } else {
            (self.cost(one, shape)?, self.cost(other, shape)?)
        };
        if one.1 != other.1 {
            return Err(format!("{} was answered differently: {:?}, {:?}", self.name, one.1, other.1).into());
        }
        Ok([one.0, other.0])
    }
}

fn words(out: &mut Vec<u8>, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    request(out, &words);
}

/// A number that is no smaller and no larger than those before it by any rule.
fn scattered(at: usize) -> usize {
    at.wrapping_mul(2_654_435_761) % 1_000_000_007
}

/// Where the member of this number belongs: the number of its key, and its number there.
fn place(at: usize, shape: Shape) -> (usize, usize) {
    (at / shape.members, at % shape.members)
}

/// A place by chance.
fn any(shape: Shape, random: &mut Random) -> (usize, usize) {
    (random.below(shape.keys), random.below(shape.members))
}

macro_rules! work {
    ($name:literal, $count:expr, $bar:expr, $grows:literal, |$at:ident, $shape:ident, $random:ident| $line:expr) => {
        Work {
            name: $name,
            count: $count,
            bar: $bar,
            grows: $grows,
            make: |$at, $shape, $random, out| {
                let _ = ($at, $shape, &$random);
                words(out, &$line);
            },
        }
    };
}

/// A member that is put into its collection.
macro_rules! put {
    ($name:literal, $bar:expr, |$at:ident, $key:ident, $nth:ident| $line:expr) => {
        work!($name, 0, $bar, true, |$at, shape, random| {
            let ($key, $nth) = place($at, shape);
            let _ = $key;
            $line
        })
    };
}

/// A request about a member by chance.
macro_rules! ask {
    ($name:literal, $count:literal, $bar:expr, $grows:literal, |$random:ident, $key:ident, $nth:ident| $line:expr) => {
        work!($name, $count, $bar, $grows, |at, shape, $random| {
            let ($key, $nth) = any(shape, $random);
            let _ = ($key, $nth);
            $line
        })
    };
}

/// Of collections; each request finds what those before it have left.
pub fn collections() -> Vec<Work> {
    let mut all = sorted_sets();
    all.extend(lists());
    all.extend(sets_and_hashes());
    all.push(put!("XADD", None, |at, key, nth| format!("XADD x{key} {}-0 field value:{nth}", nth + 1)));
    all.push(ask!("XRANGE of 10", 100_000, None, true, |random, key, nth| format!("XRANGE x{key} {} + COUNT 10", nth + 1)));
    all
}

fn sorted_sets() -> Vec<Work> {
    vec![
        put!("ZADD new", Some(0.25), |at, key, nth| format!("ZADD z{key} {} member:{nth}", scattered(at))),
        ask!("ZADD update", 300_000, Some(0.33), true, |random, key, nth| {
            format!("ZADD z{key} {} member:{nth}", random.below(1_000_000_007))
        }),
        ask!("ZSCORE", 300_000, None, false, |random, key, nth| format!("ZSCORE z{key} member:{nth}")),
        ask!("ZRANK", 300_000, Some(0.33), true, |random, key, nth| format!("ZRANK z{key} member:{nth}")),
        ask!("ZRANGE of 10", 200_000, Some(0.17), true, |random, key, nth| format!("ZRANGE z{key} {nth} {}", nth + 9)),
        ask!("ZRANGEBYSCORE, first 10", 200_000, None, true, |random, key, nth| {
            format!("ZRANGEBYSCORE z{key} {} +inf LIMIT 0 10", random.below(1_000_000_007))
        }),
    ]
}

fn lists() -> Vec<Work> {
    vec![
        put!("LPUSH", None, |at, key, nth| format!("LPUSH l{key} element:{nth}")),
        ask!("LRANGE of 10 at the head", 200_000, None, true, |random, key, nth| format!("LRANGE l{key} 0 9")),
        ask!("LRANGE of 10 anywhere", 5_000, None, false, |random, key, nth| format!("LRANGE l{key} {nth} {}", nth + 9)),
        ask!("LINDEX of the last", 200_000, None, true, |random, key, nth| format!("LINDEX l{key} -1")),
        ask!("LINDEX anywhere", 5_000, None, true, |random, key, nth| format!("LINDEX l{key} {nth}")),
        // Half of the list is looked through for each.
        ask!("LINSERT anywhere", 20, None, false, |random, key, nth| format!("LINSERT l{key} BEFORE element:{nth} new")),
    ]
}

fn sets_and_hashes() -> Vec<Work> {
    vec![
        put!("SADD", None, |at, key, nth| format!("SADD s{key} member:{nth}")),
        ask!("SISMEMBER", 300_000, None, true, |random, key, nth| format!("SISMEMBER s{key} member:{nth}")),
        work!("SADD of each third to another", 333_333, None, false, |at, shape, random| format!("SADD t0 member:{}", at * 3)),
        work!("SINTER of both", 3, None, false, |at, shape, random| String::from("SINTER s0 t0")),
        work!("SINTERCARD of both", 3, None, false, |at, shape, random| String::from("SINTERCARD 2 s0 t0")),
        put!("HSET", None, |at, key, nth| format!("HSET h{key} field:{nth} value:{nth}")),
        ask!("HGET", 300_000, None, true, |random, key, nth| format!("HGET h{key} field:{nth}")),
        work!("HGETALL", 3, None, false, |at, shape, random| String::from("HGETALL h0")),
    ]
}

/// Of strings with a TTL, whose number is that of a shape's members.
pub fn strings() -> Vec<Work> {
    vec![
        put!("SET new", None, |at, key, nth| format!("SET user:{nth:08}:profile {nth:v<100} EX 3600")),
        ask!("GET", 1_000_000, None, true, |random, key, nth| format!("GET user:{nth:08}:profile")),
        ask!("SET over", 1_000_000, None, true, |random, key, nth| format!("SET user:{nth:08}:profile {nth:w<100} EX 3600")),
        // Sizes are powers of ten, which have no divisor in common with the factor: each key comes once.
        work!("DEL", 1_000_000, None, true, |at, shape, random| {
            format!("DEL user:{:08}:profile", at.wrapping_mul(2_654_435_761) % shape.members)
        }),
    ]
}
