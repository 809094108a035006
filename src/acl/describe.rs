//! Users as text: what ACL LIST, ACL GETUSER and files show, which as rules make the same user again.

use super::commands::Known;
use super::user::{READ, SWITCHES, Selector, User, WRITE};
use crate::command::category;
use alloc::vec::Vec;

impl User {
    /// All rules, as in `user NAME RULES`.
    pub fn rules(&self, table: &[Known]) -> Vec<u8> {
        let mut words: Vec<Vec<u8>> = self.switch_words().map(|word| word.as_bytes().to_vec()).collect();
        words.extend(self.passwords.iter().map(|hash| [b"#", &hash[..]].concat()));
        for (at, selector) in self.selectors.iter().enumerate() {
            let rules = selector.rules(table);
            words.push(if at == 0 { rules } else { [b"(", &rules[..], b")"].concat() });
        }
        words.join(&b' ')
    }

    pub fn switch_words(&self) -> impl Iterator<Item = &'static str> + Clone {
        let switches = self.switches;
        SWITCHES.iter().filter(move |(switch, _)| switches & switch != 0).map(|(_, word)| *word)
    }
}

impl Selector {
    fn rules(&self, table: &[Known]) -> Vec<u8> {
        let mut parts = Vec::from([self.key_rules()]);
        if !self.all_channels {
            parts.push(b"resetchannels".to_vec());
        }
        parts.push(self.channel_rules());
        parts.push(self.command_rules(table));
        parts.retain(|part| !part.is_empty());
        parts.join(&b' ')
    }

    pub fn key_rules(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let words = self.keys.iter().map(|(access, pattern)| {
            let mark: &[u8] = match *access {
                READ => b"%R~",
                WRITE => b"%W~",
                _ => b"~",
            };
            [mark, pattern].concat()
        });
        words.collect::<Vec<_>>().join(&b' ')
    }

    pub fn channel_rules(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        self.channels.iter().map(|pattern| [b"&", &pattern[..]].concat()).collect::<Vec<_>>().join(&b' ')
    }

    /// Few rules that allow just these commands, found as Redis finds them: from all or nothing on, by the categories that fit best, one after
    /// another, then by single commands. (Redis tells these in the order of a hash table, which differs from run to run; here it is the table's.)
    pub fn command_rules(&self, table: &[Known]) -> Vec<u8> {
        // What the rules told so far allow, and what they leave to be told.
        let mut told = Self { commands: alloc::vec![self.future; table.len()], ..Self::default() };
        let mut left = Self { commands: self.commands.clone(), ..Self::default() };
        let sign = |allow| if allow { b'+' } else { b'-' };
        let mut text = Vec::from([sign(self.future)]);
        text.extend_from_slice(b"@all");
        let mut put = |allow: bool, words: [&[u8]; 3]| {
            text.extend_from_slice(&[b' ', sign(allow)]);
            text.extend(words.concat());
        };
        let allow = !self.future;
        let mut applied = 0;
        while let Some((place, name)) = left.best_category(table, allow, applied) {
            told.change_category(table, place, allow);
            left.change_category(table, place, !allow);
            applied |= place;
            put(allow, [b"@", name.as_bytes(), b""]);
        }
        for ((number, known), allowed) in table.iter().enumerate().zip(&self.commands) {
            let name = known.name.as_bytes();
            if told.commands.get(number) != Some(allowed) {
                told.change_command(table, number, *allowed);
                put(*allowed, [name, b"", b""]);
            }
            for (_, word) in self.first_args.iter().filter(|(of, _)| *of == number && !allowed) {
                put(true, [name, b"|", word]);
            }
        }
        text
    }

    /// The category most of whose commands are allowed (or forbidden): that with the fewest others, then with the most.
    fn best_category(&self, table: &[Known], allowed: bool, without: u32) -> Option<(u32, &'static str)> {
        let mut best = None;
        let (mut fewest, mut most) = (usize::MAX, 0);
        for (place, name) in (0u32..).zip(category::NAMES) {
            let bit = 1u32.wrapping_shl(place);
            let among = table.iter().zip(&self.commands).filter(|(known, _)| known.categories & bit != 0 && !known.uncounted);
            let all = among.clone().count();
            let same = among.filter(|(_, now)| **now == allowed).count();
            let others = all.saturating_sub(same);
            let better = others < fewest || others == fewest && same > most;
            if without & bit == 0 && same > others && better {
                (best, fewest, most) = (Some((bit, *name)), others, same);
            }
        }
        best
    }
}
