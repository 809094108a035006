//! A model of deflate: how many bits bytes take behind those that were before.
//!
//! It looks for matches as zlib does (the longest, and one byte later if there is a longer one) and prices them by how often each symbol occurs in
//! the whole. That is off by a few percent, but compares two ways to write the same function well, in microseconds.

/// How far back a match may lie.
const WINDOW: usize = 32_768;
const SHORTEST: usize = 3;
const LONGEST: usize = 258;
/// Beyond this distance a match of three bytes costs more than it saves.
const FAR: usize = 4096;
/// How many earlier places are looked at.
const DEPTH: usize = 64;
const NONE: usize = usize::MAX;

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: usize,
}

enum Token {
    Literal(u8),
    Match(Match),
}

/// Bits of each symbol.
#[derive(Clone)]
pub struct Prices {
    /// Of bytes, then of classes of lengths.
    symbol: [f32; 256 + 32],
    /// By the binary logarithm of the distance.
    distance: [f32; 16],
}

impl Prices {
    /// Those with which `bodies` are likely to be coded, one behind the other.
    pub fn of(bodies: &[Vec<u8>]) -> Self {
        // What never occurs is dear, but not forbidden.
        let (mut symbols, mut distances) = ([0.5f32; 256 + 32], [0.5f32; 16]);
        let mut model = Model::new(Self { symbol: [8.0; 256 + 32], distance: [8.0; 16] });
        for body in bodies {
            model.parse(body, |token| match token {
                Token::Literal(byte) => symbols[usize::from(byte)] += 1.0,
                Token::Match(found) => {
                    symbols[256 + class(found.length).0] += 1.0;
                    distances[found.distance.ilog2() as usize] += 1.0;
                }
            });
        }
        let (all, matches) = (symbols.iter().sum::<f32>(), distances.iter().sum::<f32>());
        Self {
            symbol: symbols.map(|count| (all / count).log2().min(15.0)),
            distance: distances.map(|count| (matches / count).log2().min(15.0)),
        }
    }

    fn of_token(&self, token: &Token) -> f32 {
        match *token {
            Token::Literal(byte) => self.symbol[usize::from(byte)],
            Token::Match(Match { length, distance }) => {
                let (class, extra) = class(length);
                let power = distance.ilog2();
                // Two codes share a power of two.
                let further = if power == 0 { 0.0 } else { power as f32 };
                self.symbol[256 + class] + extra as f32 + self.distance[power as usize] + further
            }
        }
    }
}

/// The class of a length in deflate's table, and the bits that tell it from others of the class.
fn class(length: usize) -> (usize, u32) {
    let beyond = length - SHORTEST;
    if beyond < 8 {
        return (beyond, 0);
    }
    let extra = beyond.ilog2() - 2;
    (4 * extra as usize + (beyond >> extra), extra)
}

/// What was before.
pub struct Model {
    prices: Prices,
    bytes: Vec<u8>,
    /// The last place where three bytes of a hash began, and for each place the one before.
    last: Vec<usize>,
    before: Vec<usize>,
}

impl Model {
    pub fn new(prices: Prices) -> Self {
        Self { prices, bytes: Vec::new(), last: vec![NONE; 1 << 15], before: Vec::new() }
    }

    /// Bits that `body` would take as the next.
    pub fn cost(&mut self, body: &[u8]) -> f32 {
        let (start, indexed) = (self.bytes.len(), self.before.len());
        let mut bits = 0.0;
        let prices = self.prices.clone();
        self.parse(body, |token| bits += prices.of_token(&token));
        while self.before.len() > indexed {
            let place = self.before.len() - 1;
            let slot = self.slot(place);
            self.last[slot] = self.before[place];
            self.before.pop();
        }
        self.bytes.truncate(start);
        bits
    }

    /// `body` is the next.
    pub fn keep(&mut self, body: &[u8]) {
        self.parse(body, |_| ());
    }

    fn slot(&self, place: usize) -> usize {
        let [a, b, c] = [0, 1, 2].map(|at| usize::from(self.bytes[place + at]));
        (a << 10 ^ b << 5 ^ c) & 0x7fff
    }

    fn parse(&mut self, body: &[u8], mut token: impl FnMut(Token)) {
        let mut at = self.bytes.len();
        self.bytes.extend_from_slice(body);
        let end = self.bytes.len();
        // A match that began one byte earlier.
        let mut held: Option<Match> = None;
        loop {
            let found = self.longest(at);
            match held {
                Some(earlier) if found.is_none_or(|found| found.length <= earlier.length) => {
                    token(Token::Match(earlier));
                    at += earlier.length - 1;
                    held = None;
                }
                _ => {
                    if held.is_some() {
                        token(Token::Literal(self.bytes[at - 1]));
                    }
                    if at >= end {
                        break;
                    }
                    if found.is_none() {
                        token(Token::Literal(self.bytes[at]));
                    }
                    held = found;
                    at += 1;
                }
            }
        }
    }

    /// The longest match at a place. All places before it are indexed.
    fn longest(&mut self, at: usize) -> Option<Match> {
        while self.before.len() < at && self.before.len() + SHORTEST <= self.bytes.len() {
            let slot = self.slot(self.before.len());
            let place = std::mem::replace(&mut self.last[slot], self.before.len());
            self.before.push(place);
        }
        if at + SHORTEST > self.bytes.len() {
            return None;
        }
        let longest = LONGEST.min(self.bytes.len() - at);
        let mut best: Option<Match> = None;
        let mut place = self.last[self.slot(at)];
        for _ in 0..DEPTH {
            if place == NONE || at - place > WINDOW {
                break;
            }
            let length = (0..longest).take_while(|next| self.bytes[place + next] == self.bytes[at + next]).count();
            if length > best.map_or(SHORTEST - 1, |best| best.length) {
                best = Some(Match { length, distance: at - place });
            }
            place = self.before[place];
        }
        best.filter(|best| best.length > SHORTEST || best.distance <= FAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_the_classes_of_deflates_table() {
        assert_eq!(
            [3, 10, 11, 12, 13, 18, 19, 130, 131, 257].map(class).map(|(class, extra)| (class + 257, extra)),
            [(257, 0), (264, 0), (265, 1), (265, 1), (266, 1), (268, 1), (269, 2), (280, 4), (281, 5), (284, 5)]
        );
    }

    #[test]
    fn what_was_before_costs_less() {
        let body = b"a body that does not repeat";
        let mut model = Model::new(Prices::of(&[body.to_vec()]));
        let new = model.cost(body);
        assert_eq!(model.cost(body), new, "a cost leaves no trace");
        model.keep(body);
        assert!(model.cost(body) < new / 4.0);
    }
}
