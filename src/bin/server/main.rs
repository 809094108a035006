//! `cachette-server`: the engine behind Redis's protocol, for programs that expect a redis-server.
//!
//! Reading order: [`options`] (what the person asked for), here (start-up), [`listen`], [`server`] (the loop), [`connection`], [`framing`].
//! The shell knows sockets, clocks, signals and files; what a command means is the engine's alone.

#[cfg(not(unix))]
compile_error!("cachette-server runs on Unix systems");

mod connection;
mod framing;
mod listen;
mod log;
mod options;
mod server;
mod settings;
mod stand_in;

use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cachette::engine::{Engine, Options};
use tracing::{info, warn};

use options::{Directive, Fatal, Invocation, Plan};
use server::Server;
use stand_in::Config;

fn main() -> ExitCode {
    let args: Vec<Vec<u8>> = std::env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    let outcome = match options::parse(&args, &mut std::io::stdin()) {
        Ok(Invocation::Version) => say(&format!("cachette-server v={} bits={}\n", env!("CARGO_PKG_VERSION"), usize::BITS)),
        Ok(Invocation::Help) => say(options::USAGE),
        Ok(Invocation::Run(plan)) => start(plan),
        Err(fatal) => Err(fatal),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            // Nobody may be listening on standard error; the exit status says it, too.
            let _ = writeln!(std::io::stderr(), "{fatal}");
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> Result<(), Fatal> {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// Brings the server up and runs it to its end.
fn start(plan: Plan) -> Result<(), Fatal> {
    let mut config = Config::default();
    for directive in plan.directives {
        apply(&mut config, directive)?;
    }
    let text = |name: &str| config.get(name).unwrap_or_default();
    log::set_level(&text("loglevel"));
    let file = Some(text("logfile")).filter(|name| !name.is_empty()).map(PathBuf::from);
    log::start(file).map_err(|error| Fatal::Other(format!("Can't open the log file: {error}")))?;
    info!("cachette {} is starting", env!("CARGO_PKG_VERSION"));
    if !text("save").is_empty() {
        warn!("The configuration asks for snapshots (`save`), which this server does not write yet");
    }
    allow_clients(&mut config);

    let text = |name: &str| config.get(name).unwrap_or_default();
    let (listeners, mut leftovers) = open_doors(&text)?;
    let pidfile = text("pidfile");
    if !pidfile.is_empty() {
        match std::fs::write(&pidfile, format!("{}\n", std::process::id())) {
            Ok(()) => leftovers.push(absolute(&pidfile)),
            Err(error) => warn!("Can't write the pidfile {pidfile}: {error}"),
        }
    }
    // Programs that start a server wait for these lines, word by word.
    info!("Running mode=standalone, port={}, PID: {}", text("port"), std::process::id());
    info!("Server initialized");
    let broken = |error: std::io::Error| Fatal::Other(format!("Fatal error: {error}"));
    let seed = getrandom::u64().map_err(|error| Fatal::Other(format!("The system gives no random numbers: {error}")))?;
    let engine = Engine::new(Options { seed, config: stand_in::engine_config(&config) });
    let mut server = Server::new(engine, config, listeners, leftovers).map_err(broken)?;
    info!("Ready to accept connections");
    server.run().map_err(broken)
}

/// Gives one directive to the configuration table, unless it asks for something that cachette-server cannot do.
fn apply(config: &mut Config, directive: Directive) -> Result<(), Fatal> {
    let Directive { name, values, place } = directive;
    if let Some(reason) = options::unsupported(&name, &values) {
        return Err(place.refuse(reason));
    }
    if options::ignored(&name) {
        return Ok(());
    }
    if let Err(reason) = config.set(&name, &values) {
        return Err(place.refuse(reason));
    }
    if let ("dir", [folder]) = (name.as_str(), values.as_slice())
        && let Err(error) = std::env::set_current_dir(options::path_of(folder))
    {
        return Err(place.refuse(format!("Can't change to the folder: {error}")));
    }
    Ok(())
}

/// Sees to it that the process may hold as many sockets as `maxclients` asks for, or lowers `maxclients`.
fn allow_clients(config: &mut Config) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Listeners, the poll, logs, and some to spare.
    const OTHERS: u64 = 32;
    let wanted: u64 = config.get("maxclients").and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let limit = getrlimit(Resource::Nofile);
    let needed = wanted.saturating_add(OTHERS);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let may_have = limit.maximum.unwrap_or(u64::MAX).min(needed);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(may_have), maximum: limit.maximum });
    let has = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if has < needed {
        let clients = has.saturating_sub(OTHERS).max(1);
        warn!("The system allows {has} open files, so maxclients is {clients} instead of {wanted}");
        let _ = config.set("maxclients", &[clients.to_string().into_bytes()]);
    }
}

/// Opens every listener that is asked for, and names the files to remove at the end.
fn open_doors(text: &dyn Fn(&str) -> String) -> Result<(Vec<listen::Listener>, Vec<PathBuf>), Fatal> {
    let port: u16 = text("port").parse().unwrap_or(0);
    let backlog: i32 = text("tcp-backlog").parse().unwrap_or(511);
    let bind: Vec<String> = text("bind").split_ascii_whitespace().map(str::to_owned).collect();
    let mut listeners = listen::tcp(&bind, port, backlog).map_err(|reason| {
        warn!("Failed listening on port {port} (tcp), giving up: {reason}");
        Fatal::Other(format!("Failed listening on port {port} (tcp): {reason}"))
    })?;
    let mut leftovers = Vec::new();
    let path = text("unixsocket");
    if !path.is_empty() {
        let mode = u32::from_str_radix(&text("unixsocketperm"), 8).unwrap_or(0);
        let listener = listen::unix(Path::new(&path), mode, backlog)
            .map_err(|error| Fatal::Other(format!("Failed opening the unix socket {path}: {error}")))?;
        listeners.push(listener);
        leftovers.push(absolute(&path));
    }
    if listeners.is_empty() {
        warn!("Nothing to listen on is configured (port 0 and no unixsocket): exiting");
        return Err(Fatal::Other("Configured to not listen anywhere: give a port or a unixsocket".to_owned()));
    }
    Ok((listeners, leftovers))
}

fn absolute(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))
}
