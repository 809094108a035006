//! Who may do what.
//!
//! Users have *rules* ([`rules`]): words that allow and forbid, kept as what they come to ([`user`]) and told as words again ([`describe`]). A session
//! holds the user it speaks for as it is now, unless that is the default user and may do everything: then it holds none, and nothing is
//! checked. Every request of the others is held against the user's selectors ([`check`]), as far as the command's row tells what it does. What was
//! refused is kept for ACL LOG ([`log`]). Files with users (`file`) are a server's.

pub mod check;
pub mod commands;
pub mod describe;
#[cfg(feature = "server")]
pub mod file;
pub mod log;
pub mod rules;
pub mod sha256;
pub mod user;

use crate::error::c_string;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rules::Grammar;
use user::{CHANNELS, FIRST_ARGS, KEYS, NOPASS, OFF, ON, PASSWORD, User};

/// The name of the user that sessions begin as.
pub const DEFAULT: &[u8] = b"default";

/// All users.
#[derive(Debug)]
pub struct Acl {
    /// By name. There is always the default user.
    users: Vec<Arc<User>>,
    /// The latest first.
    pub log: Vec<log::Entry>,
}

impl Acl {
    /// The default user alone, who may do everything, with `requirepass` as its password.
    pub fn new(requirepass: &[u8]) -> Self {
        let mut user = User::new(DEFAULT, commands::table().len(), true);
        for selector in &mut user.selectors {
            selector.all = KEYS | CHANNELS | FIRST_ARGS;
            selector.commands.fill(true);
        }
        user.switches = ON;
        let mut acl = Self { users: Vec::from([Arc::new(user)]), log: Vec::new() };
        acl.require(requirepass);
        acl
    }

    /// Makes this the only password of the default user; an empty one stands for none.
    pub fn require(&mut self, password: &[u8]) {
        let Some(user) = self.user(DEFAULT) else { return };
        let mut user = (**user).clone();
        user.passwords.clear();
        user.switches &= !NOPASS;
        if password.is_empty() {
            user.switches |= NOPASS;
        } else {
            user.passwords.push((PASSWORD, sha256::hex(password).to_vec()));
        }
        self.put(user);
    }

    pub fn user(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.users.iter().find(|user| user.name == name)
    }

    /// All users by name.
    pub fn users(&self) -> &[Arc<User>] {
        &self.users
    }

    /// One line a user: `user NAME RULES`.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        let table = commands::table();
        self.users.iter().map(|user| user.line(&table)).collect()
    }

    /// Whether sessions must say who they are before they may do anything.
    pub fn requires_auth(&self) -> bool {
        self.user(DEFAULT).is_none_or(|user| !user.has(NOPASS) || user.has(OFF))
    }

    /// Whether the default user needs no password.
    pub fn is_open(&self) -> bool {
        self.user(DEFAULT).is_some_and(|user| user.has(NOPASS))
    }

    /// What a session of this user holds: the user, or nothing where there is nothing to check.
    pub fn held(&self, name: &[u8]) -> Option<Arc<User>> {
        let user = self.user(name)?;
        (name != DEFAULT || !user.is_unrestricted()).then(|| user.clone())
    }

    /// Adds a user, or changes it.
    pub fn put(&mut self, user: User) {
        let place = self.users.iter().position(|known| known.name >= user.name).unwrap_or(self.users.len());
        let user = Arc::new(user);
        match self.users.get_mut(place) {
            Some(known) if known.name == user.name => *known = user,
            _ => self.users.insert(place, user),
        }
    }

    /// Forgets users; the default one stays.
    pub fn remove(&mut self, gone: &dyn Fn(&[u8]) -> bool) -> usize {
        let before = self.users.len();
        self.users.retain(|user| user.name == DEFAULT || !gone(&user.name));
        before.saturating_sub(self.users.len())
    }

    /// A user as some words of rules make it out of what it is now, or out of nothing. It is not one of the users yet.
    ///
    /// # Errors
    /// A sentence.
    pub fn changed(&self, name: &[u8], words: &[&[u8]], grammar: &Grammar) -> Result<User, Vec<u8>> {
        let words = rules::merge(words)
            .map_err(|open| [b"Unmatched parenthesis in acl selector starting at '", c_string(open), b"'."].concat())?;
        let mut user = match self.user(name) {
            Some(known) => (**known).clone(),
            None => User::new(name, grammar.commands.len(), grammar.all_channels),
        };
        for word in &words {
            user.apply(word, grammar)
                .map_err(|refusal| [b"Error in ACL SETUSER modifier '", c_string(word), b"': ", refusal.as_bytes()].concat())?;
        }
        Ok(user)
    }
}
