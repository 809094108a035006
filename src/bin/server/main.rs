//! `cachette-server`: the engine behind Redis's protocol, for programs that expect a redis-server.
//!
//! Reading order: [`options`] (what the person asked for), here (start-up), [`listen`], [`server`] (the loop), [`connection`], [`framing`]; [`host`] is what
//! the engine may ask of this process, [`allocator`] where its memory comes from.
//! The shell knows sockets, clocks, signals and files; what a command means is the engine's alone.

#[cfg(not(unix))]
compile_error!("cachette-server runs on Unix systems");

mod allocator;
mod connection;
mod doors;
mod framing;
mod host;
mod limits;
mod links;
mod listen;
mod log;
mod oom;
mod options;
mod rewrite;
mod server;
mod settings;

use std::cell::RefCell;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use cachette::config::{Config, Phase};
use cachette::engine::{Engine, Options};
use tracing::{info, warn};

use doors::Doors;
use host::Machine;
use links::Links;
use oom::OomScore;
use options::{Directive, Fatal, Invocation, Plan};
use server::Server;

fn main() -> ExitCode {
    allocator::never_stop();
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
    let started = Instant::now();
    let mut config = Config::default();
    let (users, directives): (Vec<_>, Vec<_>) = plan.directives.into_iter().partition(|directive| directive.name == "user");
    for directive in directives {
        apply(&mut config, directive)?;
    }
    settle_folder(&mut config);
    log::set_level(&text(&config, "loglevel"));
    let file = Some(text(&config, "logfile")).filter(|name| !name.is_empty()).map(|name| absolute(&name));
    log::start(file).map_err(|error| Fatal::Other(format!("Can't open the log file: {error}")))?;
    info!("cachette {} is starting", env!("CARGO_PKG_VERSION"));
    if !text(&config, "save").is_empty() {
        warn!("The configuration asks for snapshots (`save`), which this server does not write");
    }
    let wanted = config.number("maxclients");
    if let Err(possible) = limits::ask(wanted) {
        warn!("The system allows too few open files, so maxclients is {possible} instead of {wanted}");
        config.set_number("maxclients", possible);
    }

    let mut doors = open_doors(&config)?;
    let pidfile = text(&config, "pidfile");
    if !pidfile.is_empty() {
        match std::fs::write(&pidfile, format!("{}\n", std::process::id())) {
            Ok(()) => doors.files.push(absolute(&pidfile)),
            Err(error) => warn!("Can't write the pidfile {pidfile}: {error}"),
        }
    }
    // Programs that start a server wait for these lines, word by word.
    info!("Running mode=standalone, port={}, PID: {}", text(&config, "port"), std::process::id());
    info!("Server initialized");
    let seed = getrandom::u64().map_err(|error| Fatal::Other(format!("The system gives no random numbers: {error}")))?;
    let doors = Rc::new(RefCell::new(doors));
    let mut oom = OomScore::default();
    let scored =
        oom.set_values(&text(&config, "oom-score-adj-values")).and_then(|()| oom.set_mode(&text(&config, "oom-score-adj")));
    scored.map_err(Fatal::Other)?;
    let links = Rc::new(RefCell::new(Links::default()));
    let machine = Machine { doors: doors.clone(), config_file: plan.file, started, oom, links: links.clone() };
    let huge_pages = !config.flag("disable-thp");
    if !huge_pages {
        allocator::allow_huge_pages(false);
    }
    let mut engine = Engine::new(Options { seed, config });
    engine.keys.use_huge_pages(huge_pages);
    engine.server.host = Some(Box::new(machine));
    know_users(&mut engine, users)?;
    let broken = |error: std::io::Error| Fatal::Other(format!("Fatal error: {error}"));
    let mut server = Server::new(engine, doors, links).map_err(broken)?;
    info!("Ready to accept connections");
    server.run().map_err(broken)
}

/// Gives one directive to the configuration table, unless it asks for something that cachette-server cannot do.
fn apply(config: &mut Config, directive: Directive) -> Result<(), Fatal> {
    let Directive { name, values, place } = directive;
    let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    if let Some(reason) = options::unsupported(&name, &values) {
        return Err(place.refuse(reason));
    }
    if let Err(error) = config.set(name.as_bytes(), &values, Phase::Startup) {
        return Err(place.refuse(error.text()));
    }
    // At once, because what the lines that follow name (`include`, `logfile`) may be relative to it.
    if let ("dir", [folder]) = (name.as_str(), values.as_slice())
        && let Err(error) = std::env::set_current_dir(options::path_of(folder))
    {
        return Err(place.refuse(format!("Can't change to the folder: {error}")));
    }
    Ok(())
}

/// Tells the engine its users: those of the configuration, or those of the ACL file.
fn know_users(engine: &mut Engine, users: Vec<Directive>) -> Result<(), Fatal> {
    let has_file = engine.server.config.get(b"aclfile").is_some_and(|name| !name.is_empty());
    if has_file && !users.is_empty() {
        return Err(Fatal::Other(
            "Users may be defined in the configuration or in an ACL file (aclfile), but not in both".to_owned(),
        ));
    }
    let all_channels = text(&engine.server.config, "acl-pubsub-default") == "allchannels";
    for Directive { values, place, .. } in users {
        let words: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        engine.server.acl.define(&words, all_channels).map_err(|reason| place.refuse(options::lossy(&reason)))?;
    }
    if has_file {
        let loaded = engine.server.load_users();
        loaded.map_err(|errors| Fatal::Other(format!("Aborting startup because of ACL errors: {}", options::lossy(&errors))))?;
    }
    Ok(())
}

/// Makes `dir` say where the server really is.
fn settle_folder(config: &mut Config) {
    if let Ok(folder) = std::env::current_dir() {
        // A name that the table refuses is not there to be told.
        let _ = config.set(b"dir", &[folder.as_os_str().as_encoded_bytes()], Phase::Startup);
    }
}

/// A parameter's value as text.
fn text(config: &Config, name: &str) -> String {
    options::lossy(config.get(name.as_bytes()).unwrap_or_default())
}

/// Opens every listener that is asked for.
fn open_doors(config: &Config) -> Result<Doors, Fatal> {
    let port = u16::try_from(config.number("port")).unwrap_or(0);
    let backlog = i32::try_from(config.number("tcp-backlog")).unwrap_or(i32::MAX);
    let mut doors = Doors::open(&text(config, "bind"), port, backlog).map_err(|reason| {
        warn!("Failed listening on port {port} (tcp), giving up: {reason}");
        Fatal::Other(format!("Failed listening on port {port} (tcp): {reason}"))
    })?;
    let path = text(config, "unixsocket");
    if !path.is_empty() {
        let mode = u32::from_str_radix(&text(config, "unixsocketperm"), 8).unwrap_or(0);
        let listener = listen::unix(Path::new(&path), mode, doors.backlog())
            .map_err(|error| Fatal::Other(format!("Failed opening the unix socket {path}: {error}")))?;
        doors.add(listener);
        doors.files.push(absolute(&path));
    }
    if doors.is_empty() {
        warn!("Nothing to listen on is configured (port 0 and no unixsocket): exiting");
        return Err(Fatal::Other("Configured to not listen anywhere: give a port or a unixsocket".to_owned()));
    }
    Ok(doors)
}

fn absolute(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))
}
