//! SLOWLOG: the latest commands that took long. Times come from the host's clock; without one nothing is logged.

use crate::number;
use crate::time::Millis;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

/// Words of a request that are kept, and bytes of a word.
const WORDS: usize = 32;
const WORD_BYTES: usize = 128;

/// One slow command.
#[derive(Debug)]
pub struct Slow {
    /// Grows with each entry, over resets too.
    pub id: u64,
    pub at: Millis,
    pub microseconds: u64,
    /// The request, long ones cut.
    pub argv: Vec<Vec<u8>>,
    pub address: String,
    /// The name of the connection.
    pub name: Vec<u8>,
}

/// The log, the latest entry in front.
#[derive(Debug, Default)]
pub struct SlowLog {
    pub entries: VecDeque<Slow>,
    next: u64,
}

impl SlowLog {
    /// Adds an entry, whose number is given here, and forgets the oldest beyond `most`.
    pub fn add(&mut self, entry: Slow, most: usize) {
        self.entries.push_front(Slow { id: self.next, ..entry });
        self.next = self.next.wrapping_add(1);
        self.entries.truncate(most);
    }
}

/// Words as the log keeps them.
pub fn cut(argv: &[&[u8]]) -> Vec<Vec<u8>> {
    let more = |left: usize, of: &[u8]| {
        let mut digits = [0; 20];
        [b"... (", number::write_i64(i64::try_from(left).unwrap_or(i64::MAX), &mut digits), of].concat()
    };
    let whole = if argv.len() > WORDS { WORDS.saturating_sub(1) } else { argv.len() };
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for word in argv.iter().take(whole) {
        kept.push(match word.split_at_checked(WORD_BYTES) {
            Some((start, rest)) if !rest.is_empty() => [start, &more(rest.len(), b" more bytes)")].concat(),
            _ => word.to_vec(),
        });
    }
    if whole < argv.len() {
        kept.push(more(argv.len().saturating_sub(whole), b" more arguments)"));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_requests_are_cut() {
        let words: Vec<Vec<u8>> = (0..33).map(|n: u8| alloc::vec![b'x'; usize::from(n) + 97]).collect();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let kept = cut(&words);
        assert_eq!(kept.len(), 32);
        assert_eq!(kept[31], b"... (2 more arguments)");
        assert_eq!(kept[30].len(), 127);
        assert_eq!(cut(&words[..32])[31], words[31]);
        assert_eq!(cut(&words[32..])[0], [&[b'x'; 128][..], b"... (1 more bytes)"].concat());
    }

    #[test]
    fn the_oldest_go() {
        let mut log = SlowLog::default();
        for at in 0..5 {
            let slow = Slow { id: 0, at, microseconds: 1, argv: Vec::new(), address: String::new(), name: Vec::new() };
            log.add(slow, 3);
        }
        assert_eq!(log.entries.iter().map(|entry| (entry.id, entry.at)).collect::<Vec<_>>(), [(4, 4), (3, 3), (2, 2)]);
    }
}
