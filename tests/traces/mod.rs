//! Requests as caches see them, made up: each trace is a list of key numbers, the same for the same seed.
#![allow(dead_code)]

/// SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        (self.unit() * f64::from(bound)) as u32
    }
}

/// Where the cumulated weights `1 / rank^skew` of so many keys stand.
fn weights(keys: u32, skew: f64) -> Vec<f64> {
    let mut sum = 0.0;
    (1..=keys)
        .map(|rank| {
            sum += f64::from(rank).powf(-skew);
            sum
        })
        .collect()
}

fn drawn(weights: &[f64], dart: f64) -> u32 {
    weights.partition_point(|sum| *sum < dart) as u32
}

/// Independent requests, the key of rank r with a weight of `1 / r^skew`.
pub fn zipf(keys: u32, skew: f64, requests: usize, seed: u64) -> Vec<u32> {
    let (weights, mut rng) = (weights(keys, skew), Rng(seed));
    let total = weights.last().copied().unwrap_or(0.0);
    (0..requests).map(|_| drawn(&weights, rng.unit() * total)).collect()
}

/// A trace with a scan over `length` keys that nobody asks for again, after each `every` requests.
pub fn with_scans(trace: &[u32], every: usize, length: u32) -> Vec<u32> {
    let mut scanned = 1 << 30;
    let mut mixed = Vec::new();
    for part in trace.chunks(every) {
        mixed.extend_from_slice(part);
        mixed.extend(scanned..scanned + length);
        scanned += length;
    }
    mixed
}

/// Zipf whose ranks belong to other keys after each `every` requests: a tenth of the hot ones are new each time.
pub fn shifting(keys: u32, skew: f64, requests: usize, every: usize, seed: u64) -> Vec<u32> {
    let trace = zipf(keys, skew, requests, seed);
    trace.iter().enumerate().map(|(at, rank)| rank + (at / every) as u32 * (keys / 50)).collect()
}

/// Round and round over the same keys.
pub fn looping(keys: u32, requests: usize) -> Vec<u32> {
    (0..requests as u32).map(|at| at % keys).collect()
}

/// New keys come all the time, and the younger a key, the likelier it is asked for.
pub fn recent(requests: usize, skew: f64, seed: u64) -> Vec<u32> {
    let (weights, mut rng) = (weights(20_000, skew), Rng(seed));
    let total = weights.last().copied().unwrap_or(0.0);
    let mut newest = 20_000;
    (0..requests)
        .map(|_| {
            if rng.below(4) == 0 {
                newest += 1;
                return newest;
            }
            newest - drawn(&weights, rng.unit() * total)
        })
        .collect()
}
