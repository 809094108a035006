//! Other programs: started, watched, and missed with a message that says what to install.

use crate::steps::timed;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A command that runs in `folder`.
pub fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

/// Cargo, the one that runs this program.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::workspace::root());
    command
}

/// Runs to the end, output to the terminal's standard error (standard output belongs to the task's result).
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdout(std::io::stderr()).status().with_context(|| missing(command))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs quietly and returns standard output; what it said is shown only if it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).output().with_context(|| missing(command))?;
    if !out.status.success() {
        eprint!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        bail!("`{}` ended with {}", shown(command), out.status);
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Runs with standard output shown line by line and returned too; `Ok((text, succeeded))` whatever the program's end.
pub fn tee(command: &mut Command) -> Result<(String, bool)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| missing(command))?;
    let mut text = String::new();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let read = String::from_utf8_lossy(&line).into_owned();
            eprint!("{read}");
            text.push_str(&read);
            line.clear();
        }
    }
    let status = child.wait()?;
    Ok((text, status.success()))
}

/// True if `program --version` runs.
pub fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// The first of `programs` on PATH; else installs Debian's `package` and looks again.
pub fn find_or_install(programs: &[&str], package: &str) -> Result<String> {
    let find = || programs.iter().find(|program| is_there(program)).map(|program| (*program).to_owned());
    if let Some(found) = find() {
        return Ok(found);
    }
    let wanted = programs.join(" or ");
    if !is_there("apt-get") {
        bail!("no {wanted} on PATH: install it and run again");
    }
    timed(&format!("apt-get install {package}"), || {
        let root = crate::workspace::root();
        output(command("apt-get", &root).args(["update", "-qq"]))?;
        let mut install = command("apt-get", &root);
        install.args(["install", "-y", "-qq", "--no-install-recommends", package]).env("DEBIAN_FRONTEND", "noninteractive");
        output(&mut install)
    })
    .with_context(|| format!("no {wanted} on PATH, and apt-get could not install it: install it and run again"))?;
    find().with_context(|| format!("no {wanted} on PATH even after apt-get install {package}"))
}

/// Full path of a program on PATH.
pub fn on_path(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.with_context(|| format!("{program} is not on PATH"))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn missing(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let hint = match program.as_str() {
        "node" | "npm" | "npx" => "install Node 20 or newer, which brings npm: https://nodejs.org",
        "rustup" => "install rustup: https://rustup.rs",
        "apt-get" => "this is no Debian-like system",
        _ => "is it installed and on PATH?",
    };
    format!("cannot start `{program}`; {hint}")
}
