//! Which words of a request are keys, and what is done to them: told from the rows alone.

use super::Row;
use super::args::key_flags::{INCOMPLETE_BIT, OW_UPDATE, RO_ACCESS, VARIABLE_BIT};
use super::args::{ArgKind, KeyFlags, is_token};
use crate::number;
use alloc::vec::Vec;

/// Some of a command's keys: what it does to them, and how to find them among its words.
pub(super) struct KeySpec {
    pub flags: KeyFlags,
    pub begin: Begin,
    pub find: Find,
    /// How many arguments of the grammar it stands for.
    pub arguments: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// At this word, the command's name being word 0.
    Index(usize),
    /// Behind this token, looked for from a word on.
    Keyword(&'static str, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Find {
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
pub(super) fn key_specs(row: &Row) -> Vec<KeySpec> {
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
pub(super) fn legacy_range(specs: &[KeySpec]) -> (usize, i32, usize, bool) {
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
