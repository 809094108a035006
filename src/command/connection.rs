//! Connection: PING, HELLO, AUTH, SELECT, CLIENT.

use super::args::{ArgKind, ArgSpec, Args, DbIndex, LateInt, Many, NoArgs, Opt, Parse, Timeout, args, choice, is_token};
use super::reply::{Either, Help, Ok as Okay, Reply, With};
use super::{acl, rows, transaction};
use crate::acl::DEFAULT;
use crate::blocking::{Otherwise, Park};
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::number;
use crate::pubsub::Subscriptions;
use crate::resp::Protocol;
use crate::resp::write::Writer;
use crate::session::{Session, SessionId};
use crate::time::Millis;
use crate::value::sort::sort;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The Redis version whose behaviour this engine has; what HELLO and INFO answer to clients that ask.
pub const REDIS_VERSION: &str = "7.0.15";

rows! {
    pub(super) static ROWS: Connection = [
        { "auth", auth as Auth, since: "1.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], reply: Ok, arity: -2,
          "Authenticates the connection." },
        { "client", since: "2.4.0", cost: "Depends on the subcommand", "Looks at and changes connections.", [
            { "client|getname", client_get_name as NoArgs, since: "2.6.9", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE], reply: Maybe(&Bulk),
              "The name of this connection." },
            { "client|id", client_id as NoArgs, since: "5.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE], reply: Integer,
              "The number of this connection, never used twice." },
            { "client|info", client_info as NoArgs, since: "6.2.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE], reply: Bulk,
              "What is known about this connection, in one line." },
            { "client|list", client_list as ClientList, since: "2.4.0", cost: "O(N), N connections", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Bulk, "What is known about connections, a line each." },
            { "client|setinfo", client_set_info as SetInfo, since: "7.2.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE], reply: Ok,
              "Notes the name or version of the client's library." },
            { "client|setname", client_set_name as SetName, since: "2.6.9", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE], reply: Ok,
              "Names this connection." },
            { "client|unblock", client_unblock as Unblock, since: "5.0.0", cost: "O(log N), N waiting connections",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Truth,
              "Ends the wait of a connection whose command blocks." },
            { "client|help", client_help as NoArgs, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
        ] },
        { "echo", echo as Echo, since: "1.0.0", cost: "O(1)", flags: [LOADING, STALE, FAST], reply: Bulk,
          "Answers the message." },
        { "hello", hello as Hello, since: "6.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], reply: Any,
          "Chooses the protocol version, authenticates and names the connection; tells about the server." },
        { "ping", ping as Ping, since: "1.0.0", cost: "O(1)", flags: [FAST, WHILE_SUBSCRIBED], reply: Any,
          "Answers PONG, or the message given." },
        { "wait", wait as Wait, since: "3.0.0", cost: "O(1)", flags: [NOSCRIPT, WAITS], reply: Integer,
          "Waits for replicas to have the connection's writes; there are none here, so it waits in vain." },
        { "quit", quit as Quit, since: "1.0.0", cost: "O(1)",
          flags: [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY, RUNS_IN_MULTI, WHILE_SUBSCRIBED], reply: Ok,
          "Closes the connection after the reply." },
        { "reset", reset as NoArgs, since: "6.2.0", cost: "O(1)",
          flags: [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY, RUNS_IN_MULTI, WHILE_SUBSCRIBED], reply: Status,
          "Puts the connection back to how it was when it was opened." },
        { "select", select as Select, since: "1.0.0", cost: "O(1)", flags: [LOADING, STALE, FAST], reply: Ok,
          "Chooses the database that the connection works on." },
    ]
}

// ---- small talk -------------------------------------------------------------------------------------------------------------------------

args! { Ping<'a> { message: Option<&'a [u8]> } }

pub fn ping<'a>(call: &mut Call<'_>, args: Ping<'a>) -> Result<impl Reply + use<'a>> {
    // A RESP2 session that listens expects messages only: there PING answers in the form of one.
    let as_message = call.session.protocol == Protocol::Resp2 && !call.session.subscriptions.is_empty();
    Ok(With(move |writer: &mut Writer<'_>| match args.message {
        message if as_message => {
            writer.array(2);
            writer.bulk(b"pong");
            writer.bulk(message.unwrap_or(b""));
        }
        Some(message) => writer.bulk(message),
        None => writer.simple("PONG"),
    }))
}

args! { Echo<'a> { message: &'a [u8] } }

pub fn echo<'a>(_: &mut Call<'_>, args: Echo<'a>) -> Result<&'a [u8]> {
    Ok(args.message)
}

args! { Select { index: DbIndex } }

pub fn select(call: &mut Call<'_>, args: Select) -> Result<Okay> {
    let index = usize::try_from(args.index.0).ok().filter(|&index| call.keys.select(index)).ok_or(ReplyError::DB_INDEX)?;
    call.session.db = index;
    Ok(Okay)
}

/// QUIT takes and ignores any words.
pub struct Quit;

impl<'a> Parse<'a> for Quit {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::String).named("ignored").optional().multiple()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        args.take_rest();
        Ok(Self)
    }
}

pub fn quit(call: &mut Call<'_>, _: Quit) -> Result<Okay> {
    call.session.closing = true;
    Ok(Okay)
}

pub fn reset(call: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    call.session.queue = None;
    transaction::forget_watches(call);
    call.server.unsubscribe_all(call.session);
    call.session.subscriptions = Subscriptions::default();
    call.session.db = 0;
    call.session.name.clear();
    call.session.protocol = Protocol::Resp2;
    call.session.begin(&call.server.acl);
    Ok(With(|writer: &mut Writer<'_>| {
        writer.protocol = Protocol::Resp2;
        writer.simple("RESET");
    }))
}

// ---- AUTH, HELLO ------------------------------------------------------------------------------------------------------------------------

/// `AUTH password` or `AUTH username password`.
pub struct Auth<'a> {
    pub username: Option<&'a [u8]>,
    pub password: &'a [u8],
}

impl<'a> Parse<'a> for Auth<'a> {
    const SPECS: &'static [ArgSpec] =
        &[ArgSpec::new(ArgKind::String).named("username").optional(), ArgSpec::new(ArgKind::String).named("password")];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        match *args.take_rest() {
            [password] => Ok(Self { username: None, password }),
            [username, password] => Ok(Self { username: Some(username), password }),
            _ => Err(ReplyError::SYNTAX),
        }
    }
}

pub fn auth(call: &mut Call<'_>, args: Auth<'_>) -> Result<Okay> {
    if args.username.is_none() && call.server.acl.is_open() {
        return Err(ReplyError::NO_PASSWORD_SET);
    }
    authenticate(call, args.username.unwrap_or(DEFAULT), args.password)?;
    Ok(Okay)
}

fn authenticate(call: &mut Call<'_>, username: &[u8], password: &[u8]) -> Result<()> {
    if !call.server.acl.user(username).is_some_and(|user| user.accepts(password)) {
        // As nearly every client writes it; the handler does not see how this one did.
        let command = call.name().to_ascii_uppercase();
        acl::refused(call.server, call.session, call.keys.now(), "auth", (command.as_bytes(), username));
        return Err(ReplyError::WRONG_PASS);
    }
    call.session.user = call.server.acl.held(username);
    call.session.authenticated = true;
    Ok(())
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`.
pub struct Hello<'a> {
    pub protocol: Option<Protocol>,
    pub auth: Option<(&'a [u8], &'a [u8])>,
    pub name: Option<&'a [u8]>,
}

impl<'a> Parse<'a> for Hello<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::of(
        ArgKind::Block,
        &[
            ArgSpec::new(ArgKind::Integer).named("protover"),
            ArgSpec::of(
                ArgKind::Block,
                &[ArgSpec::new(ArgKind::String).named("username"), ArgSpec::new(ArgKind::String).named("password")],
            )
            .named("auth")
            .with_token("AUTH")
            .optional(),
            ArgSpec::new(ArgKind::String).named("clientname").with_token("SETNAME").optional(),
        ],
    )
    .named("arguments")
    .optional()];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let mut hello = Self { protocol: None, auth: None, name: None };
        let Ok(version) = args.word() else { return Ok(hello) };
        let version =
            number::parse_i64(version).ok_or_else(|| ReplyError::err("Protocol version is not an integer or out of range"))?;
        hello.protocol = Some(match version {
            2 => Protocol::Resp2,
            3 => Protocol::Resp3,
            _ => return Err(ReplyError::NO_PROTO),
        });
        while let Ok(option) = args.word() {
            match args.rest() {
                [username, password, ..] if is_token(option, "AUTH") => {
                    hello.auth = Some((username, password));
                    args.skip(2);
                }
                [name, ..] if is_token(option, "SETNAME") => {
                    check_name(name)?;
                    hello.name = Some(name);
                    args.skip(1);
                }
                _ => return Err(ReplyError::bytes(&[b"ERR Syntax error in HELLO option '", option, b"'"])),
            }
        }
        Ok(hello)
    }
}

pub fn hello(call: &mut Call<'_>, args: Hello<'_>) -> Result<impl Reply + use<>> {
    if let Some((username, password)) = args.auth {
        authenticate(call, username, password)?;
    }
    if !call.session.authenticated {
        return Err(ReplyError::HELLO_NO_AUTH);
    }
    if let Some(name) = args.name {
        call.session.name = name.to_vec();
    }
    if let Some(protocol) = args.protocol {
        call.session.protocol = protocol;
    }
    let (protocol, id) = (call.session.protocol, call.session.id);
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.protocol = protocol;
        writer.map(7);
        writer.bulk(b"server");
        writer.bulk(b"redis");
        writer.bulk(b"version");
        writer.bulk(REDIS_VERSION.as_bytes());
        writer.bulk(b"proto");
        writer.int(if protocol == Protocol::Resp3 { 3 } else { 2 });
        writer.bulk(b"id");
        id.0.write(writer);
        writer.bulk(b"mode");
        writer.bulk(b"standalone");
        writer.bulk(b"role");
        writer.bulk(b"master");
        writer.bulk(b"modules");
        writer.array(0);
    }))
}

// ---- CLIENT -----------------------------------------------------------------------------------------------------------------------------

/// How CLIENT UNBLOCK ends a wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsError(pub bool);

impl<'a> Opt<'a> for AsError {
    const SPEC: ArgSpec = ArgSpec::choice(&[
        ArgSpec::new(ArgKind::PureToken).named("timeout").with_token("TIMEOUT"),
        ArgSpec::new(ArgKind::PureToken).named("error").with_token("ERROR"),
    ]);
    fn opt(&mut self, word: &'a [u8], _: &mut Args<'a>) -> Result<bool> {
        self.0 = is_token(word, "ERROR");
        if self.0 || is_token(word, "TIMEOUT") { Ok(true) } else { Err(ReplyError::UNBLOCK_REASON) }
    }
}

args! { Unblock { client_id: LateInt; unblock_type: AsError } }

pub fn client_unblock(call: &mut Call<'_>, args: Unblock) -> Result<bool> {
    let id = u64::try_from(args.client_id.get()?).map_or(SessionId(0), SessionId);
    let error = args.unblock_type.0.then_some(ReplyError::UNBLOCKED);
    Ok(call.server.unblock(call.keys, id, error.as_ref()))
}

args! { Wait<'a> { numreplicas: i64, timeout: &'a [u8] } }

pub fn wait(call: &mut Call<'_>, args: Wait<'_>) -> Result<impl Reply + use<>> {
    let ms = number::parse_i64(args.timeout).ok_or(ReplyError::TIMEOUT_NOT_INTEGER)?;
    let ms = u64::try_from(ms).map_err(|_| ReplyError::TIMEOUT_NEGATIVE)?;
    if args.numreplicas <= 0 {
        return Ok(Either::A(0i64));
    }
    let deadline = Timeout::from_ms(ms).deadline(call.now());
    Ok(Either::B(call.park(Park { keys: Vec::new(), wants: None, deadline, otherwise: Otherwise::Integer(0) })))
}

/// Names are printable without spaces, so that CLIENT LIST stays one line a connection.
fn check_name(name: &[u8]) -> Result<()> {
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

pub fn client_info(call: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    let mut line = describe(call.session, call.now());
    line.push('\n');
    Ok(With(move |writer: &mut Writer<'_>| writer.verbatim(line.as_bytes())))
}

choice! {
    /// Which connections CLIENT LIST shows.
    Which<'a> { "TYPE" => Type(client_type: &'a [u8]), "ID" => Ids(client_id: Many<'a, &'a [u8]>) }
}

args! { ClientList<'a> { ; which: Option<Which<'a>> } }

pub fn client_list(call: &mut Call<'_>, args: ClientList<'_>) -> Result<impl Reply + use<>> {
    let chosen = Chosen::parse(args.which)?;
    let now = call.now();
    let mut sessions: Vec<&Session> = call.server.sessions.iter().chain([&*call.session]).collect();
    sort(&mut sessions, |one, other| one.id.cmp(&other.id));
    let mut text = String::new();
    for session in sessions.iter().filter(|session| chosen.admits(session)) {
        text.push_str(&describe(session, now));
        text.push('\n');
    }
    Ok(With(move |writer: &mut Writer<'_>| writer.verbatim(text.as_bytes())))
}

/// Sessions that a CLIENT command picks.
enum Chosen {
    All,
    Normal,
    PubSub,
    /// Masters and replicas: there are none here.
    None,
    Ids(Vec<SessionId>),
}

impl Chosen {
    fn parse(which: Option<Which<'_>>) -> Result<Self> {
        Ok(match which {
            None => Self::All,
            Some(Which::Type(name)) if is_token(name, "NORMAL") => Self::Normal,
            Some(Which::Type(name)) if is_token(name, "PUBSUB") => Self::PubSub,
            Some(Which::Type(name)) if ["MASTER", "REPLICA", "SLAVE"].iter().any(|known| is_token(name, known)) => Self::None,
            Some(Which::Type(name)) => return Err(ReplyError::bytes(&[b"ERR Unknown client type '", name, b"'"])),
            Some(Which::Ids(ids)) => Self::Ids(ids.iter().map(|id| parse_id(id?)).collect::<Result<_>>()?),
        })
    }

    fn admits(&self, session: &Session) -> bool {
        match self {
            Self::All => true,
            Self::Normal => session.subscriptions.is_empty(),
            Self::PubSub => !session.subscriptions.is_empty(),
            Self::None => false,
            Self::Ids(ids) => ids.contains(&session.id),
        }
    }
}

fn parse_id(word: &[u8]) -> Result<SessionId> {
    number::parse_i64(word).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0).map(SessionId).ok_or(ReplyError::CLIENT_ID)
}

/// One line of CLIENT LIST, with the fields that Redis 7.2 prints.
pub(crate) fn describe(session: &Session, now: Millis) -> String {
    let seconds = |since: Millis| now.saturating_sub(since).wrapping_div(1000);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let queued = session.queue.as_ref().map(|queue| queue.commands.len()).or(session.executing);
    let queued = queued.map_or(-1, |count| i64::try_from(count).unwrap_or(i64::MAX));
    let buffers = session.buffers;
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={queued} watch={} qbuf={} qbuf-free={} \
         argv-mem={} multi-mem=0 rbs=0 rbp=0 obl={} oll=0 omem=0 tot-mem={} events=r cmd={} user={} redir=-1 resp={} lib-name={} lib-ver={}",
        session.id.0,
        session.peer.addr,
        session.peer.laddr,
        session.peer.fd,
        text(&session.name),
        seconds(session.opened),
        seconds(session.last_used),
        flags(session),
        session.db,
        session.subscriptions.channels.len(),
        session.subscriptions.patterns.len(),
        session.subscriptions.shards.len(),
        session.watched.len(),
        buffers.query,
        buffers.query_free,
        buffers.argv,
        buffers.output,
        buffers.query.saturating_add(buffers.query_free).saturating_add(buffers.output),
        session.last_command,
        text(session.user_name()),
        if session.protocol == Protocol::Resp3 { 3 } else { 2 },
        text(&session.lib_name),
        text(&session.lib_version),
    )
}

/// The letters of `flags=`.
fn flags(session: &Session) -> String {
    let letters = [
        (!session.subscriptions.is_empty(), 'P'),
        (session.queue.is_some() || session.executing.is_some(), 'x'),
        (session.waiting.is_some(), 'b'),
        (session.watch_lost, 'd'),
        (session.closing, 'c'),
        (session.peer.addr.starts_with('/'), 'U'),
    ];
    let shown: String = letters.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect();
    if shown.is_empty() { String::from("N") } else { shown }
}

pub fn client_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "CLIENT subcommand [argument ...]. Subcommands:",
        "GETNAME",
        "    Tell the name of this connection.",
        "ID",
        "    Tell the number of this connection.",
        "INFO",
        "    Describe this connection in one line.",
        "LIST [TYPE normal|master|replica|pubsub] [ID id ...]",
        "    Describe connections, a line each.",
        "SETINFO LIB-NAME|LIB-VER value",
        "    Note the client's library.",
        "SETNAME name",
        "    Name this connection.",
        "UNBLOCK id [TIMEOUT|ERROR]",
        "    End the wait of a connection whose command blocks.",
        "HELP",
        "    Print this.",
    ]))
}
