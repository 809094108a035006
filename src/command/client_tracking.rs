//! What CLIENT says to the tracking of keys; how it works is in [`crate::tracking`].

use super::args::{ArgKind, ArgSpec, Args, NoArgs, Parse, is_token};
use super::client::Switch;
use super::reply::{Ok as Okay, Reply, With};
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::number;
use crate::resp::write::Writer;
use crate::session::SessionId;
use crate::tracking::{Mode, Tracker};
use alloc::vec::Vec;

/// `ON | OFF [REDIRECT id] [BCAST] [PREFIX prefix ...] [OPTIN] [OPTOUT] [NOLOOP]`. What does not go together is found out by the handler.
#[derive(Default)]
pub struct Track<'a> {
    status: &'a [u8],
    redirect: Option<&'a [u8]>,
    redirected_twice: bool,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    noloop: bool,
    prefixes: Vec<&'a [u8]>,
}

const fn flag(token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::PureToken).named(token).with_token(token).optional()
}

impl<'a> Parse<'a> for Track<'a> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::String).named("status"),
        ArgSpec::new(ArgKind::Integer).named("client_id").with_token("REDIRECT").optional(),
        ArgSpec::new(ArgKind::String).named("prefix").with_token("PREFIX").optional(),
        flag("BCAST"),
        flag("OPTIN"),
        flag("OPTOUT"),
        flag("NOLOOP"),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let mut track = Self { status: args.word()?, ..Self::default() };
        while let Ok(word) = args.word() {
            let is = |token: &str| is_token(word, token);
            if is("BCAST") {
                track.broadcast = true;
            } else if is("OPTIN") {
                track.opt_in = true;
            } else if is("OPTOUT") {
                track.opt_out = true;
            } else if is("NOLOOP") {
                track.noloop = true;
            } else if is("REDIRECT") {
                track.redirected_twice |= track.redirect.is_some();
                track.redirect = Some(args.word()?);
            } else if is("PREFIX") {
                track.prefixes.push(args.word()?);
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        Ok(track)
    }
}

fn overlap(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn overlaps(given: &[u8], how: &[u8], other: &[u8]) -> ReplyError {
    const END: &[u8] = b"'. Prefixes for a single client must not overlap.";
    ReplyError::bytes(&[b"ERR Prefix '", given, b"' overlaps with ", how, b" prefix '", other, END])
}

pub fn client_tracking(call: &mut Call<'_>, args: Track<'_>) -> Result<Okay> {
    let redirect = match args.redirect {
        Some(word) => {
            let id = number::parse_i64(word).ok_or(ReplyError::NOT_INTEGER)?;
            let id = SessionId(u64::try_from(id).unwrap_or(0));
            if call.server.session_of(Some(call.session), id).is_none() {
                return Err(ReplyError::err("The client ID you want redirect to does not exist"));
            }
            Some(id)
        }
        None => None,
    };
    if args.redirected_twice {
        return Err(ReplyError::err("A client can only redirect to a single other client"));
    }
    if is_token(args.status, "OFF") {
        call.end_tracking();
        return Ok(Okay);
    }
    if !is_token(args.status, "ON") {
        return Err(ReplyError::SYNTAX);
    }
    let present = call.session.tracking.as_deref();
    let mode = present.map(|tracker| tracker.mode);
    let no = |sentence: &str| Err(ReplyError::err(sentence));
    if !args.broadcast && !args.prefixes.is_empty() {
        return no("PREFIX option requires BCAST mode to be enabled");
    }
    if mode.is_some_and(|mode| (mode == Mode::Broadcast) != args.broadcast) {
        return no(
            "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
        );
    }
    if args.broadcast && (args.opt_in || args.opt_out) {
        return no("OPTIN and OPTOUT are not compatible with BCAST");
    }
    if args.opt_in && args.opt_out {
        return no("You can't specify both OPTIN mode and OPTOUT mode");
    }
    if (args.opt_in && mode == Some(Mode::OptOut)) || (args.opt_out && mode == Some(Mode::OptIn)) {
        return no(
            "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
        );
    }
    let has = present.map_or(&[][..], |tracker| &tracker.prefixes);
    for (at, prefix) in args.prefixes.iter().enumerate() {
        if let Some(other) = has.iter().find(|other| overlap(prefix, other)) {
            return Err(overlaps(prefix, b"an existing", other));
        }
        if let Some(other) = args.prefixes.iter().skip(at.saturating_add(1)).find(|other| overlap(prefix, other)) {
            return Err(overlaps(prefix, b"another provided", other));
        }
    }
    let prefixes = match &args.prefixes[..] {
        [] if args.broadcast => Vec::from([Vec::new()]),
        prefixes => prefixes.iter().map(|prefix| prefix.to_vec()).collect(),
    };
    let mode = match (args.broadcast, args.opt_in, args.opt_out) {
        (true, ..) => Mode::Broadcast,
        (_, true, _) => Mode::OptIn,
        (.., true) => Mode::OptOut,
        _ => Mode::All,
    };
    call.server.track(call.session, Tracker { mode, noloop: args.noloop, redirect, prefixes, ..Tracker::default() });
    call.keys.tracked = true;
    Ok(Okay)
}

pub fn client_caching(call: &mut Call<'_>, args: Switch<'_>) -> Result<Okay> {
    let Some(tracker) = &mut call.session.tracking else {
        return Err(ReplyError::err(
            "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    let (mode, refusal) = match args.among(&["YES", "NO"])? {
        0 => (Mode::OptIn, "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."),
        _ => (Mode::OptOut, "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."),
    };
    if tracker.mode != mode {
        return Err(ReplyError::err(refusal));
    }
    tracker.caching = true;
    Ok(Okay)
}

pub fn client_get_redir(call: &mut Call<'_>, _: NoArgs) -> Result<i64> {
    Ok(redirection(call.session.tracking.as_deref()))
}

/// -1: nothing is tracked; 0: nobody else is told.
pub(super) fn redirection(tracker: Option<&Tracker>) -> i64 {
    tracker.map_or(-1, |tracker| tracker.redirect.map_or(0, |target| i64::try_from(target.0).unwrap_or(i64::MAX)))
}

pub fn client_tracking_info<'c>(call: &'c mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<'c>> {
    let tracker = call.session.tracking.as_deref();
    Ok(With(move |writer: &mut Writer<'_>| {
        let is = |mode: Mode| tracker.is_some_and(|tracker| tracker.mode == mode);
        let has = |fact: fn(&Tracker) -> bool| tracker.is_some_and(fact);
        let caching = has(|tracker| tracker.caching);
        let flags = [
            (tracker.is_none(), "off"),
            (tracker.is_some(), "on"),
            (is(Mode::Broadcast), "bcast"),
            (is(Mode::OptIn), "optin"),
            (is(Mode::OptIn) && caching, "caching-yes"),
            (is(Mode::OptOut), "optout"),
            (is(Mode::OptOut) && caching, "caching-no"),
            (has(|tracker| tracker.noloop), "noloop"),
            (has(|tracker| tracker.broken), "broken_redirect"),
        ];
        writer.map(3);
        writer.bulk(b"flags");
        writer.set(flags.iter().filter(|(set, _)| *set).count());
        flags.iter().filter(|(set, _)| *set).for_each(|(_, name)| writer.bulk(name.as_bytes()));
        writer.bulk(b"redirect");
        writer.int(redirection(tracker));
        writer.bulk(b"prefixes");
        let prefixes = tracker.map_or(&[][..], |tracker| &tracker.prefixes);
        writer.array(prefixes.len());
        prefixes.iter().for_each(|prefix| writer.bulk(prefix));
    }))
}
