//! What the person who starts the server asks for: `[redis.conf] [--name value …] [-]`, and the file's own lines.
//!
//! This is redis-server's grammar, and no argument library fits it: a flag may take any number of values, the word after a flag is its
//! value even when it begins with `--`, `"--port 6380"` in one word is a whole line, a lone `-` reads lines from standard input, and the
//! names are those of the configuration table, which the engine owns. In short, a command line is more lines of a configuration file,
//! so both become the same [`Directive`]s here, and what they mean is decided in one place.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How deep `include` may nest. Redis has no limit and dies when a file includes itself.
const INCLUDE_DEPTH: usize = 16;

/// What a command line asks the program to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    Version,
    Help,
    Run(Plan),
}

/// Every directive in the order in which it takes effect (later ones win), and the file that CONFIG REWRITE would write to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub file: Option<PathBuf>,
    pub directives: Vec<Directive>,
}

/// One line of configuration: a name in lower case, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub name: String,
    pub values: Vec<Vec<u8>>,
    pub place: Place,
}

/// Where a directive was written, for error messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: Source,
    /// Counted from 1; on the command line, the flag's number.
    pub line: usize,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    Stdin,
    CommandLine,
}

/// Why the server cannot start: shown to the person, then exit status 1.
#[derive(Debug, PartialEq, Eq)]
pub enum Fatal {
    /// A directive that cannot be taken. Laid out as redis-server does it, because people and harnesses look for this shape.
    Directive {
        place: Place,
        reason: String,
    },
    Other(String),
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fatal::Directive { place, reason } => {
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR (cachette {}) ***", env!("CARGO_PKG_VERSION"))?;
                match &place.source {
                    Source::File(path) => {
                        writeln!(f, "Reading the configuration file {}, at line {}", path.display(), place.line)?
                    }
                    Source::Stdin => writeln!(f, "Reading the configuration from standard input, at line {}", place.line)?,
                    Source::CommandLine => writeln!(f, "Reading the command line, at option {}", place.line)?,
                }
                write!(f, ">>> '{}'\n{reason}", place.text)
            }
            Fatal::Other(reason) => f.write_str(reason),
        }
    }
}

impl Place {
    pub fn refuse(self, reason: impl Into<String>) -> Fatal {
        Fatal::Directive { place: self, reason: reason.into() }
    }
}

pub const USAGE: &str = "\
Usage: cachette-server [/path/to/redis.conf] [--option value ...] [-]
       cachette-server -            read configuration lines from standard input
       cachette-server -v | --version
       cachette-server -h | --help

Options have the names, values and meaning that redis-server gives them; `CONFIG GET *` lists them with their values.
A command line counts as more lines of the configuration file: what comes later wins.

Examples:
       cachette-server --port 7777
       cachette-server --bind 127.0.0.1 -::1 --maxmemory 64mb --requirepass secret
       cachette-server --port 0 --unixsocket /run/cachette.sock --unixsocketperm 770
       cachette-server /etc/redis/redis.conf --loglevel verbose
       echo 'maxclients 100' | cachette-server -
";

/// Reads a command line (without the program's name) and every file that it names.
///
/// # Errors
/// A file that cannot be read, quotes that do not close, a nest of `include` deeper than 16.
pub fn parse(args: &[Vec<u8>], stdin: &mut dyn Read) -> Result<Invocation, Fatal> {
    match args {
        [only] if only == b"-v" || only == b"--version" => return Ok(Invocation::Version),
        [only] if only == b"-h" || only == b"--help" => return Ok(Invocation::Help),
        [first, ..] if first == b"--test-memory" || first == b"--check-system" || first == b"--sentinel" => {
            return Err(Fatal::Other(format!("cachette-server has no {}: it is a mode of redis-server only.", lossy(first))));
        }
        _ => {}
    }
    let mut plan = Plan::default();
    let flags = match args {
        [first, rest @ ..] if !first.starts_with(b"-") => {
            let path = path_of(first);
            read_file(&path, 0, &mut plan.directives)?;
            plan.file = Some(std::path::absolute(&path).unwrap_or(path));
            rest
        }
        all => all,
    };
    let (from_stdin, flags) = without_stdin_mark(flags);
    if from_stdin {
        let mut text = Vec::new();
        stdin
            .read_to_end(&mut text)
            .map_err(|error| Fatal::Other(format!("Can't read the configuration from standard input: {error}")))?;
        read_lines(&text, &Source::Stdin, 0, &mut plan.directives)?;
    }
    read_flags(flags, &mut plan.directives)?;
    Ok(Invocation::Run(plan))
}

/// A lone `-` as the first or the last word asks for lines from standard input. Anywhere else it is a value.
fn without_stdin_mark(flags: &[Vec<u8>]) -> (bool, &[Vec<u8>]) {
    match flags {
        [first, rest @ ..] if first == b"-" => (true, rest),
        [rest @ .., last] if last == b"-" => (true, rest),
        all => (false, all),
    }
}

/// Groups words into directives: `--name` begins one, except right behind a bare `--name`, where any word is a value.
fn read_flags(words: &[Vec<u8>], into: &mut Vec<Directive>) -> Result<(), Fatal> {
    let mut number: usize = 0;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        number += 1;
        let place = |text: String| Place { source: Source::CommandLine, line: number, text };
        if word.starts_with(b"-") && !word.starts_with(b"--") {
            return Err(place(lossy(word)).refuse("expected an option such as --port"));
        }
        // Words before the first flag (`redis.conf loglevel verbose --port 1`) make a line of their own.
        let head = word.strip_prefix(b"--").unwrap_or(word);
        let mut line = split_words(head).ok_or_else(|| place(lossy(head)).refuse("Unbalanced quotes in configuration line"))?;
        let bare = line.len() == 1;
        // `--save` alone, or before another option, has always meant `--save ""`.
        let empty_save = bare && line.first().is_some_and(|name| name.eq_ignore_ascii_case(b"save"));
        if bare {
            match words.get(at) {
                Some(next) if empty_save && next.starts_with(b"--") => line.push(Vec::new()),
                Some(next) => {
                    line.push(next.clone());
                    at += 1;
                }
                None if empty_save => line.push(Vec::new()),
                None => {}
            }
        }
        while let Some(value) = words.get(at).filter(|value| !value.starts_with(b"--")) {
            line.push(value.clone());
            at += 1;
        }
        into.extend(directive(line, &Source::CommandLine, number, None));
    }
    Ok(())
}

fn read_file(path: &Path, depth: usize, into: &mut Vec<Directive>) -> Result<(), Fatal> {
    let text = std::fs::read(path)
        .map_err(|error| Fatal::Other(format!("Fatal error, can't open config file '{}': {error}", path.display())))?;
    read_lines(&text, &Source::File(path.to_path_buf()), depth, into)
}

fn read_lines(text: &[u8], source: &Source, depth: usize, into: &mut Vec<Directive>) -> Result<(), Fatal> {
    for (index, raw) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = raw.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let place = || Place { source: source.clone(), line: index + 1, text: lossy(line) };
        let words = split_words(line).ok_or_else(|| place().refuse("Unbalanced quotes in configuration line"))?;
        let Some(directive) = directive(words, source, index + 1, Some(lossy(line))) else { continue };
        if directive.name != "include" {
            into.push(directive);
            continue;
        }
        let [pattern] = directive.values.as_slice() else { return Err(place().refuse("include takes one file name")) };
        if depth >= INCLUDE_DEPTH {
            return Err(place().refuse(format!("include is nested more than {INCLUDE_DEPTH} files deep")));
        }
        for path in matching_files(pattern) {
            read_file(&path, depth + 1, into)?;
        }
    }
    Ok(())
}

/// The files that an `include` names: one as written, or those of its folder whose names match a glob, in order of name.
fn matching_files(pattern: &[u8]) -> Vec<PathBuf> {
    let path = path_of(pattern);
    let name = path.file_name().map(|name| name.as_encoded_bytes().to_vec()).unwrap_or_default();
    if !name.iter().any(|byte| b"*?[".contains(byte)) {
        return vec![path];
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|file| glob_matches(&name, file.as_encoded_bytes())))
        .collect();
    found.sort();
    found
}

/// `*` and `?` only: file names in an include need no more.
fn glob_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || Some(&byte) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star, taken)) = retry else { return false };
                retry = Some((star, taken + 1));
                p = star + 1;
                n = taken + 1;
            }
        }
    }
    pattern.get(p..).unwrap_or(&[]).iter().all(|&byte| byte == b'*')
}

/// `None` for a line without words. The text that an error will show is the line as written, or rebuilt with quotes as redis-server shows flags.
fn directive(words: Vec<Vec<u8>>, source: &Source, line: usize, text: Option<String>) -> Option<Directive> {
    let mut words = words.into_iter();
    let name = lossy(&words.next()?).to_ascii_lowercase();
    let values: Vec<Vec<u8>> = words.collect();
    let text =
        text.unwrap_or_else(|| values.iter().fold(name.clone(), |text, value| format!("{text} \"{}\"", value.escape_ascii())));
    Some(Directive { name, values, place: Place { source: source.clone(), line, text } })
}

/// Splits a line into words as redis.conf has them: bare, `"double quoted"` with backslash escapes (`\xff`, `\n`, …), or `'single quoted'` where
/// only `\'` is special. A closing quote must end its word. `None` when a quote is left open or followed by something.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let (word, after) = match rest.split_first()? {
            (quote @ (b'"' | b'\''), body) => quoted_word(*quote, body)?,
            _ => bare_word(rest)?,
        };
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Some(words)
}

/// A word that begins without a quote may still hold quoted parts (`a"b c"`).
fn bare_word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | 0 => return Some((word, after)),
            b'"' | b'\'' => {
                let (part, after) = quoted_word(byte, after)?;
                word.extend_from_slice(&part);
                return Some((word, after));
            }
            _ => word.push(byte),
        }
        rest = after;
    }
    Some((word, rest))
}

fn quoted_word(quote: u8, body: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = body;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if byte == quote {
            return rest.first().is_none_or(u8::is_ascii_whitespace).then_some((word, rest));
        }
        if byte != b'\\' {
            word.push(byte);
        } else if quote == b'\'' {
            match rest.split_first() {
                Some((b'\'', after)) => {
                    word.push(b'\'');
                    rest = after;
                }
                _ => word.push(b'\\'),
            }
        } else {
            let (value, after) = escape(rest)?;
            word.push(value);
            rest = after;
        }
    }
}

/// What a backslash inside double quotes stands for.
fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if let [b'x', high, low, after @ ..] = rest
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        return Some((high << 4 | low, after));
    }
    let (&byte, after) = rest.split_first()?;
    let value = match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    };
    Some((value, after))
}

pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// Options of redis-server whose feature cachette does not have. Refusing them is kinder than starting without what was asked for.
/// Answers the reason, or `None` when the option may go to the configuration table.
pub fn unsupported(name: &str, values: &[&[u8]]) -> Option<&'static str> {
    let value = values.first().map(|value| value.to_ascii_lowercase()).unwrap_or_default();
    let on = value == b"yes";
    match name {
        "appendonly" if on => Some("cachette-server does not write an append-only file; use `appendonly no`"),
        // What is no port has a sentence of its own.
        "replicaof" | "slaveof" if matches!(values, [_, port] if value != b"no" && lossy(port).parse::<u16>().is_ok()) => {
            Some("cachette-server cannot be a replica of another server")
        }
        "cluster-enabled" if on => Some("cachette-server has no cluster mode; use `cluster-enabled no`"),
        "tls-port" if !value.is_empty() && value != b"0" => Some("cachette-server does not speak TLS; use `tls-port 0`"),
        "daemonize" if on => {
            Some("cachette-server stays in the foreground; let a service manager, or `&`, send it to the background")
        }
        "syslog-enabled" if on => Some("cachette-server logs to standard output or to `logfile`, not to syslog"),
        "rename-command" => Some("cachette-server does not rename commands"),
        "loadmodule" => Some("cachette-server does not load modules"),
        "sentinel" => Some("cachette-server has no sentinel mode"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        split_words(line.as_bytes()).map(|words| words.iter().map(|word| lossy(word)).collect())
    }

    fn run(args: &[&str], stdin: &str) -> Result<Vec<(String, Vec<String>)>, String> {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        match parse(&args, &mut stdin.as_bytes()) {
            Ok(Invocation::Run(plan)) => {
                Ok(plan.directives.into_iter().map(|d| (d.name, d.values.iter().map(|value| lossy(value)).collect())).collect())
            }
            Ok(other) => Err(format!("{other:?}")),
            Err(fatal) => Err(fatal.to_string()),
        }
    }

    fn pair(name: &str, values: &[&str]) -> (String, Vec<String>) {
        (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_line_splits_at_blanks_and_respects_quotes() {
        assert_eq!(words("port 6379").unwrap(), ["port", "6379"]);
        assert_eq!(words("  save   \"\" ").unwrap(), ["save", ""]);
        assert_eq!(words(r#"a "b c" 'd e' f"g h""#).unwrap(), ["a", "b c", "d e", "fg h"]);
        assert_eq!(words(r#"a "x\x41\n\t\"" 'it\'s \n'"#).unwrap(), ["a", "xA\n\t\"", "it's \\n"]);
        assert_eq!(words(r#"a "\xzz""#).unwrap(), ["a", "xzz"]);
        assert_eq!(words(""), Some(vec![]));
        for open in [r#"a "b"#, "a 'b", r#"a "b"c"#, r#""\"#, "'a'b"] {
            assert_eq!(words(open), None, "{open}");
        }
    }

    #[test]
    fn flags_take_values_until_the_next_flag() {
        assert_eq!(run(&["--port", "1", "--bind", "a", "b"], "").unwrap(), [pair("port", &["1"]), pair("bind", &["a", "b"])]);
        assert_eq!(run(&["--PORT 1"], "").unwrap(), [pair("port", &["1"])]);
        assert_eq!(run(&["--port"], "").unwrap(), [pair("port", &[])]);
    }

    #[test]
    fn the_word_behind_a_bare_flag_is_its_value_whatever_it_looks_like() {
        assert_eq!(
            run(&["--port", "--bla", "--loglevel", "verbose"], "").unwrap(),
            [pair("port", &["--bla"]), pair("loglevel", &["verbose"])]
        );
        assert_eq!(run(&["--port", "--loglevel", "verbose"], "").unwrap(), [pair("port", &["--loglevel", "verbose"])]);
    }

    #[test]
    fn words_before_the_first_flag_are_a_line() {
        let folder = std::env::temp_dir().join(format!("cachette-words-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.conf");
        std::fs::write(&file, "").unwrap();
        let args = [file.to_str().unwrap(), "loglevel", "verbose", "--maxmemory '700mb'"];
        assert_eq!(run(&args, "").unwrap(), [pair("loglevel", &["verbose"]), pair("maxmemory", &["700mb"])]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_empty_save_needs_no_quotes() {
        assert_eq!(run(&["--save", "--port", "1"], "").unwrap(), [pair("save", &[""]), pair("port", &["1"])]);
        assert_eq!(run(&["--save"], "").unwrap(), [pair("save", &[""])]);
        assert_eq!(run(&["--save", "", "--appendonly", "no"], "").unwrap(), [pair("save", &[""]), pair("appendonly", &["no"])]);
        assert_eq!(run(&["--save", "100", "1"], "").unwrap(), [pair("save", &["100", "1"])]);
    }

    #[test]
    fn a_dash_reads_standard_input_before_the_flags() {
        let stdin = "# comment\n\n port 5\r\nmaxclients 7";
        let expected = [pair("port", &["5"]), pair("maxclients", &["7"]), pair("port", &["9"])];
        assert_eq!(run(&["-", "--port", "9"], stdin).unwrap(), expected);
        assert_eq!(run(&["--port", "9", "-"], stdin).unwrap(), expected);
    }

    #[test]
    fn files_and_their_includes_are_read_in_place() {
        let folder = std::env::temp_dir().join(format!("cachette-options-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let main = folder.join("main.conf");
        std::fs::write(&main, format!("port 1\ninclude {}/part-*.conf\ntimeout 3\n", folder.display())).unwrap();
        std::fs::write(folder.join("part-b.conf"), "hz 20\n").unwrap();
        std::fs::write(folder.join("part-a.conf"), "port 2\n").unwrap();
        let main = main.to_str().unwrap();
        let expected = [pair("port", &["1"]), pair("port", &["2"]), pair("hz", &["20"]), pair("timeout", &["3"])];
        assert_eq!(run(&[main], "").unwrap(), expected);

        let own = folder.join("self.conf");
        std::fs::write(&own, format!("include {}\n", own.display())).unwrap();
        assert!(run(&[own.to_str().unwrap()], "").unwrap_err().contains("nested more than 16"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn errors_name_the_line_and_show_it() {
        let error = run(&["-"], "port 1\nbogus \"x\n").unwrap_err();
        assert!(error.contains("at line 2") && error.contains("'bogus \"x'") && error.contains("Unbalanced quotes"), "{error}");
        assert!(run(&["/nowhere.conf"], "").unwrap_err().contains("can't open config file '/nowhere.conf'"));
        assert!(run(&["--port", "1", "- "], "").is_ok());
        assert!(run(&["-port", "1"], "").unwrap_err().contains("expected an option"));
    }

    #[test]
    fn version_and_help_are_answered() {
        assert!(run(&["--version"], "").unwrap_err().contains("Version"));
        assert!(run(&["-h"], "").unwrap_err().contains("Help"));
    }
}
