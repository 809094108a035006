//! `cargo xtask suites`: the tests that client libraries have of themselves, run against `cachette-server`, or against redis-server for comparison; and
//! those of the libraries that the npm package plugs into (`faces.rs`), run through its faces.
//!
//! Each suite is fetched below `target/suites` in a pinned version; nothing of it is kept in this repository. What a suite says of clusters, sentinels,
//! TLS and the modules of Redis Stack is left out, as are its tests that speak to no server. The rest runs once, with a fresh server.

mod faces;

use crate::tcl::{self, Subject};
use crate::{package, process, steps::timed, workspace};
use anyhow::{Context, Result, bail};
use faces::Face;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    RedisPy,
    Ioredis,
    /// ioredis's tests on an engine in their process, by `cachette/ioredis`
    IoredisInProcess,
    Keyv6,
    Keyv5,
    CacheManager,
    Unstorage,
    ConnectRedis,
    ExpressSession,
    Upstash,
    RateLimiterFlexible,
}

/// What one suite said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub version: String,
    pub passed: usize,
    /// What redis-server passed, if that was run.
    #[serde(default)]
    pub redis: usize,
    /// What the suite itself left out, for instance as too new for the version that INFO names.
    pub skipped: usize,
    #[serde(default)]
    pub failed: Vec<String>,
    /// What failed with redis-server.
    #[serde(default)]
    pub redis_failed: Vec<String>,
}

/// Suites by name.
pub type Results = BTreeMap<String, Outcome>;

const REDIS_PY: &str = "8.1.0";
/// The version of `tests/clients/package.json`. The npm package has no tests, so this is a tag of the repository.
const IOREDIS: &str = "5.11.1";
const IOREDIS_REPOSITORY: &str = "https://github.com/redis/ioredis.git";

/// All of ioredis's tests, and some of redis-py's, connect to Redis's own port, whatever one says.
const PORT: u16 = 6379;

/// Seconds after which a suite hangs.
const LONGEST: &str = "1500";

/// What the tests of redis-py import, beside redis-py.
const PYTHON_PACKAGES: [&str; 14] = [
    "pytest>=8,<10",
    "pytest-asyncio>=0.24",
    "pytest-forked",
    "pytest-timeout",
    "packaging",
    "numpy>=1.24",
    "cachetools",
    "redis-entraid==1.2.1",
    "pybreaker>=1.4",
    "aiohttp>=3.9",
    "xxhash",
    "ujson>=4.2",
    "opentelemetry-api>=1.30",
    "opentelemetry-sdk>=1.30",
];

/// redis-py's tests of what is no single server's affair: several databases, sentinels, maintenance of a cloud, telemetry.
const PYTHON_LEFT_OUT: [&str; 12] = [
    "tests/maint_notifications",
    "tests/test_http",
    "tests/test_multidb",
    "tests/test_observability",
    "tests/test_scenario",
    "tests/test_sentinel.py",
    "tests/test_sentinel_managed_connection.py",
    "tests/test_asyncio/test_multidb",
    "tests/test_asyncio/test_observability",
    "tests/test_asyncio/test_scenario",
    "tests/test_asyncio/test_sentinel.py",
    "tests/test_asyncio/test_sentinel_managed_connection.py",
];

const PYTHON_MARKS: &str =
    "not onlycluster and not redismod and not ssl and not replica and not cp_integration and not multidb_integration";

impl Suite {
    /// The face of the npm package that it is run through.
    fn face(self) -> Option<&'static Face> {
        faces::FACES.iter().find(|face| face.suite == self)
    }

    fn name(self) -> &'static str {
        match self {
            Self::RedisPy => "redis-py",
            Self::Ioredis => "ioredis",
            _ => self.face().map_or("", |face| face.name),
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::RedisPy => REDIS_PY,
            _ => self.face().map_or(IOREDIS, |face| face.version),
        }
    }

    /// The suite's folder, fetched and with its dependencies if it is not there.
    fn fetched(self) -> Result<PathBuf> {
        let folder = workspace::target().join("suites");
        std::fs::create_dir_all(&folder)?;
        let done = |suite: &Path| suite.join(".ready").exists();
        let suite = folder.join(match self {
            Self::RedisPy => format!("redis-{REDIS_PY}"),
            Self::Ioredis | Self::IoredisInProcess => format!("ioredis-{IOREDIS}"),
            _ => format!("{}-{}", self.name().replace([' ', '@', '/'], "-").trim_start_matches('-'), self.version()),
        });
        if !done(&suite) {
            timed(&format!("{} {} and its tests", self.name(), self.version()), || match self {
                Self::RedisPy => fetch_redis_py(&folder, &suite),
                Self::Ioredis | Self::IoredisInProcess => fetch_ioredis(&folder, &suite),
                _ => self.face().map_or(Ok(()), |face| face.fetch(&suite)),
            })?;
            std::fs::write(suite.join(".ready"), "")?;
        }
        Ok(suite)
    }

    /// The program that runs the suite, and how its output is read.
    fn command(self, suite: &Path) -> (Command, Read) {
        let mut command = process::command("timeout", suite);
        command.arg(LONGEST);
        match self {
            Self::RedisPy => {
                // Names and outcomes only; the options of redis-py's own pyproject.toml would mix in what the tests print.
                command.arg("../venv/bin/python").args(["-m", "pytest", "-v", "--tb=no", "--no-header", "-o", "addopts="]);
                command.args(["-p", "no:randomly", "-p", "no:cacheprovider", "-W", "ignore", "--timeout", "30"]);
                command.arg(format!("--redis-url=redis://127.0.0.1:{PORT}/9")).args(["--redis-mod-url=redis://127.0.0.1:1"]);
                command.args(["-m", PYTHON_MARKS]).args(PYTHON_LEFT_OUT.map(|path| format!("--ignore={path}")));
                (command, pytest)
            }
            Self::Ioredis | Self::IoredisInProcess => {
                command.arg("node").args(["--no-warnings", "node_modules/mocha/bin/mocha.js", "--reporter", "tap"]);
                if self == Self::IoredisInProcess {
                    command.arg("--require").arg(faces::ours("ioredis-in-process.cjs"));
                }
                command.args(["--ignore", "test/functional/cluster/**", "--ignore", "test/functional/sentinel*.ts"]);
                command.args(["--ignore", "test/functional/tls.ts", "test/helpers/*.ts", "test/functional/**/*.ts"]);
                command.env("TS_NODE_TRANSPILE_ONLY", "true").env("NODE_ENV", "test");
                (command, tap)
            }
            _ => {
                let Some(face) = self.face() else { return (command, tap) };
                face.command(&mut command);
                (command, if self == Self::Upstash { bun } else { tap })
            }
        }
    }

    /// Whether the tests speak to a server of ours that they do not start themselves.
    fn needs_server(self) -> bool {
        matches!(self, Self::RedisPy | Self::Ioredis)
    }
}

pub fn results_file() -> PathBuf {
    workspace::root().join("tests/compatibility/suites.toml")
}

/// Runs the suites with `server`, or with the one that is built for it.
pub fn run(suites: &[Suite], subject: Subject, server: Option<&Path>, save: bool) -> Result<()> {
    let server = match server {
        Some(server) => server.to_path_buf(),
        None if suites.iter().any(|suite| suite.needs_server()) => tcl::server(subject)?,
        None => PathBuf::new(),
    };
    let packed = if suites.iter().all(|suite| suite.needs_server()) { PathBuf::new() } else { package::pack()? };
    for suite in suites {
        let outcome = run_suite(*suite, &server, &packed)?;
        outcome.failed.iter().for_each(|test| println!("    {test}"));
        let (passed, failed, skipped) = (outcome.passed, outcome.failed.len(), outcome.skipped);
        println!("{} {}: {passed} passed, {failed} failed, {skipped} skipped", suite.name(), suite.version());
        if save {
            write(suite.name(), outcome, subject)?;
        }
    }
    Ok(())
}

pub fn saved() -> Result<Results> {
    Ok(toml::from_str(&std::fs::read_to_string(results_file()).unwrap_or_default())?)
}

fn write(name: &str, outcome: Outcome, subject: Subject) -> Result<()> {
    let mut results = saved()?;
    let entry = results.entry(name.to_owned()).or_default();
    match subject {
        Subject::Redis => (entry.redis, entry.redis_failed) = (outcome.passed, outcome.failed),
        Subject::Cachette => {
            *entry = Outcome { redis: entry.redis, redis_failed: std::mem::take(&mut entry.redis_failed), ..outcome };
        }
    }
    Ok(std::fs::write(results_file(), toml::to_string_pretty(&results)?)?)
}

fn run_suite(suite: Suite, server: &Path, packed: &Path) -> Result<Outcome> {
    let folder = suite.fetched()?;
    let face = suite.face();
    let folder = face.map_or(folder.clone(), |face| folder.join(face.inside));
    let (mut command, read) = suite.command(&folder);
    let server = if suite.needs_server() {
        Some(Server::start(server)?)
    } else {
        faces::install(&folder, packed)?;
        face.map_or(Ok(None), |face| face.prepare(&folder))?
    };
    // The end says nothing more than the lines: every suite fails as a whole if one test does.
    let (text, _) = process::tee(&mut command)?;
    drop(server);
    let mut outcome = Outcome { version: suite.version().to_owned(), ..Outcome::default() };
    // Bun names the file before its tests, whose names alone may not tell them apart; at the end it names those that failed once more.
    let mut file = "";
    let lines = text.lines().take_while(|line| !line.ends_with(" tests failed:"));
    for line in lines {
        file = line.strip_suffix(".test.ts:").unwrap_or(file);
        let Some((name, verdict)) = read(line) else { continue };
        let name = if file.is_empty() { name } else { format!("{file}: {name}") };
        match verdict {
            Verdict::Passed => outcome.passed += 1,
            Verdict::Skipped => outcome.skipped += 1,
            Verdict::Failed => outcome.failed.push(name),
        }
    }
    outcome.failed.sort();
    // A test whose clean-up fails too is named twice.
    outcome.failed.dedup();
    if outcome.passed == 0 {
        bail!("{} ran no test", suite.name());
    }
    Ok(outcome)
}

/// redis-py's source distribution of the Python package index, with a virtual environment beside it.
fn fetch_redis_py(folder: &Path, suite: &Path) -> Result<()> {
    let python = process::find_or_install(&["python3"], "python3 python3-venv")?;
    process::output(process::command(&python, folder).args(["-m", "venv", "venv"]))?;
    let pip = |args: &[&str]| process::output(process::command("venv/bin/pip", folder).args(args)).map(drop);
    let name = format!("redis=={REDIS_PY}");
    pip(&["download", "-q", "--no-deps", "--no-binary", ":all:", "-d", ".", &name])?;
    process::output(process::command("tar", folder).args(["xzf", &format!("redis-{REDIS_PY}.tar.gz")]))?;
    let mut install = vec!["install", "-q"];
    install.extend(PYTHON_PACKAGES);
    pip(&install)?;
    // The folder's own redis/ is what the tests import.
    if !suite.join("tests/conftest.py").exists() {
        bail!("the source distribution of redis-py {REDIS_PY} has no tests");
    }
    Ok(())
}

/// ioredis at its tag, unless somebody put it there, with what npm adds.
fn fetch_ioredis(folder: &Path, suite: &Path) -> Result<()> {
    if !suite.join("test/functional").exists() {
        let mut git = process::command("git", folder);
        git.args(["clone", "-q", "--depth", "1", "--branch", &format!("v{IOREDIS}"), IOREDIS_REPOSITORY]).arg(suite);
        process::output(&mut git)
            .with_context(|| format!("ioredis {IOREDIS} with its tests can be put into {} by hand", suite.display()))?;
    }
    process::output(process::command("npm", suite).args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])).map(drop)
}

enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// What a line of output says of a test.
type Read = fn(&str) -> Option<(String, Verdict)>;

/// `tests/test_lock.py::TestLock::test_lock PASSED [ 12%]`
fn pytest(line: &str) -> Option<(String, Verdict)> {
    let (start, _) = line.strip_suffix("%]")?.rsplit_once('[')?;
    let (name, word) = start.trim_end().rsplit_once(' ')?;
    // A skipped test's reason stands behind the word, in brackets.
    let (name, word) = match name.rsplit_once(" SKIPPED (") {
        Some((name, _)) => (name, "SKIPPED"),
        None => match word.strip_prefix('(') {
            Some(_) => name.rsplit_once(' ')?,
            None => (name, word),
        },
    };
    let verdict = match word {
        "PASSED" | "XPASS" => Verdict::Passed,
        "FAILED" | "ERROR" => Verdict::Failed,
        "SKIPPED" | "XFAIL" => Verdict::Skipped,
        _ => return None,
    };
    Some((name.trim_end().to_owned(), verdict))
}

/// `ok 3 pipeline should work`, `not ok 4 …`, `ok 5 … # SKIP -`
fn tap(line: &str) -> Option<(String, Verdict)> {
    let (rest, verdict) = match line.strip_prefix("not ok ") {
        Some(rest) => (rest, Verdict::Failed),
        None => (line.strip_prefix("ok ")?, Verdict::Passed),
    };
    let (number, name) = rest.split_once(' ')?;
    number.parse::<u32>().ok()?;
    // Vitest puts a dash before the name and the time behind it.
    let name = name.strip_prefix("- ").unwrap_or(name);
    let name = name.split_once(" # time=").map_or(name, |(name, _)| name);
    match name.split_once(" # SKIP") {
        Some((name, _)) => Some((name.to_owned(), Verdict::Skipped)),
        None => Some((name.trim_end().to_owned(), verdict)),
    }
}

/// `(pass) with match > returns cursor and keys [1.23ms]`
fn bun(line: &str) -> Option<(String, Verdict)> {
    let (verdict, rest) = line.strip_prefix('(')?.split_once(") ")?;
    let name = rest.rsplit_once(" [").map_or(rest, |(name, _)| name).to_owned();
    match verdict {
        "pass" => Some((name, Verdict::Passed)),
        "fail" => Some((name, Verdict::Failed)),
        "skip" | "todo" => Some((name, Verdict::Skipped)),
        _ => None,
    }
}

/// The server that a suite speaks to.
struct Server(Child);

impl Server {
    fn start(program: &Path) -> Result<Self> {
        TcpListener::bind(("127.0.0.1", PORT))
            .with_context(|| format!("the suites need port {PORT}, which something else has"))?;
        let folder = workspace::target().join("suites/server");
        std::fs::create_dir_all(&folder)?;
        let mut command = process::command(&program.to_string_lossy(), &folder);
        command.args(["--port", &PORT.to_string(), "--save", "", "--enable-debug-command", "yes"]);
        Self::listening(&mut command, PORT)
    }

    /// Starts a program and waits until it listens.
    fn listening(command: &mut Command, port: u16) -> Result<Self> {
        let server = Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        bail!("{} did not listen on port {port}", command.get_program().to_string_lossy())
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

    fn said(read: Read, line: &str) -> Option<(String, char)> {
        read(line).map(|(name, verdict)| {
            let letter = match verdict {
                Verdict::Passed => 'p',
                Verdict::Failed => 'f',
                Verdict::Skipped => 's',
            };
            (name, letter)
        })
    }

    #[test]
    fn outcomes_are_read_from_lines() {
        let is = |name: &str, letter| Some((name.to_owned(), letter));
        assert_eq!(
            said(pytest, "tests/a.py::T::test_b[x y] PASSED                [  3%]"),
            is("tests/a.py::T::test_b[x y]", 'p')
        );
        assert_eq!(said(pytest, "tests/a.py::test_c SKIPPED (REDIS >= 8.0 (now)) [100%]"), is("tests/a.py::test_c", 's'));
        assert_eq!(said(pytest, "tests/a.py::test_d XFAIL (known)                [ 50%]"), is("tests/a.py::test_d", 's'));
        assert_eq!(said(pytest, "tests/a.py::test_e ERROR                        [ 50%]"), is("tests/a.py::test_e", 'f'));
        assert_eq!(said(pytest, "collected 3 items"), None);
        assert_eq!(said(tap, "ok 12 pipeline should work"), is("pipeline should work", 'p'));
        assert_eq!(said(tap, "not ok 2 scripting accepts options"), is("scripting accepts options", 'f'));
        assert_eq!(said(tap, "ok 3 arrays set # SKIP -"), is("arrays set", 's'));
        assert_eq!(said(tap, "ok then"), None);
        assert_eq!(said(tap, "ok 12 - a.test.ts > get > basic # time=12.60ms"), is("a.test.ts > get > basic", 'p'));
        assert_eq!(said(bun, "(fail) COPY test > same keys [1.39ms]"), is("COPY test > same keys", 'f'));
        assert_eq!(said(bun, "(pass) works"), is("works", 'p'));
        assert_eq!(said(bun, " 721 pass"), None);
    }
}
