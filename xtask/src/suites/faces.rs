//! The libraries that the npm package plugs into, and how their own tests are run through its faces: fetched at a pinned version, the packed package
//! installed beside them, and a few files of ours (`tests/clients/suites`) put in, which say where the library is to find what.

use super::{PORT, Server, Suite};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Face {
    pub suite: Suite,
    pub name: &'static str,
    pub version: &'static str,
    /// Where its tests are: a repository of GitHub with a tag or a commit, and what of it is needed. Empty where they are a package.
    repository: &'static str,
    at: &'static str,
    paths: &'static [&'static str],
    /// The folder within, in which they run.
    pub inside: &'static str,
    packages: &'static [&'static str],
    /// Files of ours, and where they go.
    files: &'static [(&'static str, &'static str)],
    run: Run,
    /// What they speak to meanwhile.
    server: Option<With>,
}

enum Run {
    /// The files that Vitest runs.
    Vitest(&'static [&'static str]),
    Mocha(&'static [&'static str]),
    Bun,
}

enum With {
    /// `cachette serve` on Redis's port.
    Serve,
    /// The REST handler.
    Rest,
}

const REST_PORT: u16 = 18_999;
const VITEST: &str = "vitest@4.1.12";

pub const FACES: &[Face] = &[
    Face {
        suite: Suite::IoredisInProcess,
        name: "ioredis in process",
        version: super::IOREDIS,
        repository: "",
        at: "",
        paths: &[],
        inside: "",
        packages: &[],
        files: &[],
        run: Run::Mocha(&[]),
        server: None,
    },
    Face {
        suite: Suite::Keyv6,
        name: "keyv 6",
        version: "6.0.0-rc.1",
        repository: "jaredwray/keyv",
        at: "v6.0.0-rc.1",
        paths: &["core/test-suite/src", "tsconfig.base.json"],
        inside: "",
        packages: &[VITEST, "@faker-js/faker@10", "timekeeper@2", "bignumber.js@11", "json-bigint@1", "keyv@6.1.0"],
        files: &[("keyv-6.test.ts", "keyv-6.test.ts")],
        run: Run::Vitest(&["keyv-6.test.ts"]),
        server: None,
    },
    Face {
        suite: Suite::Keyv5,
        name: "keyv 5",
        version: "5.6.0",
        repository: "",
        at: "",
        paths: &[],
        inside: "",
        packages: &[VITEST, "@keyv/test-suite@2.1.2", "keyv@5.6.0"],
        files: &[("keyv-5.test.ts", "keyv-5.test.ts")],
        run: Run::Vitest(&["keyv-5.test.ts"]),
        server: None,
    },
    Face {
        suite: Suite::CacheManager,
        name: "cache-manager",
        version: "7.2.9",
        repository: "jaredwray/cacheable",
        at: "f50b770e",
        paths: &["packages/cache-manager/src", "packages/cache-manager/test"],
        inside: "packages/cache-manager",
        packages: &[
            VITEST,
            "@faker-js/faker@10",
            "@cacheable/utils@2",
            "keyv@5.6.0",
            "cacheable@2.5.0",
            "cache-manager-redis-yet@5",
            "lru-cache@11",
        ],
        files: &[("cache-manager-keyv.ts", "cachette-keyv.ts"), ("cache-manager-redis.ts", "cachette-redis.ts")],
        run: Run::Vitest(&[]),
        server: Some(With::Serve),
    },
    Face {
        suite: Suite::Unstorage,
        name: "unstorage",
        version: "1.17.5",
        repository: "unjs/unstorage",
        at: "v1.17.5",
        paths: &["src", "test"],
        inside: "",
        packages: &[
            VITEST,
            "anymatch@3",
            "chokidar@5",
            "destr@2",
            "h3@1",
            "lru-cache@11",
            "node-fetch-native@1",
            "ofetch@1",
            "ufo@1",
        ],
        files: &[("unstorage.test.ts", "test/drivers/cachette.test.ts")],
        run: Run::Vitest(&["test/drivers/cachette.test.ts"]),
        server: None,
    },
    Face {
        suite: Suite::ConnectRedis,
        name: "connect-redis",
        version: "9.0.0",
        repository: "tj/connect-redis",
        at: "v9.0.0",
        paths: &["index_test.ts", "testdata"],
        inside: "",
        packages: &[VITEST, "express-session@1.19.0", "redis@6.3.1"],
        files: &[("connect-redis.ts", "store.ts"), ("connect-redis-server.ts", "testdata/server.ts")],
        run: Run::Vitest(&["index_test.ts"]),
        server: None,
    },
    Face {
        suite: Suite::ExpressSession,
        name: "express-session",
        version: "1.19.0",
        repository: "expressjs/session",
        at: "v1.19.0",
        paths: &["index.js", "package.json", "session", "test"],
        inside: "",
        packages: &[],
        files: &[("express-session.cjs", "cachette.cjs")],
        run: Run::Mocha(&[
            "--require",
            "./test/support/env",
            "--require",
            "./cachette.cjs",
            "--check-leaks",
            "test/session.js",
            "test/cookie.js",
        ]),
        server: None,
    },
    Face {
        suite: Suite::Upstash,
        name: "@upstash/redis",
        version: "1.38.2",
        repository: "upstash/redis-js",
        at: "@upstash/redis@1.38.2",
        paths: &["packages/redis"],
        inside: "packages/redis",
        packages: &["bun@1", "uncrypto@0.1"],
        files: &[("upstash-server.mjs", "cachette-server.mjs")],
        run: Run::Bun,
        server: Some(With::Rest),
    },
    Face {
        suite: Suite::RateLimiterFlexible,
        name: "rate-limiter-flexible",
        version: "11.1.0",
        repository: "animir/node-rate-limiter-flexible",
        at: "v11.1.0",
        paths: &["index.js", "lib", "package.json", "test"],
        inside: "",
        packages: &["mocha@10", "chai@4", "ioredis@5.11.1"],
        files: &[],
        // Of its tests with Redis, those of the limiter that needs no Lua.
        run: Run::Mocha(&["--exit", "test/RateLimiterRedisNonAtomic.ioredis.test.js"]),
        server: Some(With::Serve),
    },
];

/// A file of ours.
pub fn ours(name: &str) -> PathBuf {
    workspace::root().join("tests/clients/suites").join(name)
}

/// Installs the packed package beside the tests.
pub fn install(folder: &Path, packed: &Path) -> Result<()> {
    let target = folder.join("node_modules/cachette");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    std::fs::create_dir_all(&target)?;
    process::output(process::command("tar", &target).arg("xzf").arg(packed).args(["--strip-components", "1"])).map(drop)
}

impl Face {
    /// The repository at its tag, unless somebody put it there, and what npm adds.
    pub fn fetch(&self, suite: &Path) -> Result<()> {
        let folder = suite.join(self.inside);
        if !self.repository.is_empty() && !self.paths.iter().all(|path| suite.join(path).exists()) {
            let from = format!("https://github.com/{}.git", self.repository);
            let parent = suite.parent().context("a suite lies in a folder")?;
            let clone = || -> Result<()> {
                process::output(process::command("git", parent).args(["clone", "-q", "--no-checkout", &from]).arg(suite))?;
                process::output(process::command("git", suite).args(["checkout", "-q", self.at, "--"]).args(self.paths)).map(drop)
            };
            clone().with_context(|| format!("{} at {} can be put into {} by hand", self.repository, self.at, suite.display()))?;
        }
        std::fs::create_dir_all(&folder)?;
        // Its own manifest may name what only its workspace has.
        if !self.packages.is_empty() {
            std::fs::write(folder.join("package.json"), manifest(self.run.is_module()))?;
        }
        let mut npm = process::command("npm", &folder);
        npm.args([
            "install",
            "--no-save",
            "--no-package-lock",
            "--ignore-scripts",
            "--legacy-peer-deps",
            "--no-audit",
            "--no-fund",
        ]);
        process::output(npm.args(["--loglevel=error"]).args(self.packages)).map(drop)?;
        let certificates = suite.join("test/support/gencert.sh");
        if certificates.exists() {
            process::output(process::command("sh", suite).arg(certificates))?;
        }
        Ok(())
    }

    /// Puts our files in, and starts what the tests speak to.
    pub(super) fn prepare(&self, folder: &Path) -> Result<Option<Server>> {
        for (from, to) in self.files.iter().chain(&[("vitest.config.mjs", "cachette.vitest.config.mjs")]) {
            std::fs::copy(ours(from), folder.join(to)).with_context(|| format!("{to} in {}", folder.display()))?;
        }
        let port = match self.server {
            None => return Ok(None),
            Some(With::Serve) => PORT,
            Some(With::Rest) => REST_PORT,
        };
        if TcpListener::bind(("127.0.0.1", port)).is_err() {
            bail!("{} needs port {port}, which something else has", self.name);
        }
        let mut node = process::command("node", folder);
        match self.server {
            Some(With::Rest) => node.arg("cachette-server.mjs"),
            _ => node.arg("node_modules/cachette/dist/node/cli.js").args(["serve", "--port", &port.to_string()]),
        };
        self.environment(&mut node);
        Server::listening(&mut node, port).map(Some)
    }

    fn environment(&self, command: &mut Command) {
        command.env("SUITE", self.name).env("UPSTASH_REDIS_REST_TOKEN", "token");
        command.env("UPSTASH_REDIS_REST_URL", format!("http://127.0.0.1:{REST_PORT}"));
    }

    pub fn command(&self, command: &mut Command) {
        self.environment(command);
        match self.run {
            Run::Vitest(files) => command.args(["npx", "vitest", "run", "--config", "cachette.vitest.config.mjs"]).args(files),
            Run::Mocha(words) => {
                command.args(["node", "--no-warnings", "node_modules/mocha/bin/mocha.js", "--reporter", "tap"]).args(words)
            }
            // The program itself, whose package puts it in place by a script that is not run here. It tells its outcomes on standard error.
            Run::Bun => {
                command.args(["sh", "-c", "$(ls node_modules/@oven/bun-*/bin/bun | head -1) test pkg --timeout 20000 2>&1"])
            }
        };
    }
}

impl Run {
    fn is_module(&self) -> bool {
        !matches!(self, Run::Mocha(_))
    }
}

fn manifest(module: bool) -> String {
    let kind = if module { "module" } else { "commonjs" };
    format!("{{ \"private\": true, \"type\": \"{kind}\" }}\n")
}
