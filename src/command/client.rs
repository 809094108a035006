//! CLIENT: looking at connections, and changing how they are served. What it says to tracking is in `client_tracking`.

use super::args::{ArgKind, ArgSpec, Args, LateInt, Many, NoArgs, Opt, Parse, args, choice, is_token};
use super::client_tracking::*;
use super::reply::{Help, Ok as Okay, Reply, With};
use super::rows;
use crate::blocking::Pause;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::number;
use crate::resp::Protocol;
use crate::resp::write::Writer;
use crate::session::{Session, SessionId, Silence};
use crate::time::Millis;
use crate::tracking::Mode;
use crate::value::sort::sort;
use alloc::string::String;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Connection = [
        { "client", since: "2.4.0", cost: "Depends on the subcommand", "Looks at and changes connections.", [
            { "client|caching", client_caching as Switch, since: "6.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Ok,
              "Whether the keys of the next command are tracked." },
            { "client|getname", client_get_name as NoArgs, since: "2.6.9", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING],
              reply: Maybe(&Bulk), "The name of this connection." },
            { "client|getredir", client_get_redir as NoArgs, since: "6.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING],
              reply: Integer, "The connection that is told in place of this one of keys that change: 0 none, -1 nothing is tracked." },
            { "client|id", client_id as NoArgs, since: "5.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Integer,
              "The number of this connection, never used twice." },
            { "client|info", client_info as NoArgs, since: "6.2.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Bulk,
              "What is known about this connection, in one line." },
            { "client|kill", client_kill as Kill, since: "2.4.0", cost: "O(N), N connections",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Any, arity: -3,
              "Closes the connection with an address, or all that fit the filters; answers how many." },
            { "client|list", client_list as ClientList, since: "2.4.0", cost: "O(N), N connections",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Bulk, "What is known about connections, a line each." },
            { "client|no-evict", client_no_evict as Switch, since: "7.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE, KEEPS_CACHING],
              reply: Ok, "Keeps this connection from being closed where connections take too much memory." },
            { "client|no-touch", client_no_touch as Switch, since: "7.2.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING],
              reply: Ok, "Whether keys that this connection reads count as used." },
            { "client|pause", client_pause as PauseArgs, since: "3.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE, KEEPS_CACHING],
              reply: Ok, arity: -3, "Has requests wait for so many milliseconds: all of them, or those that write." },
            { "client|reply", client_reply as Switch, since: "3.2.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Ok,
              "Which replies are sent: all, none, or all but the next." },
            { "client|setinfo", client_set_info as SetInfo, since: "7.2.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING],
              reply: Ok, "Notes the name or version of the client's library." },
            { "client|setname", client_set_name as SetName, since: "2.6.9", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING],
              reply: Ok, "Names this connection." },
            { "client|tracking", client_tracking as Track, since: "6.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING],
              reply: Ok, "Whether this connection is told of changes to keys that it read." },
            { "client|trackinginfo", client_tracking_info as NoArgs, since: "6.2.0", cost: "O(1)",
              flags: [NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Map(&Any), "What is tracked for this connection." },
            { "client|unblock", client_unblock as Unblock, since: "5.0.0", cost: "O(log N), N waiting connections",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Truth,
              "Ends the wait of a connection whose command blocks." },
            { "client|unpause", client_unpause as NoArgs, since: "6.2.0", cost: "O(N), N waiting requests",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE, KEEPS_CACHING], reply: Ok, "Ends CLIENT PAUSE." },
            { "client|help", client_help as NoArgs, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE, KEEPS_CACHING], reply: Array(&Bulk),
              "Lists the subcommands." },
        ] },
    ]
}

// ---- this connection --------------------------------------------------------------------------------------------------------------------

/// Names are printable without spaces, so that CLIENT LIST stays one line a connection.
pub(super) fn check_name(name: &[u8]) -> Result<()> {
    if name.iter().all(|byte| matches!(byte, b'!'..=b'~')) { Ok(()) } else { Err(ReplyError::CLIENT_NAME) }
}

pub fn client_id(call: &mut Call<'_>, _: NoArgs) -> Result<u64> {
    Ok(call.session.id.0)
}

pub fn client_get_name<'c>(call: &'c mut Call<'_>, _: NoArgs) -> Result<Option<&'c [u8]>> {
    Ok((!call.session.name.is_empty()).then_some(&call.session.name[..]))
}

args! { SetName<'a> { connection_name: &'a [u8] } }

pub fn client_set_name(call: &mut Call<'_>, args: SetName<'_>) -> Result<Okay> {
    check_name(args.connection_name)?;
    call.session.name = args.connection_name.to_vec();
    Ok(Okay)
}

args! { SetInfo<'a> { attribute: &'a [u8], value: &'a [u8] } }

pub fn client_set_info(call: &mut Call<'_>, args: SetInfo<'_>) -> Result<Okay> {
    let (field, shown) = if is_token(args.attribute, "LIB-NAME") {
        (&mut call.session.lib_name, "lib-name")
    } else if is_token(args.attribute, "LIB-VER") {
        (&mut call.session.lib_version, "lib-ver")
    } else {
        return Err(ReplyError::bytes(&[b"ERR Unrecognized option '", args.attribute, b"'"]));
    };
    if check_name(args.value).is_err() {
        return Err(ReplyError::text(&["ERR ", shown, " cannot contain spaces, newlines or special characters."]));
    }
    *field = args.value.to_vec();
    Ok(Okay)
}

args! {
    /// One word that says how.
    Switch<'a> { mode: &'a [u8] }
}

impl Switch<'_> {
    /// Which of the words.
    pub(super) fn among(&self, words: &[&str]) -> Result<usize> {
        words.iter().position(|word| is_token(self.mode, word)).ok_or(ReplyError::SYNTAX)
    }
}

pub fn client_no_evict(call: &mut Call<'_>, args: Switch<'_>) -> Result<Okay> {
    call.session.no_evict = args.among(&["OFF", "ON"])? == 1;
    Ok(Okay)
}

pub fn client_no_touch(call: &mut Call<'_>, args: Switch<'_>) -> Result<Okay> {
    call.session.no_touch = args.among(&["OFF", "ON"])? == 1;
    Ok(Okay)
}

/// Only ON has a reply.
pub fn client_reply(call: &mut Call<'_>, args: Switch<'_>) -> Result<impl Reply + use<>> {
    let silence = &mut call.session.silence;
    let mode = args.among(&["ON", "OFF", "SKIP"])?;
    *silence = match (mode, *silence) {
        (0, _) => Silence::None,
        (1, _) | (_, Silence::All) => Silence::All,
        _ => Silence::Next,
    };
    Ok(With(move |writer: &mut Writer<'_>| {
        if mode == 0 {
            writer.ok();
        }
    }))
}

// ---- other connections ------------------------------------------------------------------------------------------------------------------

/// How CLIENT UNBLOCK ends a wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsError(pub bool);

impl<'a> Opt<'a> for AsError {
    const SPEC: ArgSpec = ArgSpec::choice(&[
        ArgSpec::new(ArgKind::PureToken).named("timeout").with_token("TIMEOUT"),
        ArgSpec::new(ArgKind::PureToken).named("error").with_token("ERROR"),
    ]);
    fn opt(&mut self, word: &'a [u8], args: &mut Args<'a>) -> bool {
        self.0 = is_token(word, "ERROR");
        if !self.0 && !is_token(word, "TIMEOUT") {
            args.note(ReplyError::UNBLOCK_REASON);
        }
        true
    }
}

args! { Unblock { client_id: LateInt; unblock_type: AsError } }

pub fn client_unblock(call: &mut Call<'_>, args: Unblock) -> Result<bool> {
    let id = u64::try_from(args.client_id.get()?).map_or(SessionId(0), SessionId);
    let error = args.unblock_type.0.then_some(ReplyError::UNBLOCKED);
    Ok(call.server.unblock(call.keys, id, error.as_ref()))
}

/// `timeout [WRITE | ALL]`.
pub struct PauseArgs {
    ms: u64,
    all: bool,
}

impl<'a> Parse<'a> for PauseArgs {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::Integer).named("timeout"),
        ArgSpec::choice(&[
            ArgSpec::new(ArgKind::PureToken).named("write").with_token("WRITE"),
            ArgSpec::new(ArgKind::PureToken).named("all").with_token("ALL"),
        ])
        .named("mode"),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (ms, all) = match *args.take_rest() {
            [ms] => (ms, true),
            [ms, mode] if is_token(mode, "ALL") => (ms, true),
            [ms, mode] if is_token(mode, "WRITE") => (ms, false),
            [_, _] => return Err(ReplyError::err("CLIENT PAUSE mode must be WRITE or ALL")),
            _ => return Err(ReplyError::subcommand_syntax("PAUSE", "CLIENT")),
        };
        let ms = number::parse_i64(ms).ok_or(ReplyError::TIMEOUT_NOT_INTEGER)?;
        Ok(Self { ms: u64::try_from(ms).map_err(|_| ReplyError::TIMEOUT_NEGATIVE)?, all })
    }
}

/// A pause that holds already only gets longer and stricter.
pub fn client_pause(call: &mut Call<'_>, args: PauseArgs) -> Result<Okay> {
    let until = call.now().saturating_add(args.ms);
    if i64::try_from(until).is_err() {
        // Redis's moment wraps round to one that is long past.
        return Ok(Okay);
    }
    let pause = call.server.pause.get_or_insert_with(|| Pause { until, all: args.all, sessions: Vec::new() });
    pause.until = pause.until.max(until);
    pause.all |= args.all;
    Ok(Okay)
}

pub fn client_unpause(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    if let Some(pause) = &mut call.server.pause {
        // The engine sees that it is over once this command has ended.
        pause.until = 0;
    }
    Ok(Okay)
}

/// Which connections CLIENT KILL and CLIENT LIST pick: those that fit all that is said.
#[derive(Default)]
struct Filter<'a> {
    ids: Option<Vec<SessionId>>,
    kind: Option<Kind>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    /// Seconds since it came.
    age: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    PubSub,
    Replica,
    /// Masters: there are none here.
    Master,
}

impl Kind {
    fn of(session: &Session) -> Self {
        match () {
            () if session.is_replica() => Self::Replica,
            () if session.subscriptions.is_empty() => Self::Normal,
            () => Self::PubSub,
        }
    }

    fn parse(name: &[u8]) -> Result<Self> {
        let kinds = [
            ("NORMAL", Self::Normal),
            ("PUBSUB", Self::PubSub),
            ("MASTER", Self::Master),
            ("REPLICA", Self::Replica),
            ("SLAVE", Self::Replica),
        ];
        let found = kinds.iter().find(|(known, _)| is_token(name, known));
        found.map(|(_, kind)| *kind).ok_or_else(|| ReplyError::bytes(&[b"ERR Unknown client type '", name, b"'"]))
    }
}

impl Filter<'_> {
    fn admits(&self, session: &Session, now: Millis) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&session.id))
            && self.kind.is_none_or(|kind| kind == Kind::of(session))
            && self.address.is_none_or(|address| session.peer.addr.as_bytes() == address)
            && self.local_address.is_none_or(|address| session.peer.laddr.as_bytes() == address)
            && self.user.is_none_or(|user| session.user_name() == user)
            && now.saturating_sub(session.opened).wrapping_div(1000) >= self.age
    }
}

/// `addr`, or filters with `SKIPME yes | no`. The former is not told: `ADDR addr SKIPME no` does the same.
pub struct Kill<'a> {
    filter: Filter<'a>,
    skip_me: bool,
    /// The form with filters, which answers a number.
    counts: bool,
}

const fn option(token: &'static str, name: &'static str, kind: ArgKind) -> ArgSpec {
    ArgSpec::new(kind).named(name).with_token(token).optional()
}

impl<'a> Parse<'a> for Kill<'a> {
    const SPECS: &'static [ArgSpec] = &[
        option("ID", "client_id", ArgKind::Integer),
        option("TYPE", "client_type", ArgKind::String),
        option("USER", "username", ArgKind::String),
        option("ADDR", "addr", ArgKind::String),
        option("LADDR", "laddr", ArgKind::String),
        option("SKIPME", "skipme", ArgKind::String),
        option("MAXAGE", "maxage", ArgKind::Integer),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let words = args.take_rest();
        let mut filter = Filter::default();
        if let [address] = words {
            filter.address = Some(address);
            return Ok(Self { filter, skip_me: false, counts: false });
        }
        let mut skip_me = true;
        let (pairs, rest) = words.as_chunks::<2>();
        for [name, value] in pairs {
            let is = |token: &str| is_token(name, token);
            if is("ID") {
                let id = number::parse_i64(value).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
                let id = id.ok_or_else(|| ReplyError::err("client-id should be greater than 0"))?;
                filter.ids = Some(Vec::from([SessionId(id)]));
            } else if is("TYPE") {
                filter.kind = Some(Kind::parse(value)?);
            } else if is("USER") {
                filter.user = Some(value);
            } else if is("ADDR") {
                filter.address = Some(value);
            } else if is("LADDR") {
                filter.local_address = Some(value);
            } else if is("SKIPME") {
                skip_me = Switch { mode: value }.among(&["NO", "YES"])? == 1;
            } else if is("MAXAGE") {
                let age = number::parse_i64(value).ok_or_else(|| ReplyError::err("maxage is not an integer or out of range"))?;
                let age = u64::try_from(age).ok().filter(|age| *age > 0);
                filter.age = age.ok_or_else(|| ReplyError::err("maxage should be greater than 0"))?;
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        if rest.is_empty() { Ok(Self { filter, skip_me, counts: true }) } else { Err(ReplyError::SYNTAX) }
    }
}

/// Others are gone at once; the connection itself still gets the reply.
pub fn client_kill(call: &mut Call<'_>, args: Kill<'_>) -> Result<impl Reply + use<>> {
    if let Some(user) = args.filter.user
        && call.server.acl.user(user).is_none()
    {
        return Err(ReplyError::bytes(&[b"ERR No such user '", user, b"'"]));
    }
    let now = call.now();
    let fits = |session: &&Session| args.filter.admits(session, now);
    let others: Vec<SessionId> = call.server.sessions.iter().filter(fits).map(|session| session.id).collect();
    let me = !args.skip_me && fits(&&*call.session);
    for id in &others {
        call.server.dismiss(call.keys, *id);
    }
    call.session.closing |= me;
    let count = others.len().saturating_add(usize::from(me));
    if !args.counts && count == 0 {
        return Err(ReplyError::err("No such client"));
    }
    Ok(With(move |writer: &mut Writer<'_>| if args.counts { count.write(writer) } else { writer.ok() }))
}

// ---- lists ------------------------------------------------------------------------------------------------------------------------------

pub fn client_info(call: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    let mut text = Vec::new();
    describe(call.session, call.now(), true, &mut text);
    text.push(b'\n');
    Ok(With(move |writer: &mut Writer<'_>| writer.verbatim(&text)))
}

choice! {
    /// Which connections CLIENT LIST shows.
    Which<'a> { "TYPE" => Type(client_type: &'a [u8]), "ID" => Ids(client_id: Many<'a, &'a [u8]>) }
}

args! { ClientList<'a> { ; which: Option<Which<'a>> } }

pub fn client_list(call: &mut Call<'_>, args: ClientList<'_>) -> Result<impl Reply + use<>> {
    let mut filter = Filter::default();
    match args.which {
        Some(Which::Type(name)) => filter.kind = Some(Kind::parse(name)?),
        Some(Which::Ids(ids)) => filter.ids = Some(ids.words().iter().map(|id| parse_id(id)).collect::<Result<_>>()?),
        None => {}
    }
    let now = call.now();
    let mut sessions: Vec<&Session> = call.server.sessions.iter().chain([&*call.session]).collect();
    sort(&mut sessions, |one, other| one.id.cmp(&other.id));
    let mut text = Vec::new();
    for session in sessions.iter().filter(|session| filter.admits(session, now)) {
        describe(session, now, session.id == call.session.id, &mut text);
        text.push(b'\n');
    }
    Ok(With(move |writer: &mut Writer<'_>| writer.verbatim(&text)))
}

fn parse_id(word: &[u8]) -> Result<SessionId> {
    number::parse_i64(word).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0).map(SessionId).ok_or(ReplyError::CLIENT_ID)
}

/// What Redis keeps of a client's output in the client itself; the rest is in a list of blocks of that size.
const STATIC_OUTPUT: usize = 16 * 1024;

/// A line of CLIENT LIST without its end, with the fields that Redis 7.0 prints, and behind them those of 7.2 and 7.4. There are no reply buffers of fixed size here (`rbs`, `rbp`).
pub(crate) fn describe(session: &Session, now: Millis, running: bool, text: &mut Vec<u8>) {
    let seconds = |since: Millis| now.saturating_sub(since).wrapping_div(1000);
    let queued = session.queue.as_ref().map(|queue| queue.commands.len()).or(session.executing);
    let buffers = session.buffers;
    let argv = session.waiting.as_ref().map_or(if running { buffers.argv } else { 0 }, |waiting| waiting.bytes());
    let output = buffers.output.saturating_add(if running { buffers.replies } else { session.outbox.len() });
    let listed = output.saturating_sub(STATIC_OUTPUT);
    let size = |bytes: usize| signed(bytes as u64);
    numbers(text, &[("id=", signed(session.id.0))]);
    word(text, " addr=", session.peer.addr.as_bytes());
    word(text, " laddr=", session.peer.laddr.as_bytes());
    numbers(text, &[(" fd=", session.peer.fd)]);
    word(text, " name=", &session.name);
    numbers(text, &[(" age=", signed(seconds(session.opened))), (" idle=", signed(seconds(session.last_used)))]);
    word(text, " flags=", flags(session).as_bytes());
    let facts = [
        (" db=", size(session.db)),
        (" sub=", size(session.subscriptions.channels.len())),
        (" psub=", size(session.subscriptions.patterns.len())),
        (" ssub=", size(session.subscriptions.shards.len())),
        (" multi=", queued.map_or(-1, size)),
        (" qbuf=", size(buffers.query.max(buffers.batch))),
        (" qbuf-free=", size(buffers.query_free)),
        (" argv-mem=", size(argv)),
        (" multi-mem=", size(session.queue_bytes())),
        (" rbs=", 0),
        (" rbp=", 0),
        (" obl=", size(output.min(STATIC_OUTPUT))),
        (" oll=", size(listed.div_ceil(STATIC_OUTPUT))),
        (" omem=", size(listed)),
        (" tot-mem=", size(session.memory().saturating_add(argv))),
    ];
    numbers(text, &facts);
    word(text, " events=", if buffers.output > 0 { b"rw" } else { b"r" });
    word(text, " cmd=", session.last_command.as_bytes());
    word(text, " user=", session.user_name());
    let redirect = redirection(session.tracking.as_deref());
    numbers(text, &[(" redir=", redirect), (" resp=", if session.protocol == Protocol::Resp3 { 3 } else { 2 })]);
    word(text, " lib-name=", &session.lib_name);
    word(text, " lib-ver=", &session.lib_version);
    numbers(text, &[(" watch=", size(session.watched.len()))]);
}

fn word(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(value);
}

fn numbers(text: &mut Vec<u8>, pairs: &[(&str, i64)]) {
    for (name, value) in pairs {
        word(text, name, number::write_i64(*value, &mut [0; 20]));
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The letters of `flags=`.
fn flags(session: &Session) -> String {
    let tracker = session.tracking.as_deref();
    let letters = [
        (session.is_replica(), 'S'),
        (session.monitors, 'O'),
        (!session.subscriptions.is_empty(), 'P'),
        (session.queue.is_some() || session.executing.is_some(), 'x'),
        (session.waiting.is_some(), 'b'),
        (tracker.is_some(), 't'),
        (tracker.is_some_and(|tracker| tracker.broken), 'R'),
        (tracker.is_some_and(|tracker| tracker.mode == Mode::Broadcast), 'B'),
        (session.watch_lost, 'd'),
        (session.closing, 'c'),
        (session.peer.addr.starts_with('/'), 'U'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ];
    let shown: String = letters.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect();
    if shown.is_empty() { String::from("N") } else { shown }
}

pub fn client_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "CLIENT subcommand [argument ...]. Subcommands:",
        "CACHING YES|NO",
        "    Track the keys of the next command or not.",
        "GETNAME",
        "    Tell the name of this connection.",
        "GETREDIR",
        "    Tell who is told of changes in place of this connection.",
        "ID",
        "    Tell the number of this connection.",
        "INFO",
        "    Describe this connection in one line.",
        "KILL addr | [ID id] [TYPE type] [USER name] [ADDR addr] [LADDR addr] [SKIPME yes|no] [MAXAGE seconds]",
        "    Close connections.",
        "LIST [TYPE normal|master|replica|pubsub] [ID id ...]",
        "    Describe connections, a line each.",
        "NO-EVICT ON|OFF",
        "    Keep this connection where connections take too much memory.",
        "NO-TOUCH ON|OFF",
        "    Read keys without using them.",
        "PAUSE ms [WRITE|ALL]",
        "    Have requests wait.",
        "REPLY ON|OFF|SKIP",
        "    Choose which replies are sent.",
        "SETINFO LIB-NAME|LIB-VER value",
        "    Note the client's library.",
        "SETNAME name",
        "    Name this connection.",
        "TRACKING ON|OFF [REDIRECT id] [BCAST] [PREFIX prefix ...] [OPTIN] [OPTOUT] [NOLOOP]",
        "    Tell this connection of changes to keys that it read.",
        "TRACKINGINFO",
        "    Tell what is tracked for this connection.",
        "UNBLOCK id [TIMEOUT|ERROR]",
        "    End the wait of a connection whose command blocks.",
        "UNPAUSE",
        "    End PAUSE.",
        "HELP",
        "    Print this.",
    ]))
}
