//! COMMAND: what is known about commands, told from their rows and nothing else.

use super::args::key_flags::{
    ACCESS_BIT, DELETE_BIT, INCOMPLETE_BIT, INSERT_BIT, NOT_KEY_BIT, OW_BIT, OW_UPDATE, RM_BIT, RO_ACCESS, RO_BIT, RW_BIT,
    UPDATE_BIT, VARIABLE_BIT,
};
use super::args::{ArgKind, ArgSpec, Args, KeyFlags, NoArgs, Parse, is_token};
use super::grammar::{Argument, Grammar};
use super::reply::{Reply, With};
use super::server::List;
use super::{Flags, Row, all, category, every};
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::glob;
use crate::number;
use crate::resp::write::Writer;
use alloc::vec::Vec;

// ---- where the keys are -----------------------------------------------------------------------------------------------------------------

/// Some of a command's keys: what it does to them, and how to find them among its words.
struct KeySpec {
    flags: KeyFlags,
    begin: Begin,
    find: Find,
    /// How many arguments of the grammar it stands for.
    arguments: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// At this word, the command's name being word 0.
    Index(usize),
    /// Behind this token, looked for from a word on.
    Keyword(&'static str, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Find {
    /// Up to so many words further on, or to the last but so many (-1 = the last), every `step`-th.
    Range { last: i32, step: usize },
    /// The first half of the words that are left.
    Half,
    /// A count, then so many keys, each with `step - 1` other words.
    Count { step: usize },
}

/// How many words a command's name takes.
fn name_words(row: &Row) -> usize {
    if row.name.contains('|') { 2 } else { 1 }
}

fn to_usize(words: i32) -> usize {
    usize::try_from(words).unwrap_or(0)
}

/// The keys of a command, in the order of its grammar.
fn key_specs(row: &Row) -> Vec<KeySpec> {
    let mut specs: Vec<KeySpec> = Vec::new();
    let mut at = name_words(row);
    let mut add = |flags, begin, find| match (specs.last_mut(), begin) {
        // Neighbours to which the same is done are one range.
        (
            Some(KeySpec {
                flags: before,
                begin: Begin::Index(first),
                find: Find::Range { last: last @ 0.., step: 1 },
                arguments,
            }),
            Begin::Index(next),
        ) if *before == flags
            && find == (Find::Range { last: 0, step: 1 })
            && next == first.saturating_add(to_usize(*last)).saturating_add(1) =>
        {
            *last = last.saturating_add(1);
            *arguments = arguments.saturating_add(1);
        }
        _ => specs.push(KeySpec { flags, begin, find, arguments: 1 }),
    };
    let mut rest = row.args.arguments();
    while let Some(arg) = rest.next() {
        let behind = rest.clone().fold(0usize, |sum, arg| sum.saturating_add(arg.least_words));
        let last = if arg.multiple { (-1i32).saturating_sub(i32::try_from(behind).unwrap_or(i32::MAX)) } else { 0 };
        if arg.token.is_empty() {
            match arg.kind {
                ArgKind::Key(flags) => add(flags, Begin::Index(at), Find::Range { last, step: 1 }),
                ArgKind::NumKeys(flags) => {
                    add(flags, Begin::Index(at), Find::Count { step: arg.parts.arguments().count().max(1) })
                }
                ArgKind::Block => {
                    for (offset, part) in arg.parts.arguments().enumerate() {
                        if let ArgKind::Key(flags) = part.kind {
                            let step = arg.parts.arguments().count();
                            add(flags, Begin::Index(at.saturating_add(offset)), Find::Range { last, step });
                        }
                    }
                }
                _ => {}
            }
        }
        for option in arg.parts.arguments().chain([arg]) {
            if let (ArgKind::Key(flags), false) = (option.kind, option.token.is_empty()) {
                let find = match option.multiple {
                    true if behind > 0 => Find::Half,
                    multiple => Find::Range { last: if multiple { -1 } else { 0 }, step: 1 },
                };
                add(flags, Begin::Keyword(option.token, at), find);
            }
        }
        at = at.saturating_add(arg.least_words);
    }
    specs
}

/// First key, last key and step as `COMMAND INFO` tells them, and whether the keys are elsewhere too.
fn legacy_range(specs: &[KeySpec]) -> (usize, i32, usize, bool) {
    let mut range: Option<(usize, i32, usize)> = None;
    let mut movable = false;
    for spec in specs {
        movable |= spec.flags & INCOMPLETE_BIT != 0;
        let (Begin::Index(first), Find::Range { last, step }) = (spec.begin, spec.find) else {
            movable = true;
            continue;
        };
        let end = if last < 0 { last } else { last.saturating_add(i32::try_from(first).unwrap_or(i32::MAX)) };
        range = match range {
            None => Some((first, end, step)),
            Some((start, before, 1)) if step == 1 && to_usize(before).saturating_add(1) == first => Some((start, end, 1)),
            range => {
                movable = true;
                range
            }
        };
    }
    let (first, last, step) = range.unwrap_or((0, 0, 0));
    (first, last, step, movable)
}

/// The places of the keys among the words of a request, with what is done to them; `None` where a count of keys does not fit.
pub(crate) fn keys_of(row: &Row, argv: &[&[u8]]) -> Option<Vec<(usize, KeyFlags)>> {
    let mut keys = Vec::new();
    for spec in key_specs(row) {
        let start = match spec.begin {
            Begin::Index(index) => index,
            Begin::Keyword(token, from) => {
                match behind_token(row, argv, from, token, spec.find != Find::Range { last: 0, step: 1 }) {
                    Some(start) => {
                        // MIGRATE with KEYS has an empty word where its only key stands otherwise.
                        if spec.flags & INCOMPLETE_BIT != 0 {
                            keys.retain(|(at, _)| argv.get(*at).is_some_and(|word: &&[u8]| !word.is_empty()));
                        }
                        start
                    }
                    None => continue,
                }
            }
        };
        let (first, end, step) = match spec.find {
            Find::Range { last: last @ 0.., step } => (start, start.saturating_add(to_usize(last)).saturating_add(1), step),
            Find::Range { last, step } => {
                (start, argv.len().saturating_add(1).checked_sub(to_usize(last.saturating_neg()))?, step)
            }
            Find::Half => (start, start.saturating_add(argv.len().saturating_sub(start) / 2), 1),
            Find::Count { step } => {
                let count = number::parse_i64(argv.get(start)?)
                    .and_then(|count| usize::try_from(count).ok())
                    .filter(|count| *count > 0)?;
                let first = start.saturating_add(1);
                (first, count.checked_mul(step).and_then(|words| first.checked_add(words))?, step)
            }
        };
        if argv.get(first..end).is_none() {
            // A token at the very end is no reason to refuse the keys before it.
            match spec.begin {
                Begin::Keyword(..) => continue,
                Begin::Index(_) => return None,
            }
        }
        let flags = flags_in(row, spec.flags, argv);
        keys.extend((first..end).step_by(step.max(1)).map(|at| (at, flags)));
    }
    Some(keys)
}

/// The place behind the first or last word that is this token, and no other option's value.
fn behind_token(row: &Row, argv: &[&[u8]], from: usize, token: &str, first: bool) -> Option<usize> {
    let mut found = None;
    let mut at = from;
    while let Some(word) = argv.get(at) {
        at = at.saturating_add(1);
        if is_token(word, token) {
            found = Some(at);
            if first {
                break;
            }
        }
        let mut options = row.args.arguments().flat_map(|arg| arg.parts.arguments().chain([arg]));
        let option = options.find(|option| !option.token.is_empty() && is_token(word, option.token));
        at = at.saturating_add(match option.map(|option| option.kind) {
            None | Some(ArgKind::PureToken) => 0,
            Some(ArgKind::Block) => option.map_or(0, |option| option.parts.arguments().count()),
            Some(_) => 1,
        });
    }
    found
}

/// What a request really does to a key whose declared flags vary. Where GET is a mere flag (SET), the value is only overwritten unless that is
/// given; where it is one operation among others (BITFIELD), the value is only read unless another one is given.
fn flags_in(row: &Row, flags: KeyFlags, argv: &[&[u8]]) -> KeyFlags {
    if flags & VARIABLE_BIT == 0 {
        return flags;
    }
    let given = |token: &str| argv.iter().skip(2).any(|word| is_token(word, token));
    let (as_declared, otherwise) = if row.args.arguments().any(|arg| arg.token == "GET" && arg.kind == ArgKind::PureToken) {
        let reads = ["GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"];
        (argv.iter().skip(3).any(|word| reads.iter().any(|token| is_token(word, token))), OW_UPDATE)
    } else {
        (given("SET") || given("INCRBY"), RO_ACCESS)
    };
    if as_declared { flags & !VARIABLE_BIT } else { otherwise }
}

const KEY_FLAG_NAMES: [(KeyFlags, &str); 11] = [
    (RO_BIT, "RO"),
    (RW_BIT, "RW"),
    (OW_BIT, "OW"),
    (RM_BIT, "RM"),
    (ACCESS_BIT, "access"),
    (UPDATE_BIT, "update"),
    (INSERT_BIT, "insert"),
    (DELETE_BIT, "delete"),
    (NOT_KEY_BIT, "not_key"),
    (INCOMPLETE_BIT, "incomplete"),
    (VARIABLE_BIT, "variable_flags"),
];

fn write_words<'w>(writer: &mut Writer<'_>, words: impl Iterator<Item = &'w str> + Clone) {
    writer.set(words.clone().count());
    for word in words {
        writer.simple(word);
    }
}

fn write_key_flags(writer: &mut Writer<'_>, flags: KeyFlags) {
    write_words(writer, KEY_FLAG_NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name));
}

// ---- COMMAND, COMMAND INFO --------------------------------------------------------------------------------------------------------------

pub fn command(_: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    Ok(With(write_all))
}

fn write_all(writer: &mut Writer<'_>) {
    writer.array(all().count());
    for row in all() {
        write_info(writer, row);
    }
}

fn write_info(writer: &mut Writer<'_>, row: &Row) {
    let specs = key_specs(row);
    let (first, last, step, movable) = legacy_range(&specs);
    writer.array(10);
    writer.bulk(row.name.as_bytes());
    writer.int(i64::from(row.arity));
    let flags = Flags::NAMED.iter().filter(|(flag, _)| row.flags.has(*flag)).filter_map(|(_, name)| *name);
    write_words(writer, flags.chain(movable.then_some("movablekeys")));
    first.write(writer);
    writer.int(i64::from(last));
    step.write(writer);
    let categories = category::names(category::of(row));
    writer.set(categories.clone().count());
    for category in categories {
        writer.simple(&["@", category].concat());
    }
    writer.set(0);
    writer.set(specs.len());
    for spec in &specs {
        write_spec(writer, spec);
    }
    writer.set(row.subcommands.len());
    for row in row.subcommands {
        write_info(writer, row);
    }
}

fn write_spec(writer: &mut Writer<'_>, spec: &KeySpec) {
    writer.map(3);
    writer.bulk(b"flags");
    write_key_flags(writer, spec.flags);
    let part = |writer: &mut Writer<'_>, name: &str, kind: &str, facts: usize| {
        writer.bulk(name.as_bytes());
        writer.map(2);
        writer.bulk(b"type");
        writer.bulk(kind.as_bytes());
        writer.bulk(b"spec");
        writer.map(facts);
    };
    let fact = |writer: &mut Writer<'_>, name: &str, value: i64| {
        writer.bulk(name.as_bytes());
        writer.int(value);
    };
    let int = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    match spec.begin {
        Begin::Index(index) => {
            part(writer, "begin_search", "index", 1);
            fact(writer, "index", int(index));
        }
        Begin::Keyword(token, from) => {
            part(writer, "begin_search", "keyword", 2);
            writer.bulk(b"keyword");
            writer.bulk(token.as_bytes());
            fact(writer, "startfrom", int(from));
        }
    }
    match spec.find {
        Find::Range { last, step } => {
            part(writer, "find_keys", "range", 3);
            fact(writer, "lastkey", i64::from(last));
            fact(writer, "keystep", int(step));
            fact(writer, "limit", 0);
        }
        Find::Half => {
            part(writer, "find_keys", "range", 3);
            fact(writer, "lastkey", -1);
            fact(writer, "keystep", 1);
            fact(writer, "limit", 2);
        }
        Find::Count { step } => {
            part(writer, "find_keys", "keynum", 3);
            fact(writer, "keynumidx", 0);
            fact(writer, "firstkey", 1);
            fact(writer, "keystep", int(step));
        }
    }
}

/// Names of commands and subcommands (`config|get`); none means all.
pub struct Names<'a>(&'a [&'a [u8]]);

impl<'a> Parse<'a> for Names<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::String).named("command_name").optional().multiple()];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.take_rest()))
    }
}

pub fn command_info<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Names<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(With(move |writer: &mut Writer<'_>| {
        if args.0.is_empty() {
            return write_all(writer);
        }
        writer.array(args.0.len());
        for name in args.0 {
            match call.registry().by_full_name(name) {
                Some(row) => write_info(writer, row),
                None => writer.null(),
            }
        }
    }))
}

pub fn command_count(_: &mut Call<'_>, _: NoArgs) -> Result<usize> {
    Ok(all().count())
}

// ---- COMMAND LIST -----------------------------------------------------------------------------------------------------------------------

/// Which commands `COMMAND LIST` names.
pub enum Filter<'a> {
    /// Those of a module: none, because there are no modules.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    pub(super) fn parse(kind: &[u8], what: &'a [u8]) -> Result<Self> {
        match () {
            () if is_token(kind, "MODULE") => Ok(Self::Module),
            () if is_token(kind, "ACLCAT") => Ok(Self::Category(what)),
            () if is_token(kind, "PATTERN") => Ok(Self::Pattern(what)),
            () => Err(ReplyError::SYNTAX),
        }
    }

    fn lets(&self, row: &Row) -> bool {
        match self {
            Self::Module => false,
            Self::Category(name) => category::named(name).is_some_and(|category| category::of(row) & category != 0),
            Self::Pattern(pattern) => glob::matches(pattern, row.name.as_bytes(), true),
        }
    }
}

pub fn command_list(_: &mut Call<'_>, args: List<'_>) -> Result<impl Reply + use<>> {
    let names: Vec<&'static [u8]> =
        every().filter(|row| args.filter().is_none_or(|filter| filter.lets(row))).map(|row| row.name.as_bytes()).collect();
    Ok(names)
}

// ---- COMMAND GETKEYS --------------------------------------------------------------------------------------------------------------------

/// The words of a request.
pub struct Request<'a>(&'a [&'a [u8]]);

impl<'a> Parse<'a> for Request<'a> {
    const SPECS: &'static [ArgSpec] =
        &[ArgSpec::new(ArgKind::String).named("command"), ArgSpec::new(ArgKind::String).named("arg").optional().multiple()];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.take_rest()))
    }
}

fn keys_asked_for<'a>(call: &Call<'_>, argv: &[&'a [u8]]) -> Result<Vec<(&'a [u8], KeyFlags)>> {
    let row = call.registry().asked_for(argv).ok_or_else(|| ReplyError::err("Invalid command specified"))?;
    if key_specs(row).iter().all(|spec| spec.flags & NOT_KEY_BIT != 0) {
        return Err(ReplyError::err("The command has no key arguments"));
    }
    if !row.accepts(argv.len()) {
        return Err(ReplyError::err("Invalid number of arguments specified for command"));
    }
    let keys = match keys_of(row, argv) {
        Some(keys) => keys,
        None if row.flags.has(Flags::NO_MANDATORY_KEYS) => Vec::new(),
        None => return Err(ReplyError::err("Invalid arguments specified for command")),
    };
    Ok(keys.into_iter().filter_map(|(at, flags)| Some((*argv.get(at)?, flags))).collect())
}

pub fn command_get_keys<'a>(call: &mut Call<'_>, args: Request<'a>) -> Result<Vec<&'a [u8]>> {
    Ok(keys_asked_for(call, args.0)?.into_iter().map(|(key, _)| key).collect())
}

pub fn command_get_keys_and_flags<'a>(call: &mut Call<'_>, args: Request<'a>) -> Result<impl Reply + use<'a>> {
    let keys = keys_asked_for(call, args.0)?;
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.array(keys.len());
        for (key, flags) in keys {
            writer.array(2);
            writer.bulk(key);
            write_key_flags(writer, flags);
        }
    }))
}

// ---- COMMAND DOCS -----------------------------------------------------------------------------------------------------------------------

pub fn command_docs(call: &mut Call<'_>, args: Names<'_>) -> Result<impl Reply + use<>> {
    let rows: Vec<&'static Row> = match args.0 {
        [] => all().collect(),
        names => names.iter().filter_map(|name| call.registry().by_full_name(name)).collect(),
    };
    Ok(With(move |writer: &mut Writer<'_>| write_docs(writer, &rows)))
}

fn write_docs(writer: &mut Writer<'_>, rows: &[&Row]) {
    writer.map(rows.len());
    for row in rows {
        writer.bulk(row.name.as_bytes());
        let at = writer.defer();
        let mut facts = 0usize;
        for (name, text) in
            [("summary", row.summary), ("since", row.since), ("group", row.group.name()), ("complexity", row.cost)]
        {
            write_fact(writer, &mut facts, name, text);
        }
        if !row.args.is_empty() {
            facts = facts.saturating_add(1);
            writer.bulk(b"arguments");
            let specs = key_specs(row);
            write_arguments(writer, row.args, &mut KeyIndex { specs: &specs, index: 0, arguments: 0 });
        }
        if !row.subcommands.is_empty() {
            facts = facts.saturating_add(1);
            writer.bulk(b"subcommands");
            let subcommands: Vec<&Row> = row.subcommands.iter().collect();
            write_docs(writer, &subcommands);
        }
        writer.close_map(at, facts);
    }
}

/// Counts which key specification the next key argument belongs to.
struct KeyIndex<'s> {
    specs: &'s [KeySpec],
    index: usize,
    arguments: usize,
}

impl KeyIndex<'_> {
    fn next(&mut self) -> usize {
        let index = self.index;
        self.arguments = self.arguments.saturating_add(1);
        if self.specs.get(index).is_none_or(|spec| self.arguments >= spec.arguments) {
            self.index = index.saturating_add(1);
            self.arguments = 0;
        }
        index
    }
}

fn write_fact(writer: &mut Writer<'_>, facts: &mut usize, name: &str, text: &str) {
    if !text.is_empty() {
        *facts = facts.saturating_add(1);
        writer.bulk(name.as_bytes());
        writer.bulk(text.as_bytes());
    }
}

/// Grammars nest a few levels deep, as the rows declare them.
fn write_arguments(writer: &mut Writer<'_>, args: Grammar, keys: &mut KeyIndex<'_>) {
    writer.array(args.arguments().map(|arg| if matches!(arg.kind, ArgKind::NumKeys(_)) { 2 } else { 1 }).sum());
    for arg in args.arguments() {
        if let ArgKind::NumKeys(flags) = arg.kind {
            let count = Argument {
                name: "numkeys",
                kind: ArgKind::Integer,
                token: "",
                optional: false,
                multiple: false,
                least_words: 1,
                parts: Grammar::NONE,
            };
            write_argument(writer, &count, keys);
            let kind = if arg.parts.is_empty() { ArgKind::Key(flags) } else { ArgKind::Block };
            write_argument(writer, &Argument { kind, multiple: true, ..arg }, keys);
        } else {
            write_argument(writer, &arg, keys);
        }
    }
}

fn write_argument(writer: &mut Writer<'_>, arg: &Argument, keys: &mut KeyIndex<'_>) {
    let key = matches!(arg.kind, ArgKind::Key(flags) if flags & NOT_KEY_BIT == 0);
    let kind = match arg.kind {
        ArgKind::Key(_) | ArgKind::NumKeys(_) => {
            if key {
                "key"
            } else {
                "string"
            }
        }
        ArgKind::Integer if arg.name.starts_with("unix_time") => "unix-time",
        ArgKind::String => "string",
        ArgKind::Integer => "integer",
        ArgKind::Double => "double",
        ArgKind::Pattern => "pattern",
        ArgKind::PureToken => "pure-token",
        ArgKind::OneOf => "oneof",
        ArgKind::Block => "block",
    };
    let at = writer.defer();
    let mut facts = 0usize;
    let name = arg.name.strip_prefix("r#").unwrap_or(arg.name).to_ascii_lowercase();
    write_fact(writer, &mut facts, "name", &name);
    write_fact(writer, &mut facts, "type", kind);
    if key {
        facts = facts.saturating_add(1);
        writer.bulk(b"key_spec_index");
        keys.next().write(writer);
    }
    write_fact(writer, &mut facts, "token", arg.token);
    if arg.optional || arg.multiple {
        facts = facts.saturating_add(1);
        writer.bulk(b"flags");
        let words = [(arg.optional, "optional"), (arg.multiple, "multiple")];
        write_words(writer, words.iter().filter(|(set, _)| *set).map(|(_, name)| *name));
    }
    if !arg.parts.is_empty() {
        facts = facts.saturating_add(1);
        writer.bulk(b"arguments");
        write_arguments(writer, arg.parts, keys);
    }
    writer.close_map(at, facts);
}
