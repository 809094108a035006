//! Places on the globe: sorted sets whose scores are longitudes and latitudes. Searches for what is near are in `geo_search`.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Many, args, is_token};
use super::reply::{Reply, With};
use super::rows;
use super::zset::{self, CountChanged, Existence, Rule, token};
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::number::LongDouble;
use crate::resp::write::Writer;
use crate::value::geo::{self, Place};
use crate::value::zset::ZSet;
use crate::value::{Env, OutOfMemory};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Geo = [
        { "geoadd", geoadd as Geoadd, since: "3.2.0", cost: "O(log N) a member, N members in the set", flags: [WRITE, DENYOOM], reply: Integer,
          "Gives members their places, adding those that are new; answers how many were added." },
        { "geodist", geodist as Geodist, since: "3.2.0", cost: "O(1)", flags: [READONLY], reply: Maybe(&Bulk),
          "The distance between two members, in metres or another unit." },
        { "geohash", geohash as GeoMembers, since: "3.2.0", cost: "O(N), N members asked for", flags: [READONLY], reply: Array(&Maybe(&Bulk)),
          "The places of members as geohashes, texts of eleven letters." },
        { "geopos", geopos as GeoMembers, since: "3.2.0", cost: "O(N), N members asked for", flags: [READONLY],
          reply: Array(&Maybe(&Array(&Double))),
          "The longitudes and latitudes of members." },
    ]
}

/// A unit of length, in metres.
#[derive(Clone, Copy, Debug)]
pub struct Unit(pub f64);

const UNITS: [(&str, f64); 4] = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];

impl<'a> Arg<'a> for Unit {
    const SPEC: ArgSpec =
        ArgSpec::of(ArgKind::OneOf, &[token("m", "M"), token("km", "KM"), token("ft", "FT"), token("mi", "MI")]);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let word = args.word()?;
        let found = UNITS.iter().find(|(name, _)| is_token(word, name));
        found.map(|(_, metres)| Self(*metres)).ok_or(ReplyError::GEO_UNIT)
    }
}

/// A unit that is the last word of all.
#[derive(Clone, Copy, Debug)]
pub struct LastUnit(pub f64);

impl<'a> Arg<'a> for LastUnit {
    const SPEC: ArgSpec = Unit::SPEC;
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        // Too many words are noticed before a bad one.
        if args.remaining() > 1 {
            return Err(ReplyError::SYNTAX);
        }
        Unit::arg(args).map(|Unit(metres)| Self(metres))
    }
}

impl<'a> Arg<'a> for Place {
    const SPEC: ArgSpec = ArgSpec::of(
        ArgKind::Block,
        &[ArgSpec::new(ArgKind::Double).named("longitude"), ArgSpec::new(ArgKind::Double).named("latitude")],
    );
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let (longitude, latitude) = (f64::arg(args)?, f64::arg(args)?);
        Self::new(longitude, latitude).ok_or_else(|| {
            let mut text = b"ERR invalid longitude,latitude pair ".to_vec();
            fixed(longitude, 6, &mut text);
            text.push(b',');
            fixed(latitude, 6, &mut text);
            ReplyError::bytes(&[&text])
        })
    }
}

/// Appends a number with so many decimal places.
pub(super) fn fixed(number: f64, places: u32, out: &mut Vec<u8>) {
    if let Some(number) = LongDouble::from_f64(number) {
        number.write_fixed(places, out);
    }
}

/// Writes metres in a unit, with four decimal places.
pub(super) fn write_distance(writer: &mut Writer<'_>, distance: f64) {
    let mut text = Vec::new();
    fixed(distance, 4, &mut text);
    writer.bulk(&text);
}

pub(super) fn write_place(writer: &mut Writer<'_>, place: Place) {
    writer.array(2);
    for degrees in [place.longitude, place.latitude] {
        let mut text = Vec::new();
        if let Some(degrees) = LongDouble::from_f64(degrees) {
            degrees.write(&mut text);
        }
        writer.decimal(&text);
    }
}

/// Places, each with its member.
#[derive(Clone, Copy, Debug)]
pub struct PlaceMembers<'a>(&'a [&'a [u8]]);

impl<'a> Arg<'a> for PlaceMembers<'a> {
    const SPEC: ArgSpec = ArgSpec::of(
        ArgKind::Block,
        &[
            ArgSpec::new(ArgKind::Double).named("longitude"),
            ArgSpec::new(ArgKind::Double).named("latitude"),
            ArgSpec::new(ArgKind::String).named("member"),
        ],
    )
    .multiple();
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        match args.take_rest() {
            words if words.is_empty() || !words.len().is_multiple_of(3) => Err(ReplyError::SYNTAX),
            words => Ok(Self(words)),
        }
    }
}

args! { Geoadd<'a> { key: Key<'a, RW_UPDATE>; condition: Existence, change: CountChanged; data: PlaceMembers<'a> } }

/// How many members were added, with CH: added or moved.
pub fn geoadd(call: &mut Call<'_>, args: Geoadd<'_>) -> Result<usize> {
    let rule = Rule { existence: args.condition, ..Rule::default() };
    if rule.existence.nx && rule.existence.xx {
        return Err(ReplyError::SYNTAX);
    }
    let mut members = Vec::new();
    members.try_reserve_exact(args.data.0.len() / 3).map_err(OutOfMemory::from)?;
    for words in args.data.0.chunks(3) {
        let mut words = Args::new(words);
        members.push((Place::arg(&mut words)?.score(), words.word()?));
    }
    let done = zset::add(call, &args.key, rule, &mut members.into_iter().map(Ok))?;
    Ok(if args.change.0 { done.added.saturating_add(done.updated) } else { done.added })
}

/// Where a member is.
pub(super) fn place_of(zset: &ZSet, env: &Env, member: &[u8]) -> Option<Place> {
    zset.score(env, member).map(Place::of_score)
}

args! { Geodist<'a> { key: Key<'a, RO_ACCESS>, member1: &'a [u8], member2: &'a [u8]; ; unit: Option<LastUnit> } }

/// `None` where one of the two is no member.
pub fn geodist(call: &mut Call<'_>, args: Geodist<'_>) -> Result<Option<Vec<u8>>> {
    let env = call.keys.env;
    let Some(zset) = call.keys.read::<ZSet>(&args.key)? else { return Ok(None) };
    let places = place_of(zset, &env, args.member1).zip(place_of(zset, &env, args.member2));
    Ok(places.map(|(one, other)| {
        let mut text = Vec::new();
        fixed(geo::distance(one, other) / args.unit.map_or(1.0, |unit| unit.0), 4, &mut text);
        text
    }))
}

args! {
    /// Arguments of GEOHASH and GEOPOS.
    GeoMembers<'a> { key: Key<'a, RO_ACCESS>, members: Option<Many<'a, &'a [u8]>> }
}

/// Writes for each member what `write` makes of its place, if it has one.
fn each_place<'c>(
    call: &'c mut Call<'_>,
    args: GeoMembers<'c>,
    write: fn(&mut Writer<'_>, Option<Place>),
) -> Result<impl Reply + use<'c>> {
    let env = call.keys.env;
    let zset = call.keys.read::<ZSet>(&args.key)?;
    let members = args.members.map_or(&[][..], |members| members.words());
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.array(members.len());
        for member in members {
            write(writer, zset.and_then(|zset| place_of(zset, &env, member)));
        }
    }))
}

pub fn geohash<'c>(call: &'c mut Call<'_>, args: GeoMembers<'c>) -> Result<impl Reply + use<'c>> {
    each_place(call, args, |writer, place| match place {
        Some(place) => writer.bulk(&place.geohash()),
        None => writer.null(),
    })
}

pub fn geopos<'c>(call: &'c mut Call<'_>, args: GeoMembers<'c>) -> Result<impl Reply + use<'c>> {
    each_place(call, args, |writer, place| match place {
        Some(place) => write_place(writer, place),
        None => writer.null_array(),
    })
}
