//! A user: what it may do, as its rules left it.

use super::sha256;
use alloc::vec::Vec;

/// Facts about a user that rules switch.
pub type Switches = u8;

pub const ON: Switches = 1 << 0;
pub const OFF: Switches = 1 << 1;
pub const NOPASS: Switches = 1 << 2;
pub const SKIP_SANITIZE: Switches = 1 << 3;
pub const SANITIZE: Switches = 1 << 4;

/// Their words, in the order in which they are told.
pub const SWITCHES: [(Switches, &str); 5] =
    [(ON, "on"), (OFF, "off"), (NOPASS, "nopass"), (SKIP_SANITIZE, "skip-sanitize-payload"), (SANITIZE, "sanitize-payload")];

/// What may be done to keys.
pub type Access = u8;

pub const READ: Access = 1 << 0;
pub const WRITE: Access = 1 << 1;

#[derive(Clone, Debug)]
pub struct User {
    pub name: Vec<u8>,
    pub switches: Switches,
    /// SHA-256 in hexadecimal digits.
    pub passwords: Vec<[u8; 64]>,
    /// Any of them may allow a request; the first is the user's own, made by the rules outside parentheses.
    pub selectors: Vec<Selector>,
}

/// A set of permissions that a request must fit as a whole.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// By a command's number in the table.
    pub commands: Vec<bool>,
    /// Began with all commands, so that those which are yet to come are allowed too: told as `+@all -…`.
    pub future: bool,
    /// First words with which a command that is not allowed may run, by its number.
    pub first_args: Vec<(usize, Vec<u8>)>,
    pub all_keys: bool,
    pub keys: Vec<(Access, Vec<u8>)>,
    pub all_channels: bool,
    pub channels: Vec<Vec<u8>>,
}

impl User {
    /// A user who may nothing, but listen to all channels if that is the default.
    pub fn new(name: &[u8], commands: usize, all_channels: bool) -> Self {
        Self {
            name: name.to_vec(),
            switches: OFF,
            passwords: Vec::new(),
            selectors: Vec::from([Selector::new(commands, all_channels)]),
        }
    }

    pub fn has(&self, switch: Switches) -> bool {
        self.switches & switch != 0
    }

    /// May do everything: then nothing needs to be checked.
    pub fn is_unrestricted(&self) -> bool {
        let all = |selector: &Selector| selector.all_keys && selector.all_channels && !selector.commands.contains(&false);
        self.selectors.iter().any(all)
    }

    /// Whether this is a password of the user. How long the answer takes does not tell how much of it is right.
    pub fn accepts(&self, password: &[u8]) -> bool {
        let hash = sha256::hex(password);
        let same = |known: &[u8; 64]| known.iter().zip(hash).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
        !self.has(OFF) && (self.has(NOPASS) || self.passwords.iter().any(same))
    }
}

impl Selector {
    pub fn new(commands: usize, all_channels: bool) -> Self {
        Self { commands: alloc::vec![false; commands], all_channels, ..Self::default() }
    }
}
