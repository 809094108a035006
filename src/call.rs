//! What a handler gets: the parts of the engine that a running command may touch.

use crate::command::{Registry, Row};
use crate::config::Config;
use crate::engine::Server;
use crate::keyspace::Keyspace;
use crate::session::Session;
use crate::time::Millis;

/// One running command.
pub struct Call<'e> {
    /// The databases; the session's is selected.
    pub keys: &'e mut Keyspace,
    pub session: &'e mut Session,
    pub server: &'e mut Server,
    /// The row being run.
    pub row: &'static Row,
}

impl Call<'_> {
    pub fn now(&self) -> Millis {
        self.keys.now()
    }

    pub fn config(&self) -> &Config {
        &self.server.config
    }

    pub fn registry(&self) -> &Registry {
        &self.server.registry
    }

    /// The command's name as errors show it.
    pub fn name(&self) -> &'static str {
        self.row.name
    }
}
