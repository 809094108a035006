//! The compact notation for expected replies; `tests/scenarios/README.md` is its manual.
//!
//! A pattern is written once, in RESP3's terms; what RESP2 makes of it (maps and sets become arrays, doubles become bulk
//! strings …) is derived here.

use std::collections::HashMap;

use super::resp::Value;
use super::words::{quote, quoted};

#[derive(Clone, Debug)]
pub enum Pattern {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    ErrorLike(Vec<u8>),
    Int(i64),
    IntRange(i64, i64),
    Bulk(Vec<u8>),
    Like(Vec<u8>),
    Nil,
    NilArray,
    Double(Vec<u8>),
    Bool(bool),
    BigNumber(Vec<u8>),
    Verbatim(Vec<u8>),
    List(Kind, Vec<Pattern>, bool),
    /// Exactly so many elements, each of this pattern.
    Times(usize, Box<Pattern>),
    Map(Vec<(Pattern, Pattern)>, bool),
    /// An array of two-element arrays in RESP3, one flat array in RESP2.
    Pairs(Vec<Pattern>),
    Either(Vec<Pattern>),
    Any(Class),
    /// What an earlier step saved under this name.
    Saved(String),
    /// Not written yet: the runner fills it in when asked to.
    Blank,
    /// Nothing is answered at all.
    Nothing,
    /// Nothing is answered yet.
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Array,
    Unordered,
    Set,
    Push,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Class {
    Anything,
    /// Anything but an error: what a step without an expectation wants.
    Success,
    Int,
    Bulk,
    Array,
    Map,
    Error,
    Double,
}

pub fn parse(text: &str) -> Result<Pattern, String> {
    let trimmed = text.trim();
    // Redis ends some errors with a space: only what stands before an error is trimmed.
    if let Some(message) = text.trim_start().strip_prefix('-')
        && message.starts_with(|c: char| c.is_ascii_uppercase())
    {
        return Ok(Pattern::Error(super::words::unescape(message)?));
    }
    if let Some(message) = trimmed.strip_prefix('+')
        && !message.starts_with('"')
    {
        return Ok(Pattern::Simple(message.as_bytes().to_vec()));
    }
    let mut parser = Parser { text: trimmed.as_bytes(), at: 0 };
    let pattern = parser.pattern()?;
    parser.blank();
    if parser.at < parser.text.len() {
        return Err(format!("unexpected text at {} in: {trimmed}", parser.at));
    }
    Ok(pattern)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn blank(&mut self) {
        while self.text.get(self.at).is_some_and(|b| b.is_ascii_whitespace() || *b == b',') {
            self.at += 1;
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blank();
        let found = self.text[self.at..].starts_with(token.as_bytes());
        if found {
            self.at += token.len();
        }
        found
    }

    fn quoted(&mut self) -> Result<Vec<u8>, String> {
        if self.text.get(self.at) != Some(&b'"') {
            return Err(format!("a quoted text is wanted at {} in: {}", self.at, String::from_utf8_lossy(self.text)));
        }
        let (text, next) = quoted(self.text, self.at)?;
        self.at = next;
        Ok(text)
    }

    fn pattern(&mut self) -> Result<Pattern, String> {
        let first = self.single()?;
        let mut choices = vec![first];
        while self.eat("|") {
            choices.push(self.single()?);
        }
        Ok(if choices.len() == 1 { choices.remove(0) } else { Pattern::Either(choices) })
    }

    fn single(&mut self) -> Result<Pattern, String> {
        self.blank();
        if self.text.get(self.at) == Some(&b'"') {
            return Ok(Pattern::Bulk(self.quoted()?));
        }
        if self.eat("-like") {
            self.blank();
            return Ok(Pattern::ErrorLike(self.quoted()?));
        }
        if self.eat("-\"") {
            self.at -= 1;
            return Ok(Pattern::Error(self.quoted()?));
        }
        if self.eat("+\"") {
            self.at -= 1;
            return Ok(Pattern::Simple(self.quoted()?));
        }
        if self.eat("~[") {
            return self.list(Kind::Set);
        }
        if self.eat(">[") {
            return self.list(Kind::Push);
        }
        if self.eat("unordered[") {
            return self.list(Kind::Unordered);
        }
        if self.eat("pairs[") {
            return match self.list(Kind::Array)? {
                Pattern::List(_, items, false) if items.len() % 2 == 0 => Ok(Pattern::Pairs(items)),
                _ => Err("pairs[…] wants an even number of elements".into()),
            };
        }
        if self.eat("[") {
            return self.list(Kind::Array);
        }
        if self.eat("{") {
            return self.map();
        }
        let start = self.at;
        let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b']' | b'}' | b'|' | b'"' | b'[');
        while self.text.get(self.at).is_some_and(|b| !ends(b)) {
            // A colon ends a word too: it parts the keys of a map from their values.
            if self.text[self.at] == b':' {
                break;
            }
            self.at += 1;
        }
        let word = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        match word.as_str() {
            "OK" | "QUEUED" | "PONG" | "RESET" => Ok(Pattern::Simple(word.into_bytes())),
            "nil" => Ok(Pattern::Nil),
            "nil*" => Ok(Pattern::NilArray),
            "true" => Ok(Pattern::Bool(true)),
            "false" => Ok(Pattern::Bool(false)),
            "any" => Ok(Pattern::Any(Class::Anything)),
            "success" => Ok(Pattern::Any(Class::Success)),
            "int" => Ok(Pattern::Any(Class::Int)),
            "bulk" => Ok(Pattern::Any(Class::Bulk)),
            "array" => Ok(Pattern::Any(Class::Array)),
            "map" => Ok(Pattern::Any(Class::Map)),
            "error" => Ok(Pattern::Any(Class::Error)),
            "double" => Ok(Pattern::Any(Class::Double)),
            "?" => Ok(Pattern::Blank),
            "none" => Ok(Pattern::Nothing),
            "blocked" => Ok(Pattern::Blocked),
            "like" => {
                self.blank();
                Ok(Pattern::Like(self.quoted()?))
            }
            "txt" => Ok(Pattern::Verbatim(self.quoted()?)),
            "big" => {
                self.blank();
                Ok(Pattern::BigNumber(self.quoted()?))
            }
            _ => match word.strip_prefix('$') {
                Some(name) => Ok(Pattern::Saved(name.into())),
                None => number(&word),
            },
        }
    }

    fn list(&mut self, kind: Kind) -> Result<Pattern, String> {
        let mut items = Vec::new();
        let mut open = false;
        loop {
            if self.eat("]") {
                return Ok(Pattern::List(kind, items, open));
            }
            if self.eat("...") {
                open = true;
                continue;
            }
            let item = self.pattern()?;
            if let Pattern::Int(n) = item
                && items.is_empty()
                && self.eat("of ")
            {
                let each = self.pattern()?;
                return if self.eat("]") {
                    Ok(Pattern::Times(n as usize, Box::new(each)))
                } else {
                    Err("[N of P] ends with ]".into())
                };
            }
            items.push(item);
        }
    }

    fn map(&mut self) -> Result<Pattern, String> {
        let mut pairs = Vec::new();
        let mut open = false;
        loop {
            if self.eat("}") {
                return Ok(Pattern::Map(pairs, open));
            }
            if self.eat("...") {
                open = true;
                continue;
            }
            let key = self.pattern()?;
            if !self.eat(":") {
                return Err(format!("a colon is wanted at {} in: {}", self.at, String::from_utf8_lossy(self.text)));
            }
            pairs.push((key, self.pattern()?));
        }
    }
}

fn number(word: &str) -> Result<Pattern, String> {
    let unknown = || format!("unknown word in an expected reply: {word:?}");
    if let Some((low, high)) = word.split_once("..") {
        return Ok(Pattern::IntRange(low.parse().map_err(|_| unknown())?, high.parse().map_err(|_| unknown())?));
    }
    if let Some(digits) = word.strip_prefix('d')
        && digits.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | 'i' | 'n'))
    {
        return Ok(Pattern::Double(digits.as_bytes().to_vec()));
    }
    word.parse().map(Pattern::Int).map_err(|_| unknown())
}

impl Pattern {
    /// Does `got` fit, read as a reply of this protocol version?
    pub fn fits(&self, got: &Value, resp: u8) -> bool {
        let three = resp == 3;
        match self {
            Pattern::Simple(want) => matches!(got, Value::Simple(text) if text == want),
            Pattern::Error(want) => matches!(got, Value::Error(text) if text == want),
            Pattern::ErrorLike(glob) => matches!(got, Value::Error(text) if like(glob, text)),
            Pattern::Int(want) => matches!(got, Value::Int(n) if n == want),
            Pattern::IntRange(low, high) => matches!(got, Value::Int(n) if low <= n && n <= high),
            Pattern::Bulk(want) => matches!(got, Value::Bulk(text) if text == want),
            Pattern::Like(glob) => match got {
                Value::Bulk(text) | Value::Simple(text) | Value::Verbatim(_, text) => like(glob, text),
                _ => false,
            },
            Pattern::Nil => matches!(got, Value::Null),
            Pattern::NilArray => matches!((got, three), (Value::NullArray, false) | (Value::Null, true)),
            Pattern::Double(want) => match got {
                Value::Double(text) => three && text == want,
                Value::Bulk(text) => !three && text == want,
                _ => false,
            },
            Pattern::Bool(want) => match got {
                Value::Bool(b) => three && b == want,
                Value::Int(n) => !three && *n == i64::from(*want),
                _ => false,
            },
            Pattern::BigNumber(want) => match got {
                Value::BigNumber(text) => three && text == want,
                Value::Bulk(text) => !three && text == want,
                _ => false,
            },
            Pattern::Verbatim(want) => match got {
                Value::Verbatim(_, text) => three && text == want,
                Value::Bulk(text) => !three && text == want,
                _ => false,
            },
            Pattern::List(kind, items, open) => match (got, kind, three) {
                (Value::Array(values), Kind::Array, _)
                | (Value::Push(values), Kind::Push, true)
                | (Value::Array(values), Kind::Push, false) => in_order(items, values, *open, resp),
                (Value::Array(values), Kind::Unordered, _)
                | (Value::Set(values), Kind::Set, true)
                | (Value::Array(values), Kind::Set, false) => in_any_order(items, values, *open, resp),
                _ => false,
            },
            Pattern::Times(count, each) => match got {
                Value::Array(values) | Value::Set(values) => values.len() == *count && values.iter().all(|v| each.fits(v, resp)),
                _ => false,
            },
            Pattern::Map(pairs, open) => match got {
                Value::Map(values) => three && map_fits(pairs, values, *open, resp),
                Value::Array(flat) if !three && flat.len() % 2 == 0 => {
                    let values: Vec<_> = flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
                    map_fits(pairs, &values, *open, resp)
                }
                _ => false,
            },
            Pattern::Pairs(items) => match got {
                Value::Array(values) if three => {
                    values.len() * 2 == items.len()
                        && items.chunks(2).zip(values).all(|(want, pair)| match pair {
                            Value::Array(pair) => in_order(want, pair, false, resp),
                            _ => false,
                        })
                }
                Value::Array(values) => in_order(items, values, false, resp),
                _ => false,
            },
            Pattern::Either(choices) => choices.iter().any(|choice| choice.fits(got, resp)),
            Pattern::Any(class) => match class {
                Class::Anything => true,
                Class::Success => !got.is_error(),
                Class::Int => matches!(got, Value::Int(_)),
                Class::Bulk => matches!(got, Value::Bulk(_) | Value::Verbatim(..)),
                Class::Array => matches!(got, Value::Array(_) | Value::Set(_)),
                Class::Map => matches!((got, three), (Value::Map(_), true) | (Value::Array(_), false)),
                Class::Error => got.is_error(),
                Class::Double => matches!((got, three), (Value::Double(_), true) | (Value::Bulk(_), false)),
            },
            Pattern::Saved(_) | Pattern::Nothing | Pattern::Blocked => false,
            Pattern::Blank => true,
        }
    }

    /// The pattern as it is written.
    pub fn text(&self) -> String {
        let list = |items: &[Pattern], open: &bool| {
            let mut parts: Vec<String> = items.iter().map(Pattern::text).collect();
            if *open {
                parts.push("...".into());
            }
            parts.join(", ")
        };
        match self {
            Pattern::Simple(text) => format!("+{}", quote(text)),
            Pattern::Error(text) => format!("-{}", quote(text)),
            Pattern::ErrorLike(text) => format!("-like {}", quote(text)),
            Pattern::Int(n) => n.to_string(),
            Pattern::IntRange(low, high) => format!("{low}..{high}"),
            Pattern::Bulk(text) => quote(text),
            Pattern::Like(text) => format!("like {}", quote(text)),
            Pattern::Nil => "nil".into(),
            Pattern::NilArray => "nil*".into(),
            Pattern::Double(text) => format!("d{}", String::from_utf8_lossy(text)),
            Pattern::Bool(b) => b.to_string(),
            Pattern::BigNumber(text) => format!("big{}", quote(text)),
            Pattern::Verbatim(text) => format!("txt{}", quote(text)),
            Pattern::List(kind, items, open) => {
                let opening = match kind {
                    Kind::Array => "[",
                    Kind::Unordered => "unordered[",
                    Kind::Set => "~[",
                    Kind::Push => ">[",
                };
                format!("{opening}{}]", list(items, open))
            }
            Pattern::Times(n, each) => format!("[{n} of {}]", each.text()),
            Pattern::Map(pairs, open) => {
                let mut parts: Vec<String> = pairs.iter().map(|(k, v)| format!("{}: {}", k.text(), v.text())).collect();
                if *open {
                    parts.push("...".into());
                }
                format!("{{{}}}", parts.join(", "))
            }
            Pattern::Pairs(items) => format!("pairs[{}]", list(items, &false)),
            Pattern::Either(items) => items.iter().map(Pattern::text).collect::<Vec<_>>().join(" | "),
            Pattern::Any(class) => format!("{class:?}").to_lowercase(),
            Pattern::Saved(name) => format!("${name}"),
            Pattern::Blank => "?".into(),
            Pattern::Nothing => "none".into(),
            Pattern::Blocked => "blocked".into(),
        }
    }

    /// Puts the saved replies in the place of their names.
    pub fn resolve(&self, saved: &HashMap<String, Value>) -> Pattern {
        match self {
            Pattern::Saved(name) => match saved.get(name) {
                Some(Value::Int(n)) => Pattern::Int(*n),
                Some(value) => Pattern::Bulk(value.text().unwrap_or_default()),
                None => Pattern::Saved(name.clone()),
            },
            Pattern::List(kind, items, open) => Pattern::List(*kind, items.iter().map(|i| i.resolve(saved)).collect(), *open),
            Pattern::Map(pairs, open) => {
                Pattern::Map(pairs.iter().map(|(k, v)| (k.resolve(saved), v.resolve(saved))).collect(), *open)
            }
            other => other.clone(),
        }
    }

    /// The pattern as JSON for runners in other languages: `{"is": kind, …}`, bytes as base64-free `\u00NN` text (one
    /// character a byte).
    pub fn json(&self) -> String {
        let text = |is: &str, bytes: &[u8]| format!("{{\"is\":\"{is}\",\"text\":{}}}", json_bytes(bytes));
        let list = |items: &[Pattern]| items.iter().map(Pattern::json).collect::<Vec<_>>().join(",");
        match self {
            Pattern::Simple(t) => text("simple", t),
            Pattern::Error(t) => text("error", t),
            Pattern::ErrorLike(t) => text("error-like", t),
            Pattern::Bulk(t) => text("bulk", t),
            Pattern::Like(t) => text("like", t),
            Pattern::Double(t) => text("double", t),
            Pattern::BigNumber(t) => text("big", t),
            Pattern::Verbatim(t) => text("verbatim", t),
            Pattern::Int(n) => text("int", n.to_string().as_bytes()),
            Pattern::IntRange(low, high) => format!("{{\"is\":\"range\",\"low\":\"{low}\",\"high\":\"{high}\"}}"),
            Pattern::Nil => "{\"is\":\"nil\"}".into(),
            Pattern::NilArray => "{\"is\":\"nil-array\"}".into(),
            Pattern::Bool(b) => format!("{{\"is\":\"bool\",\"value\":{b}}}"),
            Pattern::List(kind, items, open) => {
                let is = match kind {
                    Kind::Array => "array",
                    Kind::Unordered => "unordered",
                    Kind::Set => "set",
                    Kind::Push => "push",
                };
                format!("{{\"is\":\"{is}\",\"items\":[{}],\"open\":{open}}}", list(items))
            }
            Pattern::Times(n, each) => format!("{{\"is\":\"times\",\"count\":{n},\"each\":{}}}", each.json()),
            Pattern::Map(pairs, open) => {
                let flat: Vec<Pattern> = pairs.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect();
                format!("{{\"is\":\"map\",\"items\":[{}],\"open\":{open}}}", list(&flat))
            }
            Pattern::Pairs(items) => format!("{{\"is\":\"pairs\",\"items\":[{}]}}", list(items)),
            Pattern::Either(items) => format!("{{\"is\":\"either\",\"items\":[{}]}}", list(items)),
            Pattern::Any(class) => format!("{{\"is\":\"any\",\"class\":\"{}\"}}", format!("{class:?}").to_lowercase()),
            Pattern::Saved(name) => text("saved", name.as_bytes()),
            Pattern::Blank => "{\"is\":\"any\",\"class\":\"anything\"}".into(),
            Pattern::Nothing => "{\"is\":\"nothing\"}".into(),
            Pattern::Blocked => "{\"is\":\"blocked\"}".into(),
        }
    }
}

/// Bytes as a JSON string of the characters U+0000 to U+00FF.
pub fn json_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &b in bytes {
        match b {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(b as char),
            _ => out.push_str(&format!("\\u{:04x}", b)),
        }
    }
    out.push('"');
    out
}

/// With `open`, the listed elements must come in this order, others may stand between.
fn in_order(want: &[Pattern], got: &[Value], open: bool, resp: u8) -> bool {
    if !open {
        return want.len() == got.len() && want.iter().zip(got).all(|(w, g)| w.fits(g, resp));
    }
    let mut rest = got.iter();
    want.iter().all(|w| rest.any(|g| w.fits(g, resp)))
}

fn in_any_order(want: &[Pattern], got: &[Value], open: bool, resp: u8) -> bool {
    let mut left: Vec<&Value> = got.iter().collect();
    let all = want.iter().all(|w| match left.iter().position(|g| w.fits(g, resp)) {
        Some(at) => {
            left.swap_remove(at);
            true
        }
        None => false,
    });
    all && (open || left.is_empty())
}

fn map_fits(want: &[(Pattern, Pattern)], got: &[(Value, Value)], open: bool, resp: u8) -> bool {
    (open || want.len() == got.len())
        && want.iter().all(|(wk, wv)| got.iter().any(|(gk, gv)| wk.fits(gk, resp) && wv.fits(gv, resp)))
}

/// `*` stands for any bytes, everything else for itself.
fn like(glob: &[u8], text: &[u8]) -> bool {
    let parts: Vec<&[u8]> = glob.split(|b| *b == b'*').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return glob == text;
    }
    if text.len() < first.len() + last.len() || !text.starts_with(first) || !text.ends_with(last) {
        return false;
    }
    let mut rest = &text[first.len()..text.len() - last.len()];
    for part in &parts[1..parts.len() - 1] {
        match find(rest, part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() { Some(0) } else { text.windows(part.len()).position(|w| w == part) }
}

/// A reply in the notation that `parse` reads.
pub fn show(value: &Value) -> String {
    match value {
        Value::Error(text) if !text.is_empty() && text[0].is_ascii_uppercase() => {
            let quoted = quote(text);
            format!("-{}", quoted[1..quoted.len() - 1].replace("\\\"", "\""))
        }
        other => show_inner(other),
    }
}

fn show_inner(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(show_inner).collect::<Vec<_>>().join(", ");
    match value {
        Value::Simple(text) => match text.as_slice() {
            b"OK" | b"QUEUED" | b"PONG" | b"RESET" => String::from_utf8_lossy(text).into_owned(),
            _ => format!("+{}", quote(text)),
        },
        Value::Error(text) => format!("-{}", quote(text)),
        Value::Int(n) => n.to_string(),
        Value::Bulk(text) => quote(text),
        Value::Null => "nil".into(),
        Value::NullArray => "nil*".into(),
        Value::Array(items) => format!("[{}]", list(items)),
        Value::Set(items) => format!("~[{}]", list(items)),
        Value::Push(items) => format!(">[{}]", list(items)),
        Value::Map(pairs) => {
            let inner: Vec<_> = pairs.iter().map(|(k, v)| format!("{}: {}", show_inner(k), show_inner(v))).collect();
            format!("{{{}}}", inner.join(", "))
        }
        Value::Double(text) => format!("d{}", String::from_utf8_lossy(text)),
        Value::Bool(b) => b.to_string(),
        Value::BigNumber(text) => format!("big{}", quote(text)),
        Value::Verbatim(_, text) => format!("txt{}", quote(text)),
    }
}

/// The notation that fits the replies of both protocols, or two notations where one cannot say it.
pub fn describe(two: &Value, three: &Value) -> (String, Option<String>) {
    let mut candidates = vec![show(three)];
    if let Value::Null = three {
        candidates.push("nil*".into());
    }
    if let Value::Array(items) = three {
        let flat: Vec<Value> = items.iter().flat_map(|i| i.items().to_vec()).collect();
        candidates.push(format!("pairs{}", show(&Value::Array(flat))));
    }
    for text in candidates {
        if let Ok(pattern) = parse(&text)
            && pattern.fits(two, 2)
            && pattern.fits(three, 3)
        {
            return (text, None);
        }
    }
    (show(two), Some(show(three)))
}
