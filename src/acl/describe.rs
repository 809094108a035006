//! Users as text: what ACL LIST, ACL GETUSER and files show, which as rules make the same user again.

use super::commands::Known;
use super::user::{CHANNELS, FIRST_ARGS, KEYS, READ, SWITCHES, Selector, Sort, User, WRITE, first_arg};
use crate::command::category;
use alloc::vec::Vec;

fn put(text: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        text.extend_from_slice(part);
    }
}

impl User {
    /// A line of a configuration file: `user NAME RULES`.
    pub fn line(&self, table: &[Known]) -> Vec<u8> {
        let mut text = Vec::new();
        put(&mut text, &[b"user ", &self.name, b" "]);
        for (switch, word) in SWITCHES {
            if self.has(switch) {
                put(&mut text, &[word.as_bytes(), b" "]);
            }
        }
        for (_, hash) in &self.passwords {
            put(&mut text, &[b"#", hash, b" "]);
        }
        for (at, selector) in self.selectors.iter().enumerate() {
            if at > 0 {
                put(&mut text, &[b" ("]);
            }
            selector.put_words(KEYS, &mut text);
            if selector.all & CHANNELS == 0 {
                put(&mut text, &[b"resetchannels "]);
            }
            selector.put_words(CHANNELS, &mut text);
            selector.put_commands(table, &mut text);
            if at > 0 {
                put(&mut text, &[b")"]);
            }
        }
        text
    }
}

impl Selector {
    /// The patterns of keys or channels as rules, a space behind each.
    pub fn put_words(&self, wanted: Sort, text: &mut Vec<u8>) {
        if self.all & wanted != 0 {
            put(text, &[if wanted == KEYS { b"~* " } else { b"&* " }]);
        }
        for (sort, word) in &self.words {
            let mark: &[u8] = match *sort & wanted {
                0 => continue,
                READ => b"%R~",
                WRITE => b"%W~",
                KEYS => b"~",
                _ => b"&",
            };
            put(text, &[mark, word, b" "]);
        }
    }

    /// Few rules that allow just these commands, found as Redis finds them: from all or nothing on, by the categories that fit best, one after
    /// another, then by single commands. (Redis tells these in the order of a hash table, which differs from run to run; here it is the table's.)
    pub fn put_commands(&self, table: &[Known], text: &mut Vec<u8>) {
        let future = self.all & FIRST_ARGS != 0;
        // What the rules told so far allow, and what they leave to be told.
        let mut told = Self::new(table.len(), false);
        told.commands.fill(future);
        let mut left = Self::new(0, false);
        left.commands.clone_from(&self.commands);
        let sign = |allow: bool| -> &[u8] { if allow { b"+" } else { b"-" } };
        put(text, &[sign(future), b"@all"]);
        let mut applied = 0;
        while let Some((bit, name)) = left.best_category(table, !future, applied) {
            told.change_category(table, bit, !future);
            left.change_category(table, bit, future);
            applied |= bit;
            put(text, &[b" ", sign(!future), b"@", name.as_bytes()]);
        }
        for ((number, known), allowed) in table.iter().enumerate().zip(&self.commands) {
            let name = known.name.as_bytes();
            if told.commands.get(number) != Some(allowed) {
                told.change_command(table, number, *allowed);
                put(text, &[b" ", sign(*allowed), name]);
            }
            for (sort, word) in &self.words {
                if *sort == first_arg(number) && !allowed {
                    put(text, &[b" +", name, b"|", word]);
                }
            }
        }
    }

    /// The category most of whose commands are allowed (or forbidden): that with the fewest others, then with the most.
    fn best_category(&self, table: &[Known], allowed: bool, without: u32) -> Option<(u32, &'static str)> {
        let mut best = None;
        let (mut fewest, mut most) = (usize::MAX, 0);
        for (place, name) in (0u32..).zip(category::NAMES) {
            let bit = 1u32.wrapping_shl(place);
            let mut counts = [0usize; 2];
            let [others, same] = &mut counts;
            for (known, now) in table.iter().zip(&self.commands) {
                if known.categories & bit & !without != 0 && !known.uncounted {
                    let count = if *now == allowed { &mut *same } else { &mut *others };
                    *count = count.wrapping_add(1);
                }
            }
            let [others, same] = counts;
            if same > others && (others < fewest || others == fewest && same > most) {
                (best, fewest, most) = (Some((bit, *name)), others, same);
            }
        }
        best
    }
}
