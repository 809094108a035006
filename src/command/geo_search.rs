//! What is near a place: searches of circles and boxes in sorted sets of places.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Parse, is_token};
use super::geo::{Unit, place_of, write_distance, write_place};
use super::reply::{Either, Reply};
use super::rows;
use super::zset::token;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Keyspace, ValueRef};
use crate::number;
use crate::resp::write::Writer;
use crate::value::geo::{Area, Place, Shape};
use crate::value::sort::sort;
use crate::value::zset::{ScoreRange, ZSet};
use crate::value::{Env, OutOfMemory};
use alloc::vec::Vec;
use core::cmp::Ordering;

rows! {
    pub(super) static ROWS: Geo = [
        { "georadius", georadius as Georadius, since: "3.2.0", cost: "O(N + log M), N members near, M in all", flags: [WRITE, DENYOOM], reply: Any,
          "As GEOSEARCH for a circle around a place, or GEOSEARCHSTORE." },
        { "georadius_ro", georadius_ro as GeoradiusRo, since: "3.2.10", cost: "O(N + log M), N members near, M in all", flags: [READONLY], reply: Array(&Any),
          "As GEOSEARCH for a circle around a place." },
        { "georadiusbymember", georadiusbymember as Georadiusbymember, since: "3.2.0", cost: "O(N + log M), N members near, M in all", flags: [WRITE, DENYOOM], reply: Any,
          "As GEOSEARCH for a circle around a member, or GEOSEARCHSTORE." },
        { "georadiusbymember_ro", georadiusbymember_ro as GeoradiusbymemberRo, since: "3.2.10", cost: "O(N + log M), N members near, M in all", flags: [READONLY],
          reply: Array(&Any), "As GEOSEARCH for a circle around a member." },
        { "geosearch", geosearch as Geosearch, since: "6.2.0", cost: "O(N + log M), N members near, M in all", flags: [READONLY], reply: Array(&Any), arity: -7,
          "The members in a circle or box around a place or a member, with their distances if asked." },
        { "geosearchstore", geosearchstore as Geosearchstore, since: "6.2.0", cost: "O(N + log M), N members near, M in all", flags: [WRITE, DENYOOM], reply: Integer, arity: -8,
          "Stores the members in a circle or box as a sorted set of their own; answers how many." },
    ]
}

// ---- grammar ----------------------------------------------------------------------------------------------------------------------------

const fn number(name: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::Double).named(name)
}

const KEY: ArgSpec = <Key<'static, RO_ACCESS> as Arg<'static>>::SPEC.named("key");
const DESTINATION: ArgSpec = <Key<'static, OW_UPDATE> as Arg<'static>>::SPEC.named("destination");
const MEMBER: ArgSpec = ArgSpec::new(ArgKind::String).named("member");
const UNIT: ArgSpec = <Unit as Arg<'static>>::SPEC.named("unit");
const FROM: ArgSpec = ArgSpec::of(
    ArgKind::OneOf,
    &[
        MEMBER.with_token("FROMMEMBER"),
        ArgSpec::of(ArgKind::Block, &[number("longitude"), number("latitude")]).named("fromlonlat").with_token("FROMLONLAT"),
    ],
)
.named("from");
const BY: ArgSpec = ArgSpec::of(
    ArgKind::OneOf,
    &[
        ArgSpec::of(ArgKind::Block, &[number("radius"), UNIT]).named("circle").with_token("BYRADIUS"),
        ArgSpec::of(ArgKind::Block, &[number("width"), number("height"), UNIT]).named("box").with_token("BYBOX"),
    ],
)
.named("by");
const ORDER: ArgSpec = ArgSpec::choice(&[token("asc", "ASC"), token("desc", "DESC")]).named("order");
const COUNT: ArgSpec = ArgSpec::new(ArgKind::Integer).named("count").with_token("COUNT").optional();
const ANY: ArgSpec = token("any", "ANY").optional();
const WITH_COORD: ArgSpec = token("withcoord", "WITHCOORD").optional();
const WITH_DIST: ArgSpec = token("withdist", "WITHDIST").optional();
const WITH_HASH: ArgSpec = token("withhash", "WITHHASH").optional();
const STORE: ArgSpec = ArgSpec::choice(&[
    ArgSpec::new(ArgKind::Key(OW_UPDATE)).named("storekey").with_token("STORE"),
    ArgSpec::new(ArgKind::Key(OW_UPDATE)).named("storedistkey").with_token("STOREDIST"),
])
.named("store");

/// Declares the arguments of a search: its grammar for who asks. They are read by [`query`], once the key was looked at.
macro_rules! searches {
    ($($name:ident $specs:expr;)*) => {$(
        pub struct $name<'a>(pub &'a [&'a [u8]]);
        impl<'a> Parse<'a> for $name<'a> {
            const SPECS: &'static [ArgSpec] = $specs;
            fn parse(args: &mut Args<'a>) -> Result<Self> {
                Ok(Self(args.take_rest()))
            }
        }
    )*};
}

/// What a command that cannot store takes: all but the last.
const fn without_last(specs: &'static [ArgSpec]) -> &'static [ArgSpec] {
    match specs {
        [rest @ .., _] => rest,
        [] => specs,
    }
}

searches! {
    Geosearch &[KEY, FROM, BY, ORDER, COUNT, ANY, WITH_COORD, WITH_DIST, WITH_HASH];
    Geosearchstore &[DESTINATION, KEY.named("source"), FROM, BY, ORDER, COUNT, ANY, token("storedist", "STOREDIST").optional()];
    Georadius &[
        KEY, number("longitude"), number("latitude"), number("radius"), UNIT, WITH_COORD, WITH_DIST, WITH_HASH, COUNT, ANY, ORDER, STORE,
    ];
    GeoradiusRo without_last(Georadius::SPECS);
    Georadiusbymember &[KEY, MEMBER, number("radius"), UNIT, WITH_COORD, WITH_DIST, WITH_HASH, COUNT, ANY, ORDER, STORE];
    GeoradiusbymemberRo without_last(Georadiusbymember::SPECS);
}

/// The words that announce an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    WithDist,
    WithHash,
    WithCoord,
    Any,
    Asc,
    Desc,
    Count,
    Store,
    StoreDist,
    FromMember,
    FromLonLat,
    ByRadius,
    ByBox,
}

const WORDS: [(&str, Word); 13] = [
    ("WITHDIST", Word::WithDist),
    ("WITHHASH", Word::WithHash),
    ("WITHCOORD", Word::WithCoord),
    ("ANY", Word::Any),
    ("ASC", Word::Asc),
    ("DESC", Word::Desc),
    ("COUNT", Word::Count),
    ("STORE", Word::Store),
    ("STOREDIST", Word::StoreDist),
    ("FROMMEMBER", Word::FromMember),
    ("FROMLONLAT", Word::FromLonLat),
    ("BYRADIUS", Word::ByRadius),
    ("BYBOX", Word::ByBox),
];

/// How a command says what to search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// GEORADIUS: place and radius first.
    Place,
    /// GEORADIUSBYMEMBER: member and radius first.
    Member,
    /// GEOSEARCH: by options.
    Options,
    /// GEOSEARCHSTORE: a destination, then as GEOSEARCH.
    Store,
}

/// What to search, and what to do with it.
#[derive(Default)]
struct Query<'a> {
    centre: Option<Place>,
    shape: Option<(Shape, f64)>,
    /// Nearest first; false: farthest first.
    ascending: Option<bool>,
    /// At most so many; 0 = all.
    count: usize,
    /// The first that are found will do.
    any: bool,
    show: Show,
    store: Option<&'a [u8]>,
    store_distance: bool,
}

/// What is told of a member beside its name.
#[derive(Clone, Copy, Default)]
struct Show {
    distance: bool,
    hash: bool,
    place: bool,
}

fn length(args: &mut Args<'_>, complaint: &str) -> Result<f64> {
    number::parse_f64(args.word()?).ok_or_else(|| ReplyError::err(complaint))
}

fn circle(args: &mut Args<'_>) -> Result<(Shape, f64)> {
    let radius = length(args, "need numeric radius")?;
    if radius < 0.0 {
        return Err(ReplyError::err("radius cannot be negative"));
    }
    Ok((Shape::Circle { radius }, Unit::arg(args)?.0))
}

fn rectangle(args: &mut Args<'_>) -> Result<(Shape, f64)> {
    let (width, height) = (length(args, "need numeric width")?, length(args, "need numeric height")?);
    if width < 0.0 || height < 0.0 {
        return Err(ReplyError::err("height or width cannot be negative"));
    }
    Ok((Shape::Box { width, height }, Unit::arg(args)?.0))
}

/// Where a search begins that goes around a member.
fn around(zset: &ZSet, env: &Env, member: &[u8]) -> Result<Place> {
    place_of(zset, env, member).ok_or_else(|| ReplyError::err("could not decode requested zset member"))
}

/// Reads the words behind the key. Without a sorted set there is no member to begin at, which is no error.
fn query<'a>(zset: Option<&ZSet>, env: &Env, form: Form, stores: bool, args: &mut Args<'a>) -> Result<Query<'a>> {
    let mut query = Query::default();
    match (form, zset) {
        (Form::Place, _) => {
            query.centre = Some(Place::arg(args)?);
            query.shape = Some(circle(args)?);
        }
        (Form::Member, Some(zset)) => {
            query.centre = Some(around(zset, env, args.word()?)?);
            query.shape = Some(circle(args)?);
        }
        (Form::Member, None) => args.skip(3),
        _ => {}
    }
    let by_options = matches!(form, Form::Options | Form::Store);
    let (mut from_member, mut from_place) = (false, false);
    while let Ok(word) = args.word() {
        let known = WORDS.iter().find(|(token, _)| is_token(word, token)).map(|(_, word)| *word);
        match (known.ok_or(ReplyError::SYNTAX)?, args.remaining()) {
            (Word::WithDist, _) => query.show.distance = true,
            (Word::WithHash, _) => query.show.hash = true,
            (Word::WithCoord, _) => query.show.place = true,
            (Word::Any, _) => query.any = true,
            (Word::Asc, _) => query.ascending = Some(true),
            (Word::Desc, _) => query.ascending = Some(false),
            (Word::Count, 1..) => {
                let count = i64::arg(args)?;
                if count <= 0 {
                    return Err(ReplyError::err("COUNT must be > 0"));
                }
                query.count = usize::try_from(count).unwrap_or(usize::MAX);
            }
            (Word::StoreDist, _) if form == Form::Store => query.store_distance = true,
            (word @ (Word::Store | Word::StoreDist), 1..) if stores && !by_options => {
                (query.store, query.store_distance) = (Some(args.word()?), word == Word::StoreDist);
            }
            (Word::FromMember, 1..) if by_options && !from_place => {
                let member = args.word()?;
                query.centre = zset.map(|zset| around(zset, env, member)).transpose()?;
                from_member = true;
            }
            (Word::FromLonLat, 2..) if by_options && !from_member => {
                query.centre = Some(Place::arg(args)?);
                from_place = true;
            }
            (Word::ByRadius, 2..) if by_options && !matches!(query.shape, Some((Shape::Box { .. }, _))) => {
                query.shape = Some(circle(args)?);
            }
            (Word::ByBox, 3..) if by_options && !matches!(query.shape, Some((Shape::Circle { .. }, _))) => {
                query.shape = Some(rectangle(args)?);
            }
            _ => return Err(ReplyError::SYNTAX),
        }
    }
    let shown = query.show.distance || query.show.hash || query.show.place;
    if shown && (query.store.is_some() || form == Form::Store) {
        let who = if form == Form::Store { "ERR GEOSEARCHSTORE" } else { "ERR STORE option in GEORADIUS" };
        return Err(ReplyError::text(&[who, " is not compatible with WITHDIST, WITHHASH and WITHCOORD options"]));
    }
    let lacks = if by_options && !from_member && !from_place {
        Some("exactly one of FROMMEMBER or FROMLONLAT can be specified for ")
    } else if by_options && query.shape.is_none() {
        Some("exactly one of BYRADIUS and BYBOX can be specified for ")
    } else {
        None
    };
    if let Some(sentence) = lacks {
        let name = if form == Form::Store { "GEOSEARCHSTORE" } else { "GEOSEARCH" };
        return Err(ReplyError::text(&["ERR ", sentence, name]));
    }
    if query.any && query.count == 0 {
        return Err(ReplyError::err("the ANY argument requires COUNT argument"));
    }
    Ok(query)
}

// ---- searching --------------------------------------------------------------------------------------------------------------------------

/// A member that was found.
struct Point<'c> {
    member: &'c [u8],
    score: f64,
    place: Place,
    /// Metres from the centre.
    distance: f64,
    /// How many were found before.
    turn: usize,
}

/// The members in an area, in the order in which they are met; `limit` ends the search early, 0 does not.
fn points<'c>(zset: &'c ZSet, area: &Area, limit: usize) -> Result<Vec<Point<'c>>> {
    let mut points: Vec<Point<'_>> = Vec::new();
    for (min, max) in area.scores() {
        let ranks = zset.ranks_of_scores(&ScoreRange { min, max, min_open: false, max_open: true });
        for (member, score) in zset.iter(ranks) {
            let place = Place::of_score(score);
            let Some(distance) = area.distance(place) else { continue };
            points.try_reserve(1).map_err(OutOfMemory::from)?;
            points.push(Point { member, score, place, distance, turn: points.len() });
            if points.len() == limit {
                return Ok(points);
            }
        }
    }
    Ok(points)
}

fn nearest_first(one: &Point<'_>, other: &Point<'_>) -> Ordering {
    one.distance.total_cmp(&other.distance).then(one.turn.cmp(&other.turn))
}

fn farthest_first(one: &Point<'_>, other: &Point<'_>) -> Ordering {
    other.distance.total_cmp(&one.distance).then(one.turn.cmp(&other.turn))
}

/// Members that were found, in the order of the reply.
pub struct Found<'c> {
    points: Vec<Point<'c>>,
    show: Show,
    /// Metres in the unit of distances.
    unit: f64,
}

impl Reply for Found<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        let Show { distance, hash, place } = self.show;
        let facts = usize::from(distance).saturating_add(usize::from(hash)).saturating_add(usize::from(place));
        writer.array(self.points.len());
        for point in self.points {
            if facts > 0 {
                writer.array(facts.saturating_add(1));
            }
            writer.bulk(point.member);
            if distance {
                write_distance(writer, point.distance / self.unit);
            }
            if hash {
                writer.int(point.score as i64);
            }
            if place {
                write_place(writer, point.place);
            }
        }
    }
}

/// What a query finds under a key.
fn find<'c>(keys: &'c Keyspace, key: &[u8], query: &Query<'_>) -> Result<Found<'c>> {
    let mut found = Found { points: Vec::new(), show: query.show, unit: 1.0 };
    if let (Some(ValueRef::ZSet(zset)), Some(centre), Some((shape, unit))) = (keys.view(key), query.centre, query.shape) {
        found.unit = unit;
        found.points = points(zset, &Area::new(centre, shape, unit), if query.any { query.count } else { 0 })?;
    }
    // The nearest are meant by a count, unless any will do.
    match query.ascending.or((query.count > 0 && !query.any).then_some(true)) {
        Some(true) => sort(&mut found.points, nearest_first),
        Some(false) => sort(&mut found.points, farthest_first),
        None => {}
    }
    if query.count > 0 {
        found.points.truncate(query.count);
    }
    Ok(found)
}

fn search<'c>(call: &'c mut Call<'_>, words: &[&'c [u8]], form: Form, stores: bool) -> Result<Either<Found<'c>, usize>> {
    let mut args = Args::new(words);
    let destination = if form == Form::Store { Some(args.word()?) } else { None };
    let key = args.word()?;
    let env = call.keys.env;
    let query = query(call.keys.read::<ZSet>(key)?, &env, form, stores, &mut args)?;
    let Some(destination) = destination.or(query.store) else { return find(call.keys, key, &query).map(Either::A) };
    let found = find(call.keys, key, &query)?;
    let bytes = found.points.iter().fold(0u64, |sum, point| sum.saturating_add(point.member.len() as u64).saturating_add(16));
    call.keys.reserve(bytes)?;
    let mut stored = ZSet::new();
    for point in &found.points {
        stored.insert(&env, point.member, if query.store_distance { point.distance / found.unit } else { point.score })?;
    }
    let event = if form == Form::Store { "geosearchstore" } else { "georadiusstore" };
    call.keys.store(destination, stored, Class::ZSET, event).map(Either::B)
}

pub fn geosearch<'c>(call: &'c mut Call<'_>, args: Geosearch<'c>) -> Result<impl Reply + use<'c>> {
    search(call, args.0, Form::Options, false)
}

pub fn geosearchstore<'c>(call: &'c mut Call<'_>, args: Geosearchstore<'c>) -> Result<impl Reply + use<'c>> {
    search(call, args.0, Form::Store, true)
}

pub fn georadius<'c>(call: &'c mut Call<'_>, args: Georadius<'c>) -> Result<impl Reply + use<'c>> {
    search(call, args.0, Form::Place, true)
}

pub fn georadius_ro<'c>(call: &'c mut Call<'_>, args: GeoradiusRo<'c>) -> Result<impl Reply + use<'c>> {
    search(call, args.0, Form::Place, false)
}

pub fn georadiusbymember<'c>(call: &'c mut Call<'_>, args: Georadiusbymember<'c>) -> Result<impl Reply + use<'c>> {
    search(call, args.0, Form::Member, true)
}

pub fn georadiusbymember_ro<'c>(call: &'c mut Call<'_>, args: GeoradiusbymemberRo<'c>) -> Result<impl Reply + use<'c>> {
    search(call, args.0, Form::Member, false)
}
