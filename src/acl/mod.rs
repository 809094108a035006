//! Who may do what.
//!
//! Users have *rules* ([`rules`]): words that allow and forbid, kept as what they come to ([`user`]) and told as words again ([`describe`]). A session
//! holds the user it speaks for as it is now, unless that is the default user and may do everything: then it holds none, and nothing is
//! checked. Every request of the others is held against the user's selectors ([`check`]), as far as the command's row tells what it does. What was
//! refused is kept for ACL LOG ([`log`]).

pub mod check;
pub mod commands;
pub mod describe;
pub mod log;
pub mod rules;
pub mod sha256;
pub mod user;

use crate::error::c_string;
use crate::value::sort::sort;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rules::{Grammar, UNKNOWN};
use user::{NOPASS, OFF, ON, Selector, User};

/// The name of the user that sessions begin as.
pub const DEFAULT: &[u8] = b"default";

/// All users.
#[derive(Debug)]
pub struct Acl {
    /// There is always one.
    default: Arc<User>,
    /// The others, in no order.
    named: Vec<Arc<User>>,
    /// The latest first.
    pub log: VecDeque<log::Entry>,
}

/// The default user as it is before anybody said something about it.
fn all_powerful() -> User {
    let commands = alloc::vec![true; commands::count()];
    let selector = Selector { commands, future: true, all_keys: true, all_channels: true, ..Selector::default() };
    User { name: DEFAULT.to_vec(), switches: ON | NOPASS, passwords: Vec::new(), selectors: Vec::from([selector]) }
}

impl Acl {
    /// The default user alone, with `requirepass` as its password.
    pub fn new(requirepass: &[u8]) -> Self {
        let mut acl = Self { default: Arc::new(all_powerful()), named: Vec::new(), log: VecDeque::new() };
        acl.require(requirepass);
        acl
    }

    /// Makes this the only password of the default user; an empty one stands for none.
    pub fn require(&mut self, password: &[u8]) {
        let user = Arc::make_mut(&mut self.default);
        user.passwords.clear();
        user.switches &= !NOPASS;
        if password.is_empty() {
            user.switches |= NOPASS;
        } else {
            user.passwords.push(sha256::hex(password));
        }
    }

    pub fn user(&self, name: &[u8]) -> Option<&Arc<User>> {
        if name == DEFAULT { Some(&self.default) } else { self.named.iter().find(|user| user.name == name) }
    }

    /// All users by name.
    pub fn users(&self) -> Vec<&Arc<User>> {
        let mut users: Vec<&Arc<User>> = self.named.iter().chain([&self.default]).collect();
        sort(&mut users, |one, other| one.name.cmp(&other.name));
        users
    }

    /// One line a user: `user NAME RULES`.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        let table = commands::table();
        self.users().iter().map(|user| [b"user ", &user.name[..], b" ", &user.rules(&table)].concat()).collect()
    }

    /// Whether sessions must say who they are before they may do anything.
    pub fn requires_auth(&self) -> bool {
        !self.default.has(NOPASS) || self.default.has(OFF)
    }

    /// Whether the default user needs no password.
    pub fn is_open(&self) -> bool {
        self.default.has(NOPASS)
    }

    /// What a session of this user holds: the user, or nothing where there is nothing to check. A user who is gone is the default one.
    pub fn held(&self, name: &[u8]) -> Option<Arc<User>> {
        let user = self.user(name).unwrap_or(&self.default);
        let nothing_to_check = user.name == DEFAULT && user.is_unrestricted();
        (!nothing_to_check).then(|| user.clone())
    }

    pub fn put(&mut self, user: User) {
        let place = self.named.iter().position(|known| known.name == user.name);
        let user = Arc::new(user);
        match place.and_then(|place| self.named.get_mut(place)) {
            Some(known) => *known = user,
            None if user.name == DEFAULT => self.default = user,
            None => self.named.push(user),
        }
    }

    /// Forgets a user; the default one stays.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let before = self.named.len();
        self.named.retain(|user| user.name != name);
        before != self.named.len()
    }

    /// A user as some words of rules make it out of what it is now, or out of nothing. It is not one of the users yet.
    ///
    /// # Errors
    /// A sentence.
    pub fn changed(&self, name: &[u8], words: &[&[u8]], grammar: &Grammar) -> Result<User, Vec<u8>> {
        let words = rules::merge(words)
            .map_err(|open| [b"Unmatched parenthesis in acl selector starting at '", c_string(open), b"'."].concat())?;
        let known = self.user(name).map(|user| (**user).clone());
        let mut user = known.unwrap_or_else(|| User::new(name, grammar.commands.len(), grammar.all_channels));
        for word in &words {
            if let Err(refusal) = user.apply(word, grammar) {
                return Err([b"Error in ACL SETUSER modifier '", c_string(word), b"': ", refusal.as_bytes()].concat());
            }
        }
        Ok(user)
    }

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
        let defined = |user: &Arc<User>| user.name != DEFAULT || user.has(user::SANITIZE | user::SKIP_SANITIZE);
        if self.user(name).is_some_and(defined) {
            return Err(refusal(name, rules::DUPLICATE));
        }
        let grammar = Grammar { commands: commands::table(), all_channels };
        let mut user = User::new(name, grammar.commands.len(), all_channels);
        if *name == DEFAULT {
            user.switches |= user::SANITIZE;
        }
        let words = rules::merge(words).map_err(|open| refusal(open, "Unmatched parenthesis"))?;
        for word in &words {
            user.apply(word, &grammar).map_err(|text| refusal(word, text))?;
        }
        self.put(user);
        Ok(())
    }

    /// The users that the text of an ACL file defines. A file that has no default user leaves it as powerful as it is in the beginning.
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
            let number = alloc::string::ToString::to_string(&at.saturating_add(1));
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

    /// Puts the users of a file in the place of all.
    pub fn replace(&mut self, users: Vec<User>) {
        self.named.clear();
        self.default = Arc::new(all_powerful());
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
