//! Connection: PING, HELLO, AUTH, SELECT.

use super::args::{ArgKind, ArgSpec, Args, DbIndex, NoArgs, Parse, Timeout, args, is_token};
use super::client::check_name;
use super::reply::{Either, Ok as Okay, Reply, With};
use super::{acl, rows, transaction};
use crate::acl::DEFAULT;
use crate::blocking::{Otherwise, Park};
use crate::call::Call;
use crate::error::{ReplyError, Result, c_string};
use crate::number;
use crate::pubsub::Subscriptions;
use crate::resp::Protocol;
use crate::resp::write::Writer;
use crate::session::Silence;
use alloc::vec::Vec;

/// The Redis version whose behaviour this engine has; what HELLO and INFO answer to clients that ask.
pub const REDIS_VERSION: &str = "7.0.15";

rows! {
    pub(super) static ROWS: Connection = [
        { "auth", auth as Auth, since: "1.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY], reply: Ok, arity: -2,
          "Authenticates the connection." },
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
    call.end_tracking();
    call.server.end_monitoring(call.session.id);
    call.session.monitors = false;
    call.session.silence = Silence::None;
    (call.session.no_evict, call.session.no_touch) = (false, false);
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
    call.redact(args.password);
    if args.username.is_none() && call.server.acl.is_open() {
        return Err(ReplyError::NO_PASSWORD_SET);
    }
    authenticate(call, args.username.unwrap_or(DEFAULT), args.password)?;
    Ok(Okay)
}

fn authenticate(call: &mut Call<'_>, username: &[u8], password: &[u8]) -> Result<()> {
    call.redact(username);
    call.redact(password);
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
                _ => return Err(ReplyError::bytes(&[b"ERR Syntax error in HELLO option '", c_string(option), b"'"])),
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

// ---- WAIT ------------------------------------------------------------------------------------------------------------------------------

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
