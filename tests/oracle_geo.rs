//! Places on the globe against a real redis-server: the same scores, digits and members in the same order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::compare::{Duel, Op};
use support::engine::InProcess;
use support::rng::Rng;
use support::target::{Server, Target};
use support::words::line;

const EPISODES: u64 = 120;
const COMMANDS: usize = 120;

/// From 0 to 1.
fn unit(rng: &mut Rng) -> f64 {
    (rng.next() >> 11) as f64 / (1u64 << 53) as f64
}

/// Around one of some places where the grid is narrow, wide or comes to its end.
fn place(rng: &mut Rng) -> (f64, f64) {
    const CENTRES: [(f64, f64); 10] = [
        (13.361389, 38.115556),
        (0.0, 0.0),
        (-122.4, 37.8),
        (179.99, 10.0),
        (-179.99, -10.0),
        (25.0, 67.0),
        (-40.0, 81.0),
        (100.0, 84.9),
        (-70.0, -84.9),
        (90.0, -45.0),
    ];
    let (longitude, latitude) = *rng.pick(&CENTRES);
    let spread = *rng.pick(&[360.0, 40.0, 2.0, 0.05, 0.001]);
    let longitude = longitude + (unit(rng) - 0.5) * spread;
    let latitude = latitude + (unit(rng) - 0.5) * spread;
    (longitude, latitude)
}

/// A place on the grid. No two are the same: Redis leaves it to chance which of two that are equally far a COUNT takes.
fn on_grid(rng: &mut Rng) -> String {
    loop {
        let (longitude, latitude) = place(rng);
        if longitude.abs() < 180.0 && latitude.abs() < 85.05112878 {
            return format!("{longitude} {latitude}");
        }
    }
}

fn member(rng: &mut Rng) -> String {
    format!("m{}", rng.below(150))
}

fn length(rng: &mut Rng) -> String {
    match rng.below(16) {
        0 => "0".into(),
        1 => rng.pick(&["1e8", "inf", "1e-300", "20037726.37"]).to_string(),
        _ => format!("{}", 10f64.powf(unit(rng) * 7.5 - 1.0)),
    }
}

fn search(rng: &mut Rng, stores: bool) -> String {
    let unit_name = *rng.pick(&["m", "m", "km", "ft", "mi"]);
    let shape = match rng.below(2) {
        0 => format!("BYRADIUS {} {unit_name}", length(rng)),
        _ => format!("BYBOX {} {} {unit_name}", length(rng), length(rng)),
    };
    let from = match rng.below(3) {
        0 => format!("FROMMEMBER {}", member(rng)),
        _ => format!("FROMLONLAT {}", on_grid(rng)),
    };
    let order = rng.pick(&["", "", " ASC", " DESC"]);
    let count = match rng.below(4) {
        0 => format!(" COUNT {}", rng.below(20)),
        1 => format!(" COUNT {} ANY", rng.below(20)),
        _ => String::new(),
    };
    let show = if stores { "" } else { *rng.pick(&["", " WITHDIST", " WITHDIST WITHCOORD WITHHASH", " WITHHASH"]) };
    format!("{from} {shape}{order}{count}{show}")
}

fn command(rng: &mut Rng) -> String {
    match rng.below(20) {
        0..=7 => {
            let some: Vec<String> = (0..1 + rng.below(12)).map(|_| format!(" {} {}", on_grid(rng), member(rng))).collect();
            format!("GEOADD g{}{}", rng.pick(&["", "", "", " CH", " NX", " XX CH"]), some.concat())
        }
        8 if rng.below(3) == 0 => "GEOADD g 180 85.05112878 east -180 -85.05112878 west 0 0 middle".into(),
        8 => format!("GEODIST g {} {} {}", member(rng), member(rng), rng.pick(&["m", "KM", "ft", "mi"])),
        9 => format!("GEOPOS g {} {}", member(rng), member(rng)),
        10 => format!("GEOHASH g {} {}", member(rng), member(rng)),
        11 => {
            let (longitude, latitude) = place(rng);
            format!("GEOADD g {} {} {}", longitude * 1.5, latitude * 1.5, member(rng))
        }
        12 => format!("GEOSEARCHSTORE d g {}", search(rng, true)),
        13 => "ZRANGE d 0 -1 WITHSCORES".into(),
        14 => format!(
            "ZADD g {}",
            rng.pick(&["-5 odd1", "1e300 odd2", "-inf odd3", "123456789.5 odd4", "4503599627370496 odd5", "1e19 odd6"])
        ),
        15 => format!("GEORADIUS g {} {} km{}", on_grid(rng), length(rng), rng.pick(&["", " WITHDIST", " STORE d", " COUNT 3"])),
        16 => format!("GEORADIUSBYMEMBER_RO g {} {} mi WITHDIST", member(rng), length(rng)),
        17 if rng.below(10) == 0 => "DEL g".into(),
        _ => format!("GEOSEARCH g {}", search(rng, false)),
    }
}

#[test]
fn places_and_searches_are_those_of_redis_server() {
    let Some(mut redis) = Server::redis() else { return };
    let mut engine = InProcess::new(42);
    let mut duel = Duel { reference: &mut redis, tested: &mut engine, compared: 0, errors: 0 };
    for seed in 0..EPISODES {
        let mut rng = Rng::new(seed);
        let argv = |text: String| text.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        let ops: Vec<Op> = (0..COMMANDS).map(|_| Op { client: 0, argv: argv(command(&mut rng)) }).collect();
        if let Some(difference) = duel.play(&ops) {
            let shown = ops.get(difference.at).map(|op| line(&op.argv)).unwrap_or_default();
            panic!("seed {seed}, command {}: {}\n{shown}", difference.at, difference.why);
        }
    }
    println!("{} replies compared, {} of them errors", duel.compared, duel.errors);
}

/// Distances that are kept as scores show all their digits. The C library's sines are not always the nearest doubles, ours nearly always are.
#[test]
fn stored_distances_are_those_of_redis_server() {
    let Some(mut redis) = Server::redis() else { return };
    let mut engine = InProcess::new(42);
    let (theirs, ours) = (redis.connect(), engine.connect());
    let mut rng = Rng::new(7);
    let (mut same, mut all) = (0, 0);
    for n in 0..2000 {
        let add = format!("GEOADD g {} m{n}", on_grid(&mut rng));
        redis.ask(theirs, &add);
        engine.ask(ours, &add);
    }
    for _ in 0..5 {
        let store = format!("GEORADIUS g {} 20000 km STOREDIST d", on_grid(&mut rng));
        assert_eq!(redis.ask(theirs, &store), engine.ask(ours, &store));
        for n in 0..2000 {
            let ask = format!("ZSCORE d m{n}");
            let score = |text: Option<Vec<u8>>| text.map_or(0.0, |text| String::from_utf8(text).unwrap().parse::<f64>().unwrap());
            let (a, b) = (score(redis.ask(theirs, &ask).text()), score(engine.ask(ours, &ask).text()));
            assert!((a - b).abs() <= a * 1e-9, "m{n}: {a} there, {b} here");
            all += 1;
            same += usize::from(a == b);
        }
    }
    println!("{same} of {all} distances have the same last digit");
    assert!(same * 100 >= all * 99, "{same} of {all}");
}
