//! `cargo xtask tcl`: Redis's own test suite against `cachette-server`, and against redis-server for comparison.
//!
//! The suite is Debian's source package of redis, fetched below `target/` and run from there; nothing of it is kept in this repository. It knows two
//! modes: with an *external* server, which is started here, and with servers that it starts *itself*, from configuration files of its own. Each unit
//! is a run with a fresh server, so that one that stops early takes no other with it.

use crate::generate::Differences;
use crate::{process, steps::timed, workspace};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The Debian package and version whose suite counts.
const VERSION: &str = "7.0.15";
/// Of the external server; the suite's own ports begin at [`BASE_PORT`], less 32, so that both modes may run at a time.
const PORT: u16 = 19079;
const BASE_PORT: u16 = 19200;
/// A unit that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(420);

/// Units that need what comes in issues of its own: scripting, replication, clusters, snapshots and logs on disk, TLS.
const LEFT_OUT: [&str; 9] = [
    "unit/scripting",
    "unit/functions",
    "unit/cluster-scripting",
    "unit/cluster",
    "unit/cluster/misc",
    "unit/cluster/links",
    "unit/aofrw",
    "unit/tls",
    "unit/printver",
];

/// Tests that need a dump file, and of own servers those that need replication: they would end their unit. redis-server runs them, so they count as
/// not passed. With an external server, some that say so need no replica after all: the others are among the skipped ones by name.
const WITHOUT: &str = "-needs:save";
const WITHOUT_OWN: &str = " -needs:repl";
/// Units in which those who need replication read the stream of changes; what else they need is among the skipped ones.
const WITH_REPLICAS: [&str; 2] = ["unit/multi", "unit/introspection"];
/// As well in these units, where what needs DEBUG switches an append-only file on.
const WITHOUT_LOG: (&str, &str) = ("unit/type/stream", " -needs:debug");

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Mode {
    External,
    Own,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Subject {
    Cachette,
    Redis,
}

/// What one unit said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Unit {
    /// The names of the tests that passed; several may have one name.
    passed: Vec<String>,
    failed: Vec<String>,
    /// Tests that were left out because of their tags, with the tag.
    ignored: BTreeMap<String, String>,
    /// Why the unit ended before its end.
    stopped: String,
}

/// What is kept of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Tests that redis-server passes and so does cachette-server.
    pub passed: usize,
    /// Tests that redis-server passes.
    pub redis: usize,
    /// Tests that redis-server passes and cachette-server does not, failed or not run. A tag that left one out stands behind its name.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Why the unit ended before its end.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stopped: String,
}

impl Outcome {
    /// Holds what cachette-server passed against what redis-server did.
    fn compare(ours: &Unit, theirs: &[String]) -> Self {
        let mut left = ours.passed.clone();
        let mut missing = Vec::new();
        for name in theirs {
            match left.iter().position(|passed| passed == name) {
                Some(at) => drop(left.swap_remove(at)),
                None => missing.push(match ours.ignored.get(name) {
                    Some(tag) => format!("{name} [{tag}]"),
                    None => name.clone(),
                }),
            }
        }
        Self { passed: theirs.len() - missing.len(), redis: theirs.len(), missing, stopped: ours.stopped.clone() }
    }
}

/// Units by name, for each mode.
pub type Results = BTreeMap<String, BTreeMap<String, Outcome>>;
/// Names of the tests that redis-server passed: kept below `target/`, as they are the suite's.
type Names = BTreeMap<String, BTreeMap<String, Vec<String>>>;

pub fn results_file() -> PathBuf {
    workspace::root().join("tests/compatibility/tcl.toml")
}

pub fn run(modes: &[Mode], subject: Subject, save: bool, only: &[String]) -> Result<()> {
    let suite = suite()?;
    let server = server(subject)?;
    link(&suite, &server)?;
    let skipped = if subject == Subject::Cachette { Some(skip_file(&suite)?) } else { None };
    let names_file = suite.join("names.toml");
    let mut names: Names = read_toml(&names_file)?;
    let mut results: Results = read_toml(&results_file())?;
    for mode in modes {
        let (mut passed, mut failed) = (0, 0);
        for name in units(&suite, *mode)?.iter().filter(|name| only.is_empty() || only.contains(name)) {
            let unit = run_unit(&suite, &server, *mode, name, skipped.as_deref())?;
            let stopped = if unit.stopped.is_empty() { String::new() } else { format!("  stopped: {}", unit.stopped) };
            println!("{name:<28} {:>4} passed {:>3} failed{stopped}", unit.passed.len(), unit.failed.len());
            unit.failed.iter().for_each(|test| println!("    {test}"));
            passed += unit.passed.len();
            failed += unit.failed.len();
            let key = if *mode == Mode::External { "external" } else { "own" };
            let theirs = names.entry(key.to_owned()).or_default().entry(name.clone());
            match subject {
                Subject::Redis => *theirs.or_default() = unit.passed,
                Subject::Cachette => {
                    let outcome = Outcome::compare(&unit, theirs.or_default());
                    outcome
                        .missing
                        .iter()
                        .filter(|test| !unit.failed.contains(test))
                        .for_each(|test| println!("    not run: {test}"));
                    results.entry(key.to_owned()).or_default().insert(name.clone(), outcome);
                }
            }
        }
        println!("{passed} passed, {failed} failed");
    }
    match subject {
        Subject::Redis => std::fs::write(names_file, toml::to_string(&names)?)?,
        Subject::Cachette if save && names.is_empty() => {
            bail!("nothing to compare with: `cargo xtask tcl --subject redis` first")
        }
        Subject::Cachette if save => std::fs::write(results_file(), toml::to_string(&results)?)?,
        Subject::Cachette => {}
    }
    Ok(())
}

/// A file's contents; nothing where there is no such file.
fn read_toml<T: Default + serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).with_context(|| path.display().to_string()),
        Err(_) => Ok(T::default()),
    }
}

/// The program to test: cachette-server is built for it.
pub fn server(subject: Subject) -> Result<PathBuf> {
    match subject {
        Subject::Cachette => built(),
        Subject::Redis => Ok(PathBuf::from(process::find_or_install(&["redis-server"], "redis-server")?)),
    }
}

/// The suite's folder, fetched if it is not there.
fn suite() -> Result<PathBuf> {
    let folder = workspace::target().join("redis-suite");
    let suite = folder.join(format!("redis-{VERSION}"));
    if suite.join("tests/test_helper.tcl").exists() {
        return Ok(suite);
    }
    process::find_or_install(&["tclsh"], "tcl").or_else(|error| if has_tcl() { Ok(String::new()) } else { Err(error) })?;
    std::fs::create_dir_all(folder.join("lists/partial"))?;
    timed("Redis's test suite, as Debian's source package", || {
        let sources = folder.join("source.sources");
        std::fs::write(&sources, source_entries()?)?;
        let options = [
            format!("Dir::Etc::SourceParts={}", folder.display()),
            "Dir::Etc::SourceList=/dev/null".to_owned(),
            format!("Dir::State::Lists={}", folder.join("lists").display()),
        ];
        let apt = |args: &[&str]| {
            let mut apt = process::command("apt-get", &folder);
            options.iter().for_each(|option| {
                apt.args(["-o", option]);
            });
            process::output(apt.args(args)).map(drop)
        };
        apt(&["update", "-qq"])?;
        // Only the original archive: Debian's changes are not part of the suite.
        apt(&["source", "--download-only", "-qq", "redis"])?;
        let archive = format!("redis_{VERSION}.orig.tar.gz");
        process::output(process::command("tar", &folder).args(["xzf", &archive])).map(drop)
    })
    .context("the suite is Debian's source package of redis: `apt-get source` must work here")?;
    Ok(suite)
}

/// The file that names the tests which would end their unit because they ask for what is not built, beside those that [`WITHOUT`] leaves out.
fn skip_file(suite: &Path) -> Result<PathBuf> {
    let path = suite.join("skipped");
    let names: Vec<String> = Differences::read()?.skipped.into_keys().collect();
    std::fs::write(&path, names.join("\n"))?;
    Ok(path)
}

fn has_tcl() -> bool {
    let mut tcl = process::command("tclsh", &workspace::root());
    tcl.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok()
}

/// This machine's package sources, asked for sources instead of binaries.
fn source_entries() -> Result<String> {
    let text =
        std::fs::read_to_string("/etc/apt/sources.list.d/debian.sources").context("no Debian package sources on this machine")?;
    Ok(text.replace("Types: deb\n", "Types: deb-src\n"))
}

fn built() -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo
        .args(["build", "--release", "--features", "server", "--bin", "cachette-server", "--target-dir"])
        .arg(workspace::target());
    process::run(&mut cargo)?;
    Ok(workspace::target().join("release/cachette-server"))
}

/// Puts the programs where the suite looks for them.
fn link(suite: &Path, server: &Path) -> Result<()> {
    let tools = [
        ("redis-server", server.to_path_buf()),
        ("redis-cli", which("redis-cli")?),
        ("redis-benchmark", which("redis-benchmark")?),
    ];
    for (name, program) in tools {
        let place = suite.join("src").join(name);
        let _ = std::fs::remove_file(&place);
        let program = if program.is_absolute() { program } else { which(name)? };
        std::os::unix::fs::symlink(&program, &place).with_context(|| format!("linking {}", place.display()))?;
    }
    Ok(())
}

fn which(program: &str) -> Result<PathBuf> {
    process::find_or_install(&[program], "redis-tools")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.with_context(|| format!("no {program} on PATH"))
}

/// The suite's units that a mode runs: in own-server mode those that have tests for it alone.
fn units(suite: &Path, mode: Mode) -> Result<Vec<String>> {
    let helper = std::fs::read_to_string(suite.join("tests/test_helper.tcl"))?;
    let list =
        helper.split("set ::all_tests {").nth(1).and_then(|rest| rest.split('}').next()).context("the suite's list of units")?;
    let mut units = Vec::new();
    for name in list.split_whitespace().filter(|name| name.starts_with("unit/") && !LEFT_OUT.contains(name)) {
        let text = std::fs::read_to_string(suite.join("tests").join(format!("{name}.tcl")))?;
        if mode == Mode::External || text.contains("external:skip") {
            units.push(name.to_owned());
        }
    }
    Ok(units)
}

fn run_unit(suite: &Path, server: &Path, mode: Mode, unit: &str, skipped: Option<&Path>) -> Result<Unit> {
    let mut tcl = process::command("tclsh", suite);
    tcl.args(["tests/test_helper.tcl", "--clients", "1", "--timeout", "240", "--single", unit]);
    if let Some(skipped) = skipped {
        let own = if mode == Mode::Own && !WITH_REPLICAS.contains(&unit) { WITHOUT_OWN } else { "" };
        let log = if unit.starts_with(WITHOUT_LOG.0) { WITHOUT_LOG.1 } else { "" };
        tcl.args(["--tags", &format!("{WITHOUT}{own}{log}")]).arg("--skipfile").arg(skipped);
    }
    let external = if mode == Mode::External { Some(Server::start(server)?) } else { None };
    if external.is_some() {
        tcl.args(["--host", "127.0.0.1", "--port", &PORT.to_string(), "--baseport", &BASE_PORT.to_string()]);
    }
    let mut child =
        tcl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("tclsh: install tcl")?;
    let mut stdout = child.stdout.take().context("output of the suite")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).map(|_| text)
    });
    let hung = !ends_within(&mut child, LONGEST)?;
    drop(external);
    let text = reader.join().map_err(|_| anyhow::anyhow!("the reader of the suite's output"))??;
    let mut result = read(&String::from_utf8_lossy(&text));
    if hung {
        result.stopped = format!("longer than {} s", LONGEST.as_secs());
    }
    Ok(result)
}

/// Waits; kills what takes too long, and says false.
fn ends_within(child: &mut Child, time: Duration) -> Result<bool> {
    let start = Instant::now();
    while start.elapsed() < time {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}

/// What the suite printed, by test.
fn read(text: &str) -> Unit {
    let mut unit = Unit::default();
    let mut lines = text.lines().map(plain);
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("[ok]: ") {
            unit.passed.push(name.rsplit_once(" (").map_or(name, |(name, _)| name).to_owned());
        } else if let Some(name) = line.strip_prefix("[err]: ") {
            unit.failed.push(name.split(" in tests/").next().unwrap_or(name).to_owned());
        } else if let Some((name, why)) = line.strip_prefix("[ignore]: ").and_then(|said| said.rsplit_once(": Tag: ")) {
            unit.ignored.insert(name.to_owned(), why.trim_end_matches(" denied").to_owned());
        } else if let Some(what) = line.strip_prefix("[exception]: ") {
            let more = lines.next().unwrap_or_default();
            unit.stopped = format!("{} {}", what.trim_end_matches('.'), more.trim()).chars().take(160).collect();
        } else if line.to_ascii_lowercase().starts_with("[timeout]") || line.contains("Can't start the Redis server") {
            unit.stopped = line.chars().take(160).collect();
        }
    }
    unit
}

/// A line without the colours of a terminal.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at..).unwrap_or_default();
        rest = after.find('m').and_then(|end| after.get(end + 1..)).unwrap_or_default();
    }
    out + rest
}

/// The server of external mode.
struct Server(Child);

impl Server {
    fn start(program: &Path) -> Result<Self> {
        let folder = workspace::target().join("redis-suite/server");
        std::fs::create_dir_all(&folder)?;
        let mut command = process::command(&program.to_string_lossy(), &folder);
        command.args([
            "--port",
            &PORT.to_string(),
            "--save",
            "",
            "--enable-debug-command",
            "yes",
            "--enable-protected-configs",
            "yes",
        ]);
        let server = Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", PORT)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        bail!("{} did not listen on port {PORT}", program.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suites_output_is_counted() {
        let text = "\u{1b}[0;32m[ok]: one (3 ms)\u{1b}[0m\n[err]: two words in tests/unit/x.tcl\nExpected\n[ok]: three (of 3) (0 ms)\n\
                    [ignore]: four: Tag: needs:repl denied\n[exception]: Executing test client: gone.\nmore\n";
        let unit = read(text);
        assert_eq!(
            (unit.passed.as_slice(), unit.failed.as_slice()),
            (&["one", "three (of 3)"].map(str::to_owned)[..], &["two words".to_owned()][..])
        );
        assert_eq!(unit.stopped, "Executing test client: gone more");
        let theirs = ["one", "one", "two words", "four"].map(str::to_owned);
        let outcome = Outcome::compare(&unit, &theirs);
        assert_eq!((outcome.passed, outcome.redis), (1, 4));
        assert_eq!(outcome.missing, ["one", "two words", "four [needs:repl]"]);
    }
}
