//! What the engine may ask of this process: whether a parameter can be had, what INFO says about the machine, and to write the
//! configuration file.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use cachette::config::Config;
use cachette::host::{Exchange, Host, Unanswered};

use crate::doors::Doors;
use crate::links::Links;
use crate::oom::OomScore;
use crate::{limits, log, options, rewrite};

pub struct Machine {
    pub doors: Rc<RefCell<Doors>>,
    pub config_file: Option<PathBuf>,
    pub started: Instant,
    pub oom: OomScore,
    pub links: Rc<RefCell<Links>>,
}

impl Host for Machine {
    fn apply_config(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        let text = options::lossy(value);
        match name {
            "port" => self.doors.borrow_mut().set_port(text.parse().unwrap_or(0)),
            "bind" => self.doors.borrow_mut().set_bind(&text),
            "maxclients" => limits::ask(text.parse().unwrap_or(u64::MAX)).map_err(|possible| {
                format!("The operating system is not able to handle the specified number of clients, try with {possible}")
            }),
            "dir" => std::env::set_current_dir(options::path_of(value)).map_err(|error| error.to_string()),
            "loglevel" => {
                log::set_level(&text);
                Ok(())
            }
            "oom-score-adj" => self.oom.set_mode(&text),
            "oom-score-adj-values" => self.oom.set_values(&text),
            // The rest is read by the loop when it sees that the table changed.
            _ => Ok(()),
        }
    }

    fn rewrite_config(&mut self, config: &Config, users: &[Vec<u8>], all: bool) -> Result<(), String> {
        let Some(path) = &self.config_file else { return Err("The server is running without a config file".to_owned()) };
        rewrite::file(path, config, users, all).map_err(|error| format!("Rewriting config file: {error}"))
    }

    fn read_file(&mut self, name: &[u8]) -> Result<Vec<u8>, String> {
        std::fs::read(options::path_of(name)).map_err(|error| rewrite::words_for(&error))
    }

    fn write_file(&mut self, name: &[u8], content: &[u8]) -> Result<(), String> {
        rewrite::replace(&options::path_of(name), content).map_err(|error| {
            tracing::warn!("Can't write {}: {error}", options::lossy(name));
            rewrite::words_for(&error)
        })
    }

    fn serves_replicas(&self) -> bool {
        true
    }

    fn exchange(&mut self, exchange: &Exchange<'_>) -> Result<Vec<u8>, Unanswered> {
        self.links.borrow_mut().exchange(exchange)
    }

    fn random(&mut self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            tracing::warn!("The system gives no random numbers");
        }
    }

    fn clock_us(&self) -> Option<u64> {
        u64::try_from(self.started.elapsed().as_micros()).ok()
    }

    fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0).saturating_mul(1024)
    }

    fn info(&self, section: &str, text: &mut Vec<u8>) {
        let path = |path: Option<PathBuf>| path.map(|path| path.display().to_string()).unwrap_or_default();
        let lines: &[(&str, String)] = match section {
            "server" => &[
                ("os", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
                ("multiplexing_api", "epoll".to_owned()),
                ("process_id", std::process::id().to_string()),
                ("executable", path(std::env::current_exe().ok())),
                ("config_file", path(self.config_file.clone())),
            ],
            "stats" => &[("migrate_cached_sockets", self.links.borrow().len().to_string())],
            "cpu" => {
                let [user, system] = processor_seconds();
                &[("used_cpu_sys", format!("{system:.6}")), ("used_cpu_user", format!("{user:.6}"))]
            }
            _ => &[],
        };
        for (name, value) in lines {
            text.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
        }
    }
}

/// Seconds that the process has computed, for itself and in the system. The kernel counts them in hundredths for everybody who reads /proc.
fn processor_seconds() -> [f64; 2] {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses and may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let mut ticks = fields.split_ascii_whitespace().skip(11).map(|field| field.parse::<f64>().unwrap_or(0.0) / TICKS_A_SECOND);
    [ticks.next().unwrap_or(0.0), ticks.next().unwrap_or(0.0)]
}
