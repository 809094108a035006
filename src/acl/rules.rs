//! Rules: the words of ACL SETUSER and of files, applied to a user one after another.

use super::commands::{self, Known};
use super::sha256;
use super::user::{
    CHANNELS, FIRST_ARGS, KEYS, NOPASS, OFF, ON, PASSWORD, READ, SANITIZE, SKIP_SANITIZE, Selector, Sort, Switches, User, WRITE,
    first_arg,
};
use crate::command::args::is_token;
use crate::command::category;
use crate::error::c_string;
use crate::resp::parse::split_quoted;
use alloc::vec::Vec;

/// Why a rule was not applied: Redis's sentence.
pub type Refusal = &'static str;

pub const UNKNOWN: Refusal = "Unknown command or category name in ACL";
const SYNTAX: Refusal = "Syntax error";
const AFTER_ALL_KEYS: Refusal = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns";
const AFTER_ALL_CHANNELS: Refusal = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels";
const NO_SUCH_PASSWORD: Refusal = "The password you are trying to remove from the user does not exist";
const BAD_HASH: Refusal = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
const FIRST_ARG_OF_SUB: Refusal = "Allowing first-arg of a subcommand is not supported";

/// What rules are read with.
pub struct Grammar {
    pub commands: Vec<Known>,
    /// `acl-pubsub-default`: new selectors may use all channels.
    pub all_channels: bool,
}

/// Whether a name or pattern holds what would tear the text of a user apart.
pub fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0))
}

/// Joins selectors whose parentheses span several words.
///
/// # Errors
/// The word that opens a parenthesis which nothing closes.
pub fn merge<'a>(words: &[&'a [u8]]) -> Result<Vec<Vec<u8>>, &'a [u8]> {
    let mut merged: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<&'a [u8]> = None;
    for word in words {
        let closes = word.ends_with(b")");
        let opens = word.starts_with(b"(") && !closes;
        match merged.last_mut() {
            Some(text) if open.is_some() && !opens => {
                text.push(b' ');
                text.extend_from_slice(c_string(word));
            }
            last => {
                // One that is opened inside another takes its place.
                if let (Some(_), Some(text)) = (open, last) {
                    text.clear();
                    text.extend_from_slice(word);
                } else {
                    merged.push(word.to_vec());
                }
            }
        }
        if opens {
            open = Some(word);
        } else if closes {
            open = None;
        }
    }
    open.map_or(Ok(merged), Err)
}

/// What rules that are one word do beside switching.
const NO_PASSWORDS: Switches = 1 << 5;
const NO_SELECTORS: Switches = 1 << 6;
const ANEW: Switches = 1 << 7;

/// Words about a user: what each switches on, and off.
const OF_USERS: [(&str, Switches, Switches); 8] = [
    ("on", ON, OFF),
    ("off", OFF, ON),
    ("skip-sanitize-payload", SKIP_SANITIZE, SANITIZE),
    ("sanitize-payload", SANITIZE, SKIP_SANITIZE),
    ("nopass", NOPASS | NO_PASSWORDS, 0),
    ("resetpass", NO_PASSWORDS, NOPASS),
    ("clearselectors", NO_SELECTORS, 0),
    ("reset", SANITIZE | ANEW, 0),
];

/// Words about a selector: of which sort each allows all, or nothing.
const OF_SELECTORS: [(&str, Sort, bool); 10] = [
    ("allkeys", KEYS, true),
    ("~*", KEYS, true),
    ("resetkeys", KEYS, false),
    ("allchannels", CHANNELS, true),
    ("&*", CHANNELS, true),
    ("resetchannels", CHANNELS, false),
    ("allcommands", FIRST_ARGS, true),
    ("+@all", FIRST_ARGS, true),
    ("nocommands", FIRST_ARGS, false),
    ("-@all", FIRST_ARGS, false),
];

impl User {
    /// Applies one rule.
    ///
    /// # Errors
    /// Why it cannot be; nothing has changed then.
    pub fn apply(&mut self, rule: &[u8], grammar: &Grammar) -> Result<(), Refusal> {
        let word = c_string(rule);
        if let Some((_, on, off)) = OF_USERS.iter().find(|(known, ..)| is_token(word, known)) {
            if on & ANEW != 0 {
                *self = Self::new(&self.name, grammar.commands.len(), grammar.all_channels);
            }
            if on & NO_PASSWORDS != 0 {
                self.passwords.clear();
            }
            if on & NO_SELECTORS != 0 {
                self.selectors.truncate(1);
            }
            self.switches = self.switches & !off | on & !(ANEW | NO_PASSWORDS | NO_SELECTORS);
            return Ok(());
        }
        match rule {
            [] => {}
            [mark @ (b'>' | b'#' | b'<' | b'!'), text @ ..] => return self.change_password(*mark, text),
            [b'(', rules @ .., b')'] => {
                let mut selector = Selector::new(grammar.commands.len(), grammar.all_channels);
                for rule in split_quoted(rules).unwrap_or_default() {
                    selector.apply(&rule, &grammar.commands)?;
                }
                self.selectors.push(selector);
            }
            _ => self.selectors.first_mut().ok_or(SYNTAX)?.apply(rule, &grammar.commands)?,
        }
        Ok(())
    }

    /// `>password`, `<password`, and with hashes `#hash`, `!hash`.
    fn change_password(&mut self, mark: u8, text: &[u8]) -> Result<(), Refusal> {
        let hash = match mark {
            b'>' | b'<' => sha256::hex(text),
            _ => <[u8; 64]>::try_from(text).map_err(|_| BAD_HASH)?,
        };
        if !hash.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(BAD_HASH);
        }
        let known = self.passwords.iter().position(|(_, known)| known[..] == hash);
        match (mark, known) {
            (b'>' | b'#', known) => {
                if known.is_none() {
                    self.passwords.push((PASSWORD, hash.to_vec()));
                }
                self.switches &= !NOPASS;
            }
            (_, Some(known)) => {
                self.passwords.remove(known);
            }
            (_, None) => return Err(NO_SUCH_PASSWORD),
        }
        Ok(())
    }
}

impl Selector {
    fn apply(&mut self, rule: &[u8], table: &[Known]) -> Result<(), Refusal> {
        let word = c_string(rule);
        if let Some((_, sort, all)) = OF_SELECTORS.iter().find(|(known, ..)| is_token(word, known)) {
            self.words.retain(|(of, _)| of & sort == 0);
            if *sort == FIRST_ARGS {
                self.commands.fill(*all);
            }
            self.all = if *all { self.all | sort } else { self.all & !sort };
            return Ok(());
        }
        match word {
            [mark @ (b'+' | b'-'), b'@', name @ ..] => {
                let categories = category::named(name).ok_or(UNKNOWN)?;
                self.change_category(table, categories, *mark == b'+');
            }
            [mark @ (b'+' | b'-'), name @ ..] => return self.change_named(*mark == b'+', name, table),
            [b'~' | b'%', ..] => return self.add_keys(rule),
            [b'&', ..] if self.all & CHANNELS != 0 => return Err(AFTER_ALL_CHANNELS),
            [b'&', ..] => return self.add(CHANNELS, rule.get(1..).unwrap_or_default()),
            _ => return Err(SYNTAX),
        }
        Ok(())
    }

    /// `+command`, `-command`, the same with `container|subcommand`, and `+command|word`, which allows a command with that first word only.
    fn change_named(&mut self, allow: bool, name: &[u8], table: &[Known]) -> Result<(), Refusal> {
        let bar = name.iter().rposition(|byte| *byte == b'|').filter(|_| allow).and_then(|bar| name.split_at_checked(bar));
        if let Some((command, word)) = bar {
            let number = commands::find(table, command).ok_or(UNKNOWN)?;
            if table.get(number).is_some_and(|known| known.sub) {
                return Err(FIRST_ARG_OF_SUB);
            }
            if word.len() < 2 {
                return Err(SYNTAX);
            }
            if !commands::is_container(table, number) {
                return self.add(first_arg(number), word.get(1..).unwrap_or_default());
            }
        }
        let number = commands::find(table, name).ok_or(UNKNOWN)?;
        self.change_command(table, number, allow);
        Ok(())
    }

    /// `~pattern`, `%R~pattern`, `%W~pattern`, `%RW~pattern`.
    fn add_keys(&mut self, rule: &[u8]) -> Result<(), Refusal> {
        if self.all & KEYS != 0 {
            return Err(AFTER_ALL_KEYS);
        }
        let mut access = 0;
        let mut rest = rule.get(1..).unwrap_or_default();
        if rule.starts_with(b"~") {
            access = KEYS;
        } else {
            while let Some((letter, behind)) = rest.split_first() {
                rest = behind;
                access |= match letter.to_ascii_uppercase() {
                    b'R' if access & READ == 0 => READ,
                    b'W' if access & WRITE == 0 => WRITE,
                    b'~' => break,
                    _ => return Err(SYNTAX),
                };
            }
        }
        // Redis takes `%~x`, a pattern for nothing, and dies when it is to tell it.
        if access == 0 { Err(SYNTAX) } else { self.add(access, rest) }
    }

    /// Adds a word of some sort, unless it is there. A key pattern that is there may be used for more now.
    fn add(&mut self, sort: Sort, text: &[u8]) -> Result<(), Refusal> {
        let first_arg = sort & FIRST_ARGS != 0;
        if has_spaces(text) && !first_arg {
            return Err(SYNTAX);
        }
        let known = self.words.iter_mut().find(|(known, word)| {
            let alike = *known == sort || (*known | sort) & !KEYS == 0;
            alike && if first_arg { word.eq_ignore_ascii_case(text) } else { word == text }
        });
        match known {
            Some((known, _)) => *known |= sort,
            None => self.words.push((sort, text.to_vec())),
        }
        Ok(())
    }

    /// Allows or forbids a command with its subcommands.
    pub(super) fn change_command(&mut self, table: &[Known], number: usize, allow: bool) {
        let name = table.get(number).map(|known| known.name);
        self.change(table, allow, &|known| Some(known.name) == name);
    }

    /// The same with all commands that are in one of some categories.
    pub(super) fn change_category(&mut self, table: &[Known], categories: category::Categories, allow: bool) {
        self.change(table, allow, &|known| known.categories & categories != 0);
    }

    fn change(&mut self, table: &[Known], allow: bool, picked: &dyn Fn(&Known) -> bool) {
        let mut with_parts = false;
        for ((number, known), allowed) in table.iter().enumerate().zip(&mut self.commands) {
            let itself = picked(known);
            if !known.sub {
                with_parts = itself;
            }
            if itself || known.sub && with_parts {
                *allowed = allow;
            }
            if itself {
                let first_arg = first_arg(number);
                self.words.retain(|(sort, _)| *sort != first_arg);
            }
        }
    }
}
