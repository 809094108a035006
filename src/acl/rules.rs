//! Rules: the words of ACL SETUSER and of files, applied to a user one after another.

use super::commands::{self, Known};
use super::sha256;
use super::user::{Access, NOPASS, OFF, ON, READ, SANITIZE, SKIP_SANITIZE, Selector, User, WRITE};
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
pub const DUPLICATE: Refusal = "Duplicate user found. A user can only be defined once in config files";

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
    let mut open: Option<(&'a [u8], Vec<u8>)> = None;
    for word in words {
        let closes = word.ends_with(b")");
        if word.starts_with(b"(") && !closes {
            open = Some((word, word.to_vec()));
        } else if let Some((_, text)) = &mut open {
            text.push(b' ');
            text.extend_from_slice(c_string(word));
            if closes {
                merged.extend(open.take().map(|(_, text)| text));
            }
        } else {
            merged.push(word.to_vec());
        }
    }
    open.map_or(Ok(merged), |(start, _)| Err(start))
}

/// The SHA-256 that a password rule is about.
fn hash_of(mark: u8, text: &[u8]) -> Result<[u8; 64], Refusal> {
    if matches!(mark, b'>' | b'<') {
        return Ok(sha256::hex(text));
    }
    let digits = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    <[u8; 64]>::try_from(text).ok().filter(|_| digits).ok_or(BAD_HASH)
}

impl User {
    /// Applies one rule.
    ///
    /// # Errors
    /// Why it cannot be; nothing has changed then.
    pub fn apply(&mut self, rule: &[u8], grammar: &Grammar) -> Result<(), Refusal> {
        let (on, off) = match c_string(rule).to_ascii_lowercase().as_slice() {
            b"on" => (ON, OFF),
            b"off" => (OFF, ON),
            b"skip-sanitize-payload" => (SKIP_SANITIZE, SANITIZE),
            b"sanitize-payload" => (SANITIZE, SKIP_SANITIZE),
            b"nopass" => {
                self.passwords.clear();
                (NOPASS, 0)
            }
            b"resetpass" => {
                self.passwords.clear();
                (0, NOPASS)
            }
            b"clearselectors" => {
                self.selectors.truncate(1);
                (0, 0)
            }
            b"reset" => {
                *self = Self::new(&self.name, grammar.commands.len(), grammar.all_channels);
                (SANITIZE, 0)
            }
            _ => return self.apply_marked(rule, grammar),
        };
        self.switches = self.switches & !off | on;
        Ok(())
    }

    /// A rule that begins with a mark, or one for the selector.
    fn apply_marked(&mut self, rule: &[u8], grammar: &Grammar) -> Result<(), Refusal> {
        match rule {
            [] => {}
            [mark @ (b'>' | b'#'), text @ ..] => {
                let hash = hash_of(*mark, text)?;
                if !self.passwords.contains(&hash) {
                    self.passwords.push(hash);
                }
                self.switches &= !NOPASS;
            }
            [mark @ (b'<' | b'!'), text @ ..] => {
                let hash = hash_of(*mark, text)?;
                let known = self.passwords.iter().position(|known| *known == hash).ok_or(NO_SUCH_PASSWORD)?;
                self.passwords.remove(known);
            }
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
}

impl Selector {
    fn apply(&mut self, rule: &[u8], table: &[Known]) -> Result<(), Refusal> {
        match c_string(rule).to_ascii_lowercase().as_slice() {
            word @ (b"allkeys" | b"~*" | b"resetkeys") => {
                self.keys.clear();
                self.all_keys = word != b"resetkeys";
            }
            word @ (b"allchannels" | b"&*" | b"resetchannels") => {
                self.channels.clear();
                self.all_channels = word != b"resetchannels";
            }
            word @ (b"allcommands" | b"+@all" | b"nocommands" | b"-@all") => {
                self.future = matches!(word, b"allcommands" | b"+@all");
                self.commands.fill(self.future);
                self.first_args.clear();
            }
            [mark @ (b'+' | b'-'), b'@', name @ ..] => {
                let categories = category::named(name).ok_or(UNKNOWN)?;
                self.change_category(table, categories, *mark == b'+');
            }
            [b'-', name @ ..] => {
                let number = commands::find(table, name).ok_or(UNKNOWN)?;
                self.change_command(table, number, false);
            }
            [b'+', ..] => return self.allow(c_string(rule), table),
            [b'~' | b'%', ..] => return self.add_keys(rule),
            [b'&', ..] => {
                let pattern = rule.get(1..).unwrap_or_default();
                if self.all_channels {
                    return Err(AFTER_ALL_CHANNELS);
                }
                if has_spaces(pattern) {
                    return Err(SYNTAX);
                }
                if !self.channels.iter().any(|known| known == pattern) {
                    self.channels.push(pattern.to_vec());
                }
            }
            _ => return Err(SYNTAX),
        }
        Ok(())
    }

    /// `+command`, `+container|subcommand`, and `+command|word`, which allows a command with that first word only.
    fn allow(&mut self, rule: &[u8], table: &[Known]) -> Result<(), Refusal> {
        let name = rule.get(1..).unwrap_or_default();
        let Some(bar) = name.iter().rposition(|byte| *byte == b'|') else {
            let number = commands::find(table, name).ok_or(UNKNOWN)?;
            self.change_command(table, number, true);
            return Ok(());
        };
        let (command, word) = (name.get(..bar).unwrap_or_default(), name.get(bar.saturating_add(1)..).unwrap_or_default());
        let number = commands::find(table, command).ok_or(UNKNOWN)?;
        if table.get(number).is_some_and(|known| known.sub) {
            return Err(FIRST_ARG_OF_SUB);
        }
        if word.is_empty() {
            return Err(SYNTAX);
        }
        if commands::is_container(table, number) {
            let number = commands::find(table, name).ok_or(UNKNOWN)?;
            self.change_command(table, number, true);
        } else if !self.first_args.iter().any(|(of, known)| *of == number && known.eq_ignore_ascii_case(word)) {
            self.first_args.push((number, word.to_vec()));
        }
        Ok(())
    }

    /// `~pattern`, `%R~pattern`, `%W~pattern`, `%RW~pattern`.
    fn add_keys(&mut self, rule: &[u8]) -> Result<(), Refusal> {
        if self.all_keys {
            return Err(AFTER_ALL_KEYS);
        }
        let mut access: Access = 0;
        let mut rest = rule.get(1..).unwrap_or_default();
        if rule.starts_with(b"~") {
            access = READ | WRITE;
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
        if access == 0 || has_spaces(rest) {
            return Err(SYNTAX);
        }
        match self.keys.iter_mut().find(|(_, known)| known == rest) {
            Some((known, _)) => *known |= access,
            None => self.keys.push((access, rest.to_vec())),
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
                self.first_args.retain(|(of, _)| *of != number);
            }
        }
    }
}
