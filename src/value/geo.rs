//! Places on the globe as scores of a sorted set.
//!
//! A place is a longitude and a latitude in degrees. Each is laid on a grid of 2^26 steps, and the bits of the two are interleaved, latitude first, to a
//! number of 52 bits that a score holds exactly. Numbers that begin alike lie near each other: all places of a *cell*, one square of the coarser
//! grid of 2^step lines, are one range of scores. An area is therefore searched in the cell of its centre and the eight around it, with a step
//! chosen so that these nine cover it.
//!
//! Everything is reckoned in doubles and in the order of Redis's own formulas, because the digits are seen: positions, distances, and which of the
//! places at the very edge belong to an area. The globe is a sphere.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::number::trig::{asin, cos, sin};
use core::f64::consts::PI;

const LONGITUDE: f64 = 180.0;
const LATITUDE: f64 = 85.051_128_78;
/// Lines of the finest grid, as a power of two.
const FINEST: u32 = 26;
/// The radius of the globe in metres.
const RADIUS: f64 = 6_372_797.560_856;
/// Half the equator on Mercator's map.
const MAP: f64 = 20_037_726.37;
const DEGREE: f64 = PI / 180.0;

/// A longitude and a latitude, in degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    pub longitude: f64,
    pub latitude: f64,
}

/// A square of the grid of 2^`step` lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    bits: u64,
    step: u32,
}

/// The edges of a cell, in degrees.
struct Edges {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

// ---- scores -----------------------------------------------------------------------------------------------------------------------------

/// Spreads the bits of a number to the even places.
fn spread(x: u32) -> u64 {
    const MASKS: [u64; 5] =
        [0x0000_ffff_0000_ffff, 0x00ff_00ff_00ff_00ff, 0x0f0f_0f0f_0f0f_0f0f, 0x3333_3333_3333_3333, 0x5555_5555_5555_5555];
    MASKS.iter().zip([16u32, 8, 4, 2, 1]).fold(u64::from(x), |x, (mask, shift)| (x | x.wrapping_shl(shift)) & mask)
}

/// The bits at the even places.
fn gather(x: u64) -> u32 {
    const MASKS: [u64; 6] = [
        0x5555_5555_5555_5555,
        0x3333_3333_3333_3333,
        0x0f0f_0f0f_0f0f_0f0f,
        0x00ff_00ff_00ff_00ff,
        0x0000_ffff_0000_ffff,
        0x0000_0000_ffff_ffff,
    ];
    MASKS.iter().zip([0u32, 1, 2, 4, 8, 16]).fold(x, |x, (mask, shift)| (x | x.wrapping_shr(shift)) & mask) as u32
}

/// The score as C's conversion to an unsigned integer has it on x86-64; a sorted set may hold any.
fn bits_of(score: f64) -> u64 {
    const TOP: f64 = 9_223_372_036_854_775_808.0;
    let signed = |x: f64| if (-TOP..TOP).contains(&x) { x as i64 } else { i64::MIN }.cast_unsigned();
    if score < TOP { signed(score) } else { signed(score - TOP) ^ 1 << 63 }
}

impl Place {
    /// `None` outside of what the grid covers: 180 degrees of longitude and about 85 of latitude to either side.
    pub fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let on_grid = longitude.abs() <= LONGITUDE && latitude.abs() <= LATITUDE;
        on_grid.then_some(Self { longitude, latitude })
    }

    fn on_grid(self, (half_width, half_height): (f64, f64), step: u32) -> u64 {
        let lines = 1u64.wrapping_shl(step) as f64;
        let line = |x: f64, half: f64| ((x + half) / (half + half) * lines) as u32;
        spread(line(self.latitude, half_height)) | spread(line(self.longitude, half_width)) << 1
    }

    fn cell(self, step: u32) -> Cell {
        Cell { bits: self.on_grid((LONGITUDE, LATITUDE), step), step }
    }

    /// The score that stands for the place.
    pub fn score(self) -> f64 {
        self.cell(FINEST).bits as f64
    }

    /// The middle of the finest cell that a score stands for.
    pub fn of_score(score: f64) -> Self {
        let edges = Cell { bits: bits_of(score), step: FINEST }.edges();
        Self {
            longitude: ((edges.west + edges.east) / 2.0).clamp(-LONGITUDE, LONGITUDE),
            latitude: ((edges.south + edges.north) / 2.0).clamp(-LATITUDE, LATITUDE),
        }
    }

    /// The place as a [geohash](https://en.wikipedia.org/wiki/Geohash): the usual one, whose latitudes go to 90 degrees. The last of the eleven
    /// letters is always the first of the alphabet.
    pub fn geohash(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = self.on_grid((180.0, 90.0), FINEST) << 3;
        let mut text = [b'0'; 11];
        for (letter, shift) in text.iter_mut().zip((5u32..=50).rev().step_by(5)) {
            let index = (bits.wrapping_shr(shift) & 31) as usize;
            *letter = LETTERS.get(index).copied().unwrap_or(b'0');
        }
        text
    }
}

impl Cell {
    fn edges(self) -> Edges {
        let lines = 1u64.wrapping_shl(self.step) as f64;
        let at = |line: u32, half: f64| -half + f64::from(line) / lines * (half + half);
        let (y, x) = (gather(self.bits), gather(self.bits >> 1));
        Edges {
            west: at(x, LONGITUDE),
            south: at(y, LATITUDE),
            east: at(x.wrapping_add(1), LONGITUDE),
            north: at(y.wrapping_add(1), LATITUDE),
        }
    }

    /// The cell so many columns to the east and rows to the north (-1, 0 or 1); the grid closes upon itself.
    fn neighbour(self, east: i32, north: i32) -> Self {
        let all = u64::MAX.wrapping_shr(64u32.wrapping_sub(self.step.wrapping_mul(2)));
        let (columns, rows) = (0xaaaa_aaaa_aaaa_aaaa, 0x5555_5555_5555_5555);
        // A number spread over every second bit counts on if the bits between are ones (up) or noughts (down).
        let step = |bits: u64, mine: u64, by: i32| {
            let between = !mine & all;
            let moved = match by {
                0 => return bits & mine,
                1 => (bits & mine).wrapping_add(between.wrapping_add(1)),
                _ => (bits & mine | between).wrapping_sub(between.wrapping_add(1)),
            };
            moved & mine & all
        };
        Self { bits: step(self.bits, columns, east) | step(self.bits, rows, north), step: self.step }
    }

    /// The scores of all places in the cell, the second one left out.
    fn scores(self) -> (f64, f64) {
        let shift = 2u32.wrapping_mul(FINEST.wrapping_sub(self.step));
        let score = |bits: u64| bits.wrapping_shl(shift) as f64;
        (score(self.bits), score(self.bits.wrapping_add(1)))
    }
}

// ---- areas ------------------------------------------------------------------------------------------------------------------------------

/// The metres of an arc along a great circle, from the square of the sine of half its angle.
fn metres(square: f64) -> f64 {
    2.0 * RADIUS * asin(libm::sqrt(square))
}

/// Measures from one place.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ruler {
    from: Place,
    /// Of the latitude.
    cosine: f64,
}

impl Ruler {
    fn new(from: Place) -> Self {
        Self { from, cosine: cos(from.latitude * DEGREE) }
    }

    /// The sines of half the differences in latitude and longitude, and the cosine of the other latitude.
    fn parts(&self, to: Place) -> (f64, f64, f64) {
        let latitude = to.latitude * DEGREE;
        let u = sin((latitude - self.from.latitude * DEGREE) / 2.0);
        let v = sin((to.longitude * DEGREE - self.from.longitude * DEGREE) / 2.0);
        (u, v, cos(latitude))
    }

    fn distance(&self, (u, v, cosine): (f64, f64, f64)) -> f64 {
        metres(u * u + self.cosine * cosine * v * v)
    }
}

/// The metres between two places along a great circle.
pub fn distance(a: Place, b: Place) -> f64 {
    let ruler = Ruler::new(a);
    ruler.distance(ruler.parts(b))
}

/// What a search covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Circle {
        radius: f64,
    },
    /// With sides along the meridians and circles of latitude.
    Box {
        width: f64,
        height: f64,
    },
}

/// A shape around a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    centre: Place,
    ruler: Ruler,
    shape: Shape,
    unit: f64,
}

impl Area {
    /// `unit`: the metres that are the unit of the shape's lengths.
    pub fn new(centre: Place, shape: Shape, unit: f64) -> Self {
        Self { centre, ruler: Ruler::new(centre), shape, unit }
    }

    /// How many metres a place is from the centre; `None` if it is outside.
    pub fn distance(&self, place: Place) -> Option<f64> {
        // No way is shorter than the difference of the latitudes: much of what is outside needs no sine.
        let latitudes = (place.latitude - self.centre.latitude).abs() * DEGREE * RADIUS;
        let far = |limit: f64| latitudes > limit + limit * 1e-9 + 1e-3;
        match self.shape {
            Shape::Circle { radius } => {
                let radius = radius * self.unit;
                Some(radius).filter(|radius| !far(*radius))?;
                Some(self.ruler.distance(self.ruler.parts(place))).filter(|metres| *metres <= radius)
            }
            Shape::Box { width, height } => {
                let (width, height) = (width * self.unit / 2.0, height * self.unit / 2.0);
                Some(height).filter(|height| !far(*height))?;
                let (u, v, cosine) = self.ruler.parts(place);
                // Along the place's own parallel, and along its meridian.
                let outside = metres(cosine * cosine * v * v) > width || metres(u * u) > height;
                (!outside).then(|| self.ruler.distance((u, v, cosine)))
            }
        }
    }

    /// Half of the width and of the height, and the distance of the farthest point, in metres.
    fn reach(&self) -> (f64, f64, f64) {
        match self.shape {
            Shape::Circle { radius } => (self.unit * radius, self.unit * radius, self.unit * radius),
            Shape::Box { width, height } => {
                let (width, height) = (width / 2.0, height / 2.0);
                (self.unit * width, self.unit * height, libm::sqrt(width * width + height * height) * self.unit)
            }
        }
    }

    /// The parallels and meridians that the area lies between.
    fn bounds(&self) -> Edges {
        let Place { longitude, latitude } = self.centre;
        let (width, height, _) = self.reach();
        let up = height / RADIUS / DEGREE;
        // A degree of longitude is shortest at the edge that is nearer to a pole.
        let edge = if latitude < 0.0 { latitude - up } else { latitude + up };
        let side = width / RADIUS / cos(edge * DEGREE) / DEGREE;
        Edges { west: longitude - side, south: latitude - up, east: longitude + side, north: latitude + up }
    }

    /// How fine a grid may be whose cells are as wide as the area, roughly.
    fn first_step(&self) -> u32 {
        let (.., mut reach) = self.reach();
        if reach == 0.0 {
            return FINEST;
        }
        let mut step = -1i32;
        while reach < MAP {
            reach *= 2.0;
            step = step.wrapping_add(1);
        }
        // Towards the poles a degree of longitude is ever shorter.
        let polar = self.centre.latitude.abs();
        let step = step.wrapping_sub(i32::from(polar > 66.0)).wrapping_sub(i32::from(polar > 80.0));
        step.clamp(1, FINEST.cast_signed()).cast_unsigned()
    }

    /// Whether the cells around the centre's reach as far as the area does, to all four sides.
    fn is_covered(&self, cell: Cell) -> bool {
        let bounds = self.bounds();
        let short = cell.neighbour(0, 1).edges().north < bounds.north
            || cell.neighbour(0, -1).edges().south > bounds.south
            || cell.neighbour(1, 0).edges().east < bounds.east
            || cell.neighbour(-1, 0).edges().west > bounds.west;
        !short
    }

    /// The ranges of scores in which all places of the area lie, in the order in which Redis looks at them; the end of each is left out.
    pub fn scores(&self) -> impl Iterator<Item = (f64, f64)> {
        const AROUND: [(i32, i32); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let mut cell = self.centre.cell(self.first_step());
        if cell.step > 1 && !self.is_covered(cell) {
            cell = self.centre.cell(cell.step.wrapping_sub(1));
        }
        let (edges, bounds) = (cell.edges(), self.bounds());
        let fine = cell.step >= 2;
        let needed = move |(east, north): &(i32, i32)| {
            let useless = *north > 0 && edges.north > bounds.north
                || *north < 0 && edges.south < bounds.south
                || *east > 0 && edges.east > bounds.east
                || *east < 0 && edges.west < bounds.west;
            !(fine && useless)
        };
        let mut last = None;
        AROUND.into_iter().filter(needed).filter_map(move |(east, north)| {
            let next = cell.neighbour(east, north);
            // On the coarsest grid neighbours to either side are the same; the centre's cell is never compared.
            let again = last == Some(next);
            last = (east != 0 || north != 0).then_some(next);
            (!again).then(|| next.scores())
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn place(longitude: f64, latitude: f64) -> Place {
        Place::new(longitude, latitude).unwrap()
    }

    #[test]
    fn a_place_is_a_score_and_a_geohash() {
        let palermo = place(13.361389, 38.115556);
        assert_eq!(palermo.score(), 3_479_099_956_230_698.0);
        assert_eq!(&Place::of_score(palermo.score()).geohash(), b"sqc8b49rny0");
        assert_eq!(Place::new(180.000_001, 0.0), None);
        assert_eq!(Place::new(0.0, f64::NAN), None);
    }

    #[test]
    fn any_score_is_some_place() {
        for score in [-5.0, 1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY, 0.5, 1e19, 9.3e18] {
            let place = Place::of_score(score);
            assert!(Place::new(place.longitude, place.latitude).is_some(), "{score}: {place:?}");
        }
    }

    /// Those in the ranges, each once.
    fn in_ranges(area: &Area, places: &[Place]) -> Vec<usize> {
        let ranges: Vec<(f64, f64)> = area.scores().collect();
        let times = |place: &Place| ranges.iter().filter(|(min, max)| (*min..*max).contains(&place.score())).count();
        assert!(places.iter().all(|place| times(place) <= 1));
        (0..places.len()).filter(|index| times(&places[*index]) == 1).collect()
    }

    proptest! {
        #[test]
        fn bits_are_spread_and_gathered(x: u32, y: u32) {
            let bits = spread(x) | spread(y) << 1;
            prop_assert_eq!((gather(bits), gather(bits >> 1)), (x, y));
        }

        #[test]
        fn a_score_is_within_a_cell_of_its_place(longitude in -179.9f64..179.9, latitude in -85.0f64..85.0) {
            let near = Place::of_score(place(longitude, latitude).score());
            prop_assert!((near.longitude - longitude).abs() < 6e-6 && (near.latitude - latitude).abs() < 3e-6);
        }

        #[test]
        fn what_is_in_an_area_is_in_its_ranges(
            longitude in -90.0f64..90.0, latitude in -60.0f64..60.0, size in 0.0f64..6.0, boxed: bool,
            others in prop::collection::vec((-1.0f64..1.0, -1.0f64..1.0), 1..60),
        ) {
            let radius = 10f64.powf(size);
            let shape = if boxed { Shape::Box { width: radius, height: radius / 2.0 } } else { Shape::Circle { radius } };
            let area = Area::new(place(longitude, latitude), shape, 1.0);
            let degrees = radius / 40_000.0;
            let places: Vec<Place> = others.iter().map(|(x, y)| place(longitude + x * degrees, latitude + y * degrees)).collect();
            let candidates = in_ranges(&area, &places);
            for (index, place) in places.iter().enumerate() {
                prop_assert!(area.distance(*place).is_none() || candidates.contains(&index));
            }
        }

        #[test]
        fn no_area_is_too_strange(longitude in -180.0f64..180.0, latitude in -85.0f64..85.0, width: f64, height: f64, unit in 0.1f64..2000.0) {
            for shape in [Shape::Circle { radius: width.abs() }, Shape::Box { width: width.abs(), height: height.abs() }] {
                let area = Area::new(place(longitude, latitude), shape, unit);
                prop_assert!(area.scores().count() <= 9);
                let _ = area.distance(place(-longitude, -latitude));
            }
        }
    }
}
