//! What the engine asks of the world around it, where there is one. A cache in a program has none; the server is one.

use crate::config::Config;
use crate::error::ReplyError;
use alloc::string::String;
use alloc::vec::Vec;

/// What is to be said to another server.
pub struct Exchange<'a> {
    pub host: &'a [u8],
    pub port: &'a [u8],
    /// For connecting, and for each silence afterwards.
    pub timeout_ms: u64,
    pub requests: &'a [u8],
    /// How many replies end it.
    pub replies: usize,
}

/// Why not all replies came, and those that did.
pub struct Unanswered {
    pub what: ReplyError,
    pub replies: Vec<u8>,
}

/// A shell that the engine can ask. Every method has an answer that is true where nobody else knows better.
pub trait Host {
    /// `CONFIG SET` gave a parameter that the shell acts on another value. Called again with the old one if the command fails afterwards.
    ///
    /// # Errors
    /// Why that cannot be, in Redis's words if it has some; `CONFIG SET` answers it and changes nothing.
    fn apply_config(&mut self, name: &str, value: &[u8]) -> Result<(), String>;

    /// Writes the configuration file anew (`CONFIG REWRITE`), with these `user` lines in it unless there is an ACL file, and with `all`
    /// parameters or only those that were set.
    ///
    /// # Errors
    /// Why it was not written, as a sentence.
    fn rewrite_config(&mut self, config: &Config, users: &[Vec<u8>], all: bool) -> Result<(), String> {
        let _ = (config, users, all);
        Err(String::from("The server is running without a config file"))
    }

    /// The content of a file that a parameter names.
    ///
    /// # Errors
    /// The system's word for what is wrong.
    #[cfg(feature = "server")]
    fn read_file(&mut self, name: &[u8]) -> Result<Vec<u8>, String> {
        let _ = name;
        Err(String::from("No such file or directory"))
    }

    /// Puts content into such a file, all of it or none.
    ///
    /// # Errors
    /// The system's word for what is wrong.
    #[cfg(feature = "server")]
    fn write_file(&mut self, name: &[u8], content: &[u8]) -> Result<(), String> {
        let _ = (name, content);
        Err(String::from("Read-only file system"))
    }

    /// Whether sessions may become replicas: whether what they are given without asking reaches them.
    fn serves_replicas(&self) -> bool {
        false
    }

    /// Sends requests to another server and gives back its replies. Waits for them.
    ///
    /// # Errors
    /// The server is not reached, or does not answer in time.
    fn exchange(&mut self, exchange: &Exchange<'_>) -> Result<Vec<u8>, Unanswered> {
        let _ = exchange;
        Err(Unanswered { what: ReplyError::IO, replies: Vec::new() })
    }

    /// Fills `bytes` with what nobody can guess, for passwords. Where there is no such source they stay as they are.
    fn random(&mut self, bytes: &mut [u8]) {
        let _ = bytes;
    }

    /// Microseconds of a clock that never goes back, for the time that commands take; `None` if there is none.
    fn clock_us(&self) -> Option<u64> {
        None
    }

    /// Bytes of memory that the process holds; 0 if nobody knows.
    fn resident_bytes(&self) -> u64 {
        0
    }

    /// Appends lines `name:value\r\n` to a section of INFO (`server`, `clients`, `cpu` … in lower case).
    fn info(&self, section: &str, text: &mut Vec<u8>) {
        let _ = (section, text);
    }
}
