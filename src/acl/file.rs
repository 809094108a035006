//! Users in files: `user` lines of a configuration, and ACL files, which hold nothing else.

use super::rules::{self, Grammar, Refusal, UNKNOWN};
use super::user::{SANITIZE, SKIP_SANITIZE, User};
use super::{Acl, DEFAULT, commands};
use crate::error::c_string;
use alloc::string::ToString;
use alloc::vec::Vec;

const DUPLICATE: Refusal = "Duplicate user found. A user can only be defined once in config files";

impl Acl {
    /// Defines a user from a `user NAME RULES` line of the configuration.
    ///
    /// # Errors
    /// A sentence, for who starts the server.
    pub fn define(&mut self, words: &[&[u8]], all_channels: bool) -> Result<(), Vec<u8>> {
        let Some((name, words)) = words.split_first() else { return Err(b"wrong number of arguments".to_vec()) };
        let refusal = |word: &[u8], text: &str| [b"Error in user declaration '", word, b"': ", text.as_bytes()].concat();
        if rules::has_spaces(name) {
            return Err(refusal(name, "Spaces not allowed in ACL usernames"));
        }
        // The default user is there before a line defines it; afterwards it has one of these.
        let defined = |user: &User| user.name != DEFAULT || user.has(SANITIZE | SKIP_SANITIZE);
        if self.user(name).is_some_and(|user| defined(user)) {
            return Err(refusal(name, DUPLICATE));
        }
        let grammar = Grammar { commands: commands::table(), all_channels };
        let mut user = User::new(name, grammar.commands.len(), all_channels);
        if *name == DEFAULT {
            user.switches |= SANITIZE;
        }
        let words = rules::merge(words).map_err(|open| refusal(open, "Unmatched parenthesis"))?;
        for word in &words {
            user.apply(word, &grammar).map_err(|text| refusal(word, text))?;
        }
        self.put(user);
        Ok(())
    }

    /// The users that the text of an ACL file defines.
    ///
    /// # Errors
    /// All that is wrong with the file, in one line.
    pub fn read(name: &[u8], text: &[u8], all_channels: bool) -> Result<Vec<User>, Vec<u8>> {
        let grammar = Grammar { commands: commands::table(), all_channels };
        let mut users: Vec<User> = Vec::new();
        let mut errors: Vec<u8> = Vec::new();
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let number = at.saturating_add(1).to_string();
            let place = [name, b":", number.as_bytes()].concat();
            let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            let [b"user", username, words @ ..] = &words[..] else {
                errors.extend([&place[..], b" should start with user keyword followed by the username. "].concat());
                continue;
            };
            if rules::has_spaces(username) {
                errors.extend([b"'", &place[..], b": username '", username, b"' contains invalid characters. "].concat());
            } else if users.iter().any(|user| user.name == **username) {
                errors.extend([b"WARNING: Duplicate user '", *username, b"' found on line ", number.as_bytes(), b". "].concat());
            } else {
                users.push(read_user(username, words, &grammar, &place, &mut errors));
            }
        }
        if errors.is_empty() {
            return Ok(users);
        }
        errors.extend_from_slice(b"WARNING: ACL errors detected, no change to the previously active ACL rules was performed");
        Err(errors)
    }

    /// Puts the users of a file in the place of all. Where the file has no default user, it may do everything again.
    pub fn replace(&mut self, users: Vec<User>) {
        let log = core::mem::take(&mut self.log);
        *self = Self { log, ..Self::new(b"") };
        for user in users {
            self.put(user);
        }
    }
}

/// The user of one line of a file; what is wrong with it goes to `errors`.
fn read_user(name: &[u8], words: &[&[u8]], grammar: &Grammar, place: &[u8], errors: &mut Vec<u8>) -> User {
    let mut user = User::new(name, grammar.commands.len(), grammar.all_channels);
    let Ok(words) = rules::merge(words) else {
        errors.extend([place, b": Unmatched parenthesis in selector definition."].concat());
        return user;
    };
    let mut told = false;
    for word in &words {
        match user.apply(word.trim_ascii(), grammar) {
            Ok(()) => {}
            Err(UNKNOWN) => {
                errors.extend(
                    [place, b": Error in applying operation '", c_string(word), b"': ", UNKNOWN.as_bytes(), b". "].concat(),
                );
            }
            // One of the others may be the reason of those that follow.
            Err(refusal) if !told => {
                told = true;
                errors.extend([place, b": ", refusal.as_bytes(), b". "].concat());
            }
            Err(_) => {}
        }
    }
    user
}
