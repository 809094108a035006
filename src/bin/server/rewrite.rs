//! `CONFIG REWRITE`: brings the configuration file up to date and leaves everything else in it as it was.
//!
//! A line that sets a parameter gets the parameter's present value, in its old place; a second line for the same one goes. Comments, blank
//! lines and `include` stay. What differs from the default and is not in the file comes at the end, under a comment that says so.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use cachette::config::Config;
use cachette::config::table::{self, Param, WORDS};

use crate::options::split_words;

const MARK: &str = "# Written by CONFIG REWRITE";

/// # Errors
/// The file cannot be read or replaced. It is replaced at once and whole.
pub fn file(path: &Path, config: &Config, users: &[Vec<u8>], all: bool) -> io::Result<()> {
    let old = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    let users = if config.get(b"aclfile").is_some_and(|name| !name.is_empty()) { &[] } else { users };
    replace(path, &text(&old, config, users, all))
}

/// The system's sentence about an error, without its number.
pub fn words_for(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Replaces a file at once and whole.
///
/// # Errors
/// It cannot be written; it is as it was.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// The new content for a file that had `old`. Lines of users get the present ones, in their places and then at the end.
fn text(old: &[u8], config: &Config, users: &[Vec<u8>], all: bool) -> Vec<u8> {
    let mut users = users.iter();
    let mut out = Vec::new();
    let mut written = BTreeSet::new();
    let mut marked = false;
    let lines = old.strip_suffix(b"\n").unwrap_or(old);
    for line in lines.split(|&byte| byte == b'\n').filter(|_| !old.is_empty()) {
        marked |= line == MARK.as_bytes();
        if line.trim_ascii_start().starts_with(b"user ") {
            users.next().into_iter().for_each(|user| push_user(&mut out, user));
            continue;
        }
        match parameter(line) {
            None => {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
            Some(param) if written.insert(param.name) => push(&mut out, param, config),
            Some(_) => {}
        }
    }
    let changed = |param: &&Param| all || config.get(param.name.as_bytes()) != Some(param.default.as_bytes());
    for param in table::all().filter(changed).filter(|param| !written.contains(param.name)) {
        if !marked {
            marked = true;
            out.extend_from_slice(MARK.as_bytes());
            out.push(b'\n');
        }
        push(&mut out, param, config);
    }
    users.for_each(|user| push_user(&mut out, user));
    out
}

/// Writes the line of a user, a word in quotes where it must be.
fn push_user(out: &mut Vec<u8>, line: &[u8]) {
    let words = line.split(|byte| *byte == b' ').map(|word| {
        let plain = word.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(byte));
        if plain { word.to_vec() } else { format!("\"{}\"", word.escape_ascii()).into_bytes() }
    });
    out.extend_from_slice(&words.collect::<Vec<_>>().join(&b' '));
    out.push(b'\n');
}

/// The parameter that a line sets, if it sets one.
fn parameter(line: &[u8]) -> Option<&'static Param> {
    let words = split_words(line)?;
    let name = words.first()?;
    let is = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
    table::all().find(|param| !name.is_empty() && (is(param.name) || is(param.alias)))
}

/// Writes a parameter's line. Values of several words are written as such, others are quoted where they must be.
fn push(out: &mut Vec<u8>, param: &Param, config: &Config) {
    let value = config.get(param.name.as_bytes()).unwrap_or_default();
    out.extend_from_slice(param.name.as_bytes());
    out.push(b' ');
    let plain = |byte: &u8| (byte.is_ascii_graphic() && !b"\"'\\#".contains(byte)) || (*byte == b' ' && param.has(WORDS));
    if !value.is_empty() && value.iter().all(plain) {
        out.extend_from_slice(value);
    } else {
        out.push(b'"');
        out.extend_from_slice(value.escape_ascii().to_string().as_bytes());
        out.push(b'"');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use cachette::config::Phase;

    fn rewritten(old: &str, set: &[(&str, &str)]) -> String {
        let mut config = Config::default();
        for (name, value) in set {
            config.set(name.as_bytes(), &[value.as_bytes()], Phase::Startup).unwrap();
        }
        String::from_utf8(text(old.as_bytes(), &config, &[], false)).unwrap()
    }

    #[test]
    fn lines_keep_their_places_and_get_the_present_values() {
        let old = "# mine\n\nPORT 1\ninclude other.conf\nsave 900 1\nsave 60 2\ntimeout 5\n";
        let new = rewritten(old, &[("port", "7"), ("save", "900 1 60 2"), ("timeout", "5")]);
        assert_eq!(new, "# mine\n\nport 7\ninclude other.conf\nsave 900 1 60 2\ntimeout 5\n");
    }

    #[test]
    fn what_is_new_comes_at_the_end_under_a_mark_that_is_set_once() {
        let once = rewritten("port 7\n", &[("port", "7"), ("requirepass", "a \"b\" \\")]);
        assert_eq!(once, format!("port 7\n{MARK}\nrequirepass \"a \\\"b\\\" \\\\\"\n"));
        let twice = rewritten(&once, &[("port", "7"), ("requirepass", "x"), ("hz", "50")]);
        assert_eq!(twice, format!("port 7\n{MARK}\nrequirepass x\nhz 50\n"));
        assert_eq!(rewritten("", &[]), "");
    }

    #[test]
    fn users_take_the_places_of_users_and_what_is_left_comes_last() {
        let users = [b"user a on ~\"x\\".to_vec(), b"user b off".to_vec()];
        let of =
            |old: &str, users: &[Vec<u8>]| String::from_utf8(text(old.as_bytes(), &Config::default(), users, false)).unwrap();
        assert_eq!(of("# mine\nuser old on\ninclude x\n", &users), "# mine\nuser a on \"~\\\"x\\\\\"\ninclude x\nuser b off\n");
        assert_eq!(of("user a on\nuser b on\n", &users[1..]), "user b off\n");
    }

    #[test]
    fn an_old_name_is_the_same_parameter_and_an_empty_value_is_quoted() {
        let old = "hash-max-ziplist-entries 1\nbind 1.2.3.4\n";
        assert_eq!(
            rewritten(old, &[("hash-max-listpack-entries", "9"), ("bind", "")]),
            "hash-max-listpack-entries 9\nbind \"\"\n"
        );
    }
}
