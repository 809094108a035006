//! The open listeners, and what changes them while the server runs: `CONFIG SET port` and `CONFIG SET bind`.
//!
//! Both the loop, which accepts from them, and the engine's host, which CONFIG SET asks, hold these.

use std::path::PathBuf;

use mio::{Registry, Token};

use crate::listen::{self, Listener};

pub struct Doors {
    listeners: Vec<Door>,
    bind: Vec<String>,
    port: u16,
    backlog: i32,
    /// Files of unix sockets, to be removed at the end.
    pub files: Vec<PathBuf>,
}

struct Door {
    listener: Listener,
    registered: bool,
}

/// A start that fails later leaves nothing behind either.
impl Drop for Doors {
    fn drop(&mut self) {
        self.remove_files();
    }
}

impl Doors {
    /// # Errors
    /// Why one of the addresses cannot be listened on.
    pub fn open(bind: &str, port: u16, backlog: i32) -> Result<Doors, String> {
        let bind = words(bind);
        let listeners = listen::tcp(&bind, port, backlog)?;
        let mut doors = Doors { listeners: Vec::new(), bind, port, backlog, files: Vec::new() };
        doors.replace_tcp(listeners);
        Ok(doors)
    }

    /// Removes the files that were made for the time that the server runs.
    pub fn remove_files(&mut self) {
        for path in self.files.drain(..) {
            let _ = std::fs::remove_file(path);
        }
    }

    pub fn add(&mut self, listener: Listener) {
        self.listeners.push(Door { listener, registered: false });
    }

    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    pub fn backlog(&self) -> i32 {
        self.backlog
    }

    pub fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().map(|door| &door.listener)
    }

    /// Whether there are listeners that [`Doors::register`] has not added to the poll.
    pub fn has_new(&self) -> bool {
        self.listeners.iter().any(|door| !door.registered)
    }

    /// Adds to the poll what was opened since the last call. Which of them a client knocks at is not told apart.
    ///
    /// # Errors
    /// The poll refuses one.
    pub fn register(&mut self, registry: &Registry, token: Token) -> std::io::Result<()> {
        for door in self.listeners.iter_mut().filter(|door| !door.registered) {
            door.listener.register(registry, token)?;
            door.registered = true;
        }
        Ok(())
    }

    pub fn close(&mut self) {
        self.listeners.clear();
    }

    /// Moves to another port; the old one stays open when that fails.
    ///
    /// # Errors
    /// Redis's sentence.
    pub fn set_port(&mut self, port: u16) -> Result<(), String> {
        if port != self.port {
            let listeners =
                listen::tcp(&self.bind, port, self.backlog).map_err(|_| "Unable to listen on this port".to_owned())?;
            self.port = port;
            self.replace_tcp(listeners);
        }
        Ok(())
    }

    /// Moves to other addresses. The port can be taken anew only once it is free, so the old addresses close first; they are opened again when the
    /// new ones cannot be had.
    ///
    /// # Errors
    /// Redis's sentence.
    pub fn set_bind(&mut self, bind: &str) -> Result<(), String> {
        let bind = words(bind);
        self.replace_tcp(Vec::new());
        match listen::tcp(&bind, self.port, self.backlog) {
            Ok(listeners) => {
                self.bind = bind;
                self.replace_tcp(listeners);
                Ok(())
            }
            Err(_) => {
                let old = listen::tcp(&self.bind, self.port, self.backlog).unwrap_or_default();
                self.replace_tcp(old);
                Err("Failed to bind to specified addresses.".to_owned())
            }
        }
    }

    fn replace_tcp(&mut self, listeners: Vec<Listener>) {
        self.listeners.retain(|door| matches!(door.listener, Listener::Unix(_)));
        for listener in listeners {
            self.add(listener);
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}
