//! What the engine asks of the world around it, where there is one. A cache in a program has none; the server is one.

use crate::config::Config;
use alloc::string::String;
use alloc::vec::Vec;

/// A shell that the engine can ask. Every method has an answer that is true where nobody else knows better.
pub trait Host {
    /// `CONFIG SET` gave a parameter that the shell acts on another value. Called again with the old one if the command fails afterwards.
    ///
    /// # Errors
    /// Why that cannot be, in Redis's words if it has some; `CONFIG SET` answers it and changes nothing.
    fn apply_config(&mut self, name: &str, value: &[u8]) -> Result<(), String>;

    /// Writes the configuration file anew (`CONFIG REWRITE`).
    ///
    /// # Errors
    /// Why it was not written, as a sentence.
    fn rewrite_config(&mut self, config: &Config) -> Result<(), String> {
        let _ = config;
        Err(String::from("The server is running without a config file"))
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
