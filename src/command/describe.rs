//! COMMAND: what is known about commands, told from their rows and nothing else.

use super::args::key_flags::{
    ACCESS_BIT, DELETE_BIT, INCOMPLETE_BIT, INSERT_BIT, NOT_KEY_BIT, OW_BIT, RM_BIT, RO_BIT, RW_BIT, UPDATE_BIT, VARIABLE_BIT,
};
use super::args::{ArgKind, ArgSpec, Args, KeyFlags, NoArgs, Parse, is_token};
use super::grammar::{Argument, Grammar};
use super::key_specs::{Begin, Find, KeySpec, key_specs, keys_of, legacy_range};
use super::reply::{Help, Reply, With};
use super::{Flags, Row, all, category, every, rows};
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::glob;
use crate::resp::write::Writer;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Server = [
        { "command", command as NoArgs, since: "2.8.13", cost: "O(N), N commands", flags: [LOADING, STALE, LISTED_CONNECTION],
          reply: Array(&Any), arity: -1, "Tells about all commands: arity, flags, key positions.", [
            { "command|count", command_count as NoArgs, since: "2.8.13", cost: "O(1)", flags: [LOADING, STALE, LISTED_CONNECTION],
              reply: Integer, "How many commands there are." },
            { "command|docs", command_docs as Names, since: "7.0.0", cost: "O(N), N commands asked for",
              flags: [LOADING, STALE, LISTED_CONNECTION], reply: Map(&Any), "What commands do and which arguments they take." },
            { "command|getkeys", command_get_keys as Request, since: "2.8.13", cost: "O(N), N arguments",
              flags: [LOADING, STALE, LISTED_CONNECTION], reply: Array(&Bulk), arity: -4, "The keys among the words of a command." },
            { "command|getkeysandflags", command_get_keys_and_flags as Request, since: "7.0.0", cost: "O(N), N arguments",
              flags: [LOADING, STALE, LISTED_CONNECTION], reply: Array(&Any), arity: -4,
              "The keys among the words of a command, and what it does to each." },
            { "command|info", command_info as Names, since: "2.8.13", cost: "O(N), N commands asked for",
              flags: [LOADING, STALE, LISTED_CONNECTION], reply: Array(&Any), "Tells about some commands: arity, flags, key positions." },
            { "command|list", command_list as List, since: "7.0.0", cost: "O(N), N commands",
              flags: [LOADING, STALE, LISTED_CONNECTION], reply: Array(&Bulk), arity: -2, "The names of commands." },
            { "command|help", command_help as NoArgs, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE, LISTED_CONNECTION],
              reply: Array(&Bulk), "Lists the subcommands." },
        ] },
    ]
}

// ---- COMMAND, COMMAND INFO --------------------------------------------------------------------------------------------------------------

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

/// `[FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`.
pub struct List<'a>(Option<Filter<'a>>);

impl<'a> Parse<'a> for List<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::of(
        ArgKind::OneOf,
        &[
            ArgSpec::new(ArgKind::String).named("module_name").with_token("MODULE"),
            ArgSpec::new(ArgKind::String).named("category").with_token("ACLCAT"),
            ArgSpec::new(ArgKind::Pattern).named("pattern").with_token("PATTERN"),
        ],
    )
    .named("filterby")
    .with_token("FILTERBY")
    .optional()];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        match *args.take_rest() {
            [] => Ok(Self(None)),
            [filter, kind, what] if is_token(filter, "FILTERBY") => Filter::parse(kind, what).map(|filter| Self(Some(filter))),
            _ => Err(ReplyError::SYNTAX),
        }
    }
}

pub fn command_list(_: &mut Call<'_>, args: List<'_>) -> Result<impl Reply + use<>> {
    let names: Vec<&'static [u8]> =
        every().filter(|row| args.0.as_ref().is_none_or(|filter| filter.lets(row))).map(|row| row.name.as_bytes()).collect();
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

// ---- COMMAND HELP -----------------------------------------------------------------------------------------------------------------------

pub fn command_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "COMMAND [subcommand [argument ...]]. Without one: all commands as INFO tells them. Subcommands:",
        "COUNT",
        "    Tell how many commands there are.",
        "DOCS [command ...]",
        "    Tell what commands do.",
        "GETKEYS command argument [argument ...]",
        "    Tell the keys in a request.",
        "GETKEYSANDFLAGS command argument [argument ...]",
        "    Tell the keys in a request and what is done to them.",
        "INFO [command ...]",
        "    Tell arity, flags, key positions and categories.",
        "LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]",
        "    Tell the names of commands.",
        "HELP",
        "    Print this.",
    ]))
}
