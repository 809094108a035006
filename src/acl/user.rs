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

/// What a word is that a user or selector holds; bits, because a key pattern may be for reading and for writing.
pub type Sort = u32;

pub const READ: Sort = 1 << 0;
pub const WRITE: Sort = 1 << 1;
/// A key pattern.
pub const KEYS: Sort = READ | WRITE;
/// A channel pattern.
pub const CHANNELS: Sort = 1 << 2;
/// A password's hash.
pub const PASSWORD: Sort = 1 << 3;
/// The first word with which a command that is not allowed may run: [`first_arg`] of the command.
pub const FIRST_ARGS: Sort = !0xff;

/// The sort of the first words of a command, which is given by its number.
pub fn first_arg(command: usize) -> Sort {
    u32::try_from(command).unwrap_or(u32::MAX).wrapping_add(1).wrapping_shl(8)
}

/// Words of several sorts, each sort in the order in which they came.
pub type Words = Vec<(Sort, Vec<u8>)>;

#[derive(Clone, Debug)]
pub struct User {
    pub name: Vec<u8>,
    pub switches: Switches,
    /// SHA-256 in hexadecimal digits.
    pub passwords: Words,
    /// Any of them may allow a request; the first is the user's own, made by the rules outside parentheses.
    pub selectors: Vec<Selector>,
}

/// A set of permissions that a request must fit as a whole.
#[derive(Clone, Debug)]
pub struct Selector {
    /// By a command's number in the table.
    pub commands: Vec<bool>,
    /// Of which sorts everything is allowed: [`KEYS`], [`CHANNELS`], and [`FIRST_ARGS`] for "began with all commands", so that those which are yet to
    /// come are allowed too: told as `+@all -…`.
    pub all: Sort,
    pub words: Words,
}

impl User {
    /// A user who may nothing, but listen to all channels if that is the default.
    pub fn new(name: &[u8], commands: usize, all_channels: bool) -> Self {
        let selectors = Vec::from([Selector::new(commands, all_channels)]);
        Self { name: name.to_vec(), switches: OFF, passwords: Vec::new(), selectors }
    }

    pub fn has(&self, switch: Switches) -> bool {
        self.switches & switch != 0
    }

    /// May do everything: then nothing needs to be checked.
    pub fn is_unrestricted(&self) -> bool {
        let all = |selector: &Selector| {
            let sorts = KEYS | CHANNELS;
            selector.all & sorts == sorts && !selector.commands.contains(&false)
        };
        self.selectors.iter().any(all)
    }

    /// Whether this is a password of the user. How long the answer takes does not tell how much of it is right.
    pub fn accepts(&self, password: &[u8]) -> bool {
        let hash = sha256::hex(password);
        let same = |(_, known): &(Sort, Vec<u8>)| known.iter().zip(hash).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
        !self.has(OFF) && (self.has(NOPASS) || self.passwords.iter().any(same))
    }
}

impl Selector {
    pub fn new(commands: usize, all_channels: bool) -> Self {
        let all = if all_channels { CHANNELS } else { 0 };
        Self { commands: alloc::vec![false; commands], all, words: Vec::new() }
    }
}
