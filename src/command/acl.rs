//! ACL: users and what they may do.

use super::args::{Arg, ArgKind, ArgSpec, Args, Many, NoArgs, Parse, args, is_token};
use super::reply::{Either, Help, Ok as Okay, Reply, With};
use super::{ADMIN, Row, category, client, every, rows};
#[cfg(feature = "server")]
use crate::acl::Acl;
use crate::acl::check::Denied;
use crate::acl::log::{self, Entry};
use crate::acl::rules::{Grammar, has_spaces};
use crate::acl::user::{CHANNELS, KEYS, SWITCHES, Selector, Sort, User};
use crate::acl::{DEFAULT, commands, sha256};
use crate::call::Call;
use crate::engine::Server;
use crate::error::{ReplyError, Result, c_string};
use crate::number;
use crate::pubsub::Kind;
use crate::resp::write::Writer;
use crate::session::Session;
use crate::time::Millis;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Server = [
        { "acl", since: "6.0.0", cost: "Depends on the subcommand", "Users and what they may do.", [
            { "acl|cat", cat as Cat, since: "6.0.0", cost: "O(N), N commands", flags: [NOSCRIPT, LOADING, STALE], reply: Array(&Bulk),
              "The categories of commands, or the commands of one." },
            { "acl|deluser", del_user as DelUser, since: "6.0.0", cost: "O(N), N connections", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Integer, "Removes users and closes their connections; answers how many there were." },
            { "acl|dryrun", dry_run as DryRun, since: "7.0.0", cost: "O(N), N arguments", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Any, arity: -4, "Whether a user may run a command, without running it." },
            { "acl|genpass", gen_pass as GenPass, since: "6.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE], reply: Bulk,
              "Makes up a password of 256 bits, or of so many." },
            { "acl|getuser", get_user as GetUser, since: "6.0.0", cost: "O(N), N rules", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Maybe(&Map(&Any)), "What a user may do." },
            { "acl|list", list as NoArgs, since: "6.0.0", cost: "O(N), N users", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Array(&Bulk), "All users as lines of a configuration file." },
            { "acl|load", load as NoArgs, since: "6.0.0", cost: "O(N), N users", flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Ok,
              "Reads the users anew from the ACL file." },
            { "acl|log", acl_log as Log, since: "6.0.0", cost: "O(N), N entries", flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Any,
              "What users were refused lately." },
            { "acl|save", save as NoArgs, since: "6.0.0", cost: "O(N), N users", flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Ok,
              "Writes the users to the ACL file." },
            { "acl|setuser", set_user as SetUser, since: "6.0.0", cost: "O(N), N rules", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Ok, "Makes a user, or changes one, by rules." },
            { "acl|users", users as NoArgs, since: "6.0.0", cost: "O(N), N users", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Array(&Bulk), "The names of all users." },
            { "acl|whoami", who_am_i as NoArgs, since: "6.0.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE], reply: Bulk,
              "The user that the connection speaks for." },
            { "acl|help", help as NoArgs, since: "6.0.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
        ] },
    ]
}

/// At most one word; more are told as the container tells them.
fn at_most_one<'a>(args: &mut Args<'a>, subcommand: &str) -> Result<Option<&'a [u8]>> {
    match *args.take_rest() {
        [] => Ok(None),
        [word] => Ok(Some(word)),
        _ => Err(ReplyError::subcommand_syntax(subcommand, "ACL")),
    }
}

// ---- users ------------------------------------------------------------------------------------------------------------------------------

fn grammar(server: &Server) -> Grammar {
    let all_channels = server.config.get(b"acl-pubsub-default") == Some(b"allchannels");
    Grammar { commands: commands::table(), all_channels }
}

args! { SetUser<'a> { username: &'a [u8], rule: Option<Many<'a, &'a [u8]>> } }

pub fn set_user(call: &mut Call<'_>, args: SetUser<'_>) -> Result<Okay> {
    let name = args.username;
    call.redact(name);
    args.rule.iter().flat_map(|rules| rules.words()).for_each(|word| call.redact(word));
    if has_spaces(name) {
        return Err(ReplyError::err("Usernames can't contain spaces or null characters"));
    }
    let words = args.rule.map_or(&[][..], |rules| rules.words());
    let user = call.server.acl.changed(name, words, &grammar(call.server));
    let user = user.map_err(|text| ReplyError::bytes(&[b"ERR ", &text]))?;
    let lost = call.server.acl.user(name).is_some_and(|before| loses_channels(before, &user));
    call.server.acl.put(user);
    let held = call.server.acl.held(name);
    each_session(call, &mut |session| {
        if session.user_name() != name {
            return false;
        }
        session.user.clone_from(&held);
        lost && held.as_ref().is_some_and(|user| listens_in_vain(session, user))
    });
    Ok(Okay)
}

/// Whether a user loses the right to channels that it had.
fn loses_channels(before: &User, after: &User) -> bool {
    if after.selectors.iter().any(|selector| selector.all & CHANNELS != 0) {
        return false;
    }
    let has = |word: &(Sort, Vec<u8>)| after.selectors.iter().any(|selector| selector.words.contains(word));
    let kept =
        |selector: &Selector| selector.all & CHANNELS == 0 && selector.words.iter().all(|word| word.0 != CHANNELS || has(word));
    !before.selectors.iter().all(kept)
}

/// Whether a session is subscribed to something that its user may not listen to.
fn listens_in_vain(session: &Session, user: &User) -> bool {
    [Kind::Channel, Kind::Pattern, Kind::Shard].iter().any(|kind| {
        let names = session.subscriptions.of(*kind);
        !names.iter().all(|name| user.may_hear(name, *kind == Kind::Pattern))
    })
}

/// Shows every session to `look`, and closes those for which it says so: the running one after its reply.
fn each_session(call: &mut Call<'_>, look: &mut dyn FnMut(&mut Session) -> bool) {
    let mut ids = Vec::new();
    for session in call.server.sessions.iter_mut() {
        if look(session) {
            ids.push(session.id);
        }
    }
    call.session.closing |= look(call.session);
    for id in ids {
        call.server.dismiss(call.keys, id);
    }
}

/// Closes the connections of users that are no more. Until they are closed they may nothing.
fn dismiss_users(call: &mut Call<'_>, gone: &dyn Fn(&[u8]) -> bool) {
    let held = call.server.acl.held(DEFAULT);
    each_session(call, &mut |session| {
        let goes = session.user_name() != DEFAULT && gone(session.user_name());
        if goes || session.user_name() == DEFAULT {
            session.user.clone_from(&held);
            session.authenticated &= !goes;
        }
        goes
    });
}

args! { DelUser<'a> { username: Many<'a, &'a [u8]> } }

pub fn del_user(call: &mut Call<'_>, args: DelUser<'_>) -> Result<usize> {
    let names = args.username.words();
    names.iter().for_each(|name| call.redact(name));
    if names.contains(&DEFAULT) {
        return Err(ReplyError::err("The 'default' user cannot be removed"));
    }
    let gone = |name: &[u8]| names.contains(&name);
    let deleted = call.server.acl.remove(&gone);
    dismiss_users(call, &gone);
    Ok(deleted)
}

args! { GetUser<'a> { username: &'a [u8] } }

pub fn get_user(call: &mut Call<'_>, args: GetUser<'_>) -> Result<impl Reply + use<>> {
    Ok(call.server.acl.user(args.username).cloned().map(|user| With(move |writer: &mut Writer<'_>| write_user(writer, &user))))
}

fn write_user(writer: &mut Writer<'_>, user: &User) {
    let table = commands::table();
    writer.map(6);
    writer.bulk(b"flags");
    let words = SWITCHES.iter().filter(|(switch, _)| user.has(*switch));
    writer.set(words.clone().count());
    for (_, word) in words {
        writer.bulk(word.as_bytes());
    }
    writer.bulk(b"passwords");
    writer.array(user.passwords.len());
    for (_, hash) in &user.passwords {
        writer.bulk(hash);
    }
    for (at, selector) in user.selectors.iter().enumerate() {
        if at > 0 {
            writer.map(3);
        }
        write_selector(writer, selector, &table);
        if at == 0 {
            writer.bulk(b"selectors");
            writer.array(user.selectors.len().saturating_sub(1));
        }
    }
}

fn write_selector(writer: &mut Writer<'_>, selector: &Selector, table: &[commands::Known]) {
    for (name, sort) in [("commands", 0), ("keys", KEYS), ("channels", CHANNELS)] {
        let mut text = Vec::new();
        if sort == 0 {
            selector.put_commands(table, &mut text);
        } else {
            selector.put_words(sort, &mut text);
        }
        writer.bulk(name.as_bytes());
        writer.bulk(text.strip_suffix(b" ").unwrap_or(&text));
    }
}

pub fn list(call: &mut Call<'_>, _: NoArgs) -> Result<Vec<Vec<u8>>> {
    Ok(call.server.acl.lines())
}

pub fn users(call: &mut Call<'_>, _: NoArgs) -> Result<Vec<Vec<u8>>> {
    Ok(call.server.acl.users().iter().map(|user| user.name.clone()).collect())
}

pub fn who_am_i(call: &mut Call<'_>, _: NoArgs) -> Result<Vec<u8>> {
    Ok(call.session.user_name().to_vec())
}

// ---- the file ---------------------------------------------------------------------------------------------------------------------------

/// Where there is no server there are no files.
#[cfg(not(feature = "server"))]
pub fn load(_: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    Err(ReplyError::NO_ACL_FILE)
}

#[cfg(not(feature = "server"))]
pub fn save(_: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    Err(ReplyError::NO_ACL_FILE)
}

/// The name of the ACL file.
#[cfg(feature = "server")]
fn file(server: &Server) -> Result<Vec<u8>> {
    let name = server.config.get(b"aclfile").filter(|name| !name.is_empty());
    name.map(<[u8]>::to_vec).ok_or(ReplyError::NO_ACL_FILE)
}

#[cfg(feature = "server")]
pub fn load(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    file(call.server)?;
    call.server.load_users().map_err(|text| ReplyError::bytes(&[b"ERR ", &text]))?;
    dismiss_users(call, &|_| true);
    Ok(Okay)
}

#[cfg(feature = "server")]
impl Server {
    /// Reads all users from the ACL file: at the start, and for ACL LOAD.
    ///
    /// # Errors
    /// A sentence; nothing has changed then.
    pub fn load_users(&mut self) -> Result<(), Vec<u8>> {
        let name = file(self).map_err(|error| error.as_bytes().to_vec())?;
        let text = self
            .host
            .as_mut()
            .map_or(Ok(Vec::new()), |host| host.read_file(&name))
            .map_err(|reason| [b"Error loading ACLs, opening file '", &name[..], b"': ", reason.as_bytes()].concat())?;
        self.acl.replace(Acl::read(&name, &text, grammar(self).all_channels)?);
        Ok(())
    }
}

#[cfg(feature = "server")]
pub fn save(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    let name = file(call.server)?;
    let mut text = call.server.acl.lines().join(&b'\n');
    text.push(b'\n');
    match call.server.host.as_mut().map(|host| host.write_file(&name, &text)) {
        Some(Ok(())) => Ok(Okay),
        _ => {
            Err(ReplyError::err("There was an error trying to save the ACLs. Please check the server logs for more information"))
        }
    }
}

// ---- commands ---------------------------------------------------------------------------------------------------------------------------

/// A category, if any.
pub struct Cat<'a>(Option<&'a [u8]>);

impl<'a> Parse<'a> for Cat<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::String).named("categoryname").optional()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        at_most_one(args, "CAT").map(Self)
    }
}

pub fn cat(_: &mut Call<'_>, args: Cat<'_>) -> Result<Vec<&'static [u8]>> {
    let Some(name) = args.0 else { return Ok(category::NAMES.iter().map(|name| name.as_bytes()).collect()) };
    let shown = c_string(name).get(..128).unwrap_or(c_string(name));
    let wanted = category::named(name).ok_or_else(|| ReplyError::bytes(&[b"ERR Unknown category '", shown, b"'"]))?;
    Ok(every().filter(|row| category::of(row) & wanted != 0).map(|row| row.name.as_bytes()).collect())
}

/// A user's name and a request.
pub struct DryRun<'a> {
    username: &'a [u8],
    request: &'a [&'a [u8]],
}

impl<'a> Parse<'a> for DryRun<'a> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::String).named("username"),
        ArgSpec::new(ArgKind::String).named("command"),
        ArgSpec::new(ArgKind::String).named("arg").optional().multiple(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { username: args.word()?, request: args.take_rest() })
    }
}

pub fn dry_run(call: &mut Call<'_>, args: DryRun<'_>) -> Result<impl Reply + use<>> {
    let missing = |what: &str, name: &[u8]| ReplyError::bytes(&[b"ERR ", what.as_bytes(), b" '", c_string(name), b"' not found"]);
    let user = call.server.acl.user(args.username).ok_or_else(|| missing("User", args.username))?;
    let name = args.request.first().copied().unwrap_or_default();
    let row = call.server.registry.asked_for(args.request).ok_or_else(|| missing("Command", name))?;
    if !row.accepts(args.request.len()) {
        return Err(ReplyError::wrong_arity(row.name));
    }
    let word = |at: usize| args.request.get(at).copied().map(c_string).unwrap_or_default();
    let (verb, object, kind): (&str, &[u8], &str) = match user.check(&call.server.registry, row, args.request) {
        Ok(()) => return Ok(Either::A(Okay)),
        Err(Denied::Command) => ("run", row.name.as_bytes(), "command"),
        Err(Denied::Key(at)) => ("access", word(at), "key"),
        Err(Denied::Channel(at)) => ("access", word(at), "channel"),
    };
    let parts = [b"This user has no permissions to ", verb.as_bytes(), b" the '", object, b"' ", kind.as_bytes()];
    Ok(Either::B(parts.concat()))
}

/// How many bits, if that is said.
pub struct GenPass<'a>(Option<&'a [u8]>);

impl<'a> Parse<'a> for GenPass<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::Integer).named("bits").optional()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        at_most_one(args, "GENPASS").map(Self)
    }
}

/// Hexadecimal digits. They are as hard to guess as the host's randomness; without a host, as the engine's seed.
pub fn gen_pass(call: &mut Call<'_>, args: GenPass<'_>) -> Result<Vec<u8>> {
    let bits = args.0.map_or(Ok(256), |word| number::parse_i64(word).ok_or(ReplyError::NOT_INTEGER))?;
    let digits = usize::try_from(bits.saturating_add(3).wrapping_div(4)).unwrap_or(0);
    if !(1..=4096).contains(&bits) {
        return Err(ReplyError::err(
            "ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    let mut password = Vec::new();
    while password.len() < digits {
        let mut secret = [0; 40];
        if let Some(host) = &mut call.server.host {
            host.random(&mut secret);
        }
        let own = call.server.rng.draw().to_le_bytes();
        password.extend(sha256::hex(&[&secret[..], &own].concat()));
    }
    password.truncate(digits);
    Ok(password)
}

// ---- what was refused -------------------------------------------------------------------------------------------------------------------

/// `[count | RESET]`.
pub struct Log<'a>(Option<&'a [u8]>);

impl<'a> Parse<'a> for Log<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::of(
        ArgKind::OneOf,
        &[<i64 as Arg<'a>>::SPEC.named("count"), ArgSpec::new(ArgKind::PureToken).named("reset").with_token("RESET")],
    )
    .named("operation")
    .optional()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        at_most_one(args, "LOG").map(Self)
    }
}

pub fn acl_log<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Log<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    let count = match args.0 {
        None => 10,
        Some(word) if is_token(word, "RESET") => {
            call.server.acl.log.clear();
            return Ok(Either::A(Okay));
        }
        Some(word) => number::parse_i64(word).ok_or(ReplyError::NOT_INTEGER)?,
    };
    let count = usize::try_from(count).unwrap_or(0).min(call.server.acl.log.len());
    Ok(Either::B(With(move |writer: &mut Writer<'_>| {
        writer.array(count);
        for entry in call.server.acl.log.iter().take(count) {
            write_entry(writer, entry, call.now());
        }
    })))
}

fn write_entry(writer: &mut Writer<'_>, entry: &Entry, now: Millis) {
    let texts: [(&str, &[u8]); 4] = [
        ("reason", entry.reason.as_bytes()),
        ("context", entry.context.as_bytes()),
        ("object", &entry.object),
        ("username", &entry.username),
    ];
    writer.map(7);
    writer.bulk(b"count");
    entry.count.write(writer);
    for (name, text) in texts {
        writer.bulk(name.as_bytes());
        writer.bulk(text);
    }
    writer.bulk(b"age-seconds");
    writer.double(now.saturating_sub(entry.at) as f64 / 1000.0);
    writer.bulk(b"client-info");
    writer.bulk(&entry.client);
}

/// Logs a refusal. Its object is a command, a key, a channel, or for `auth` the command that was to authenticate.
pub(crate) fn refused(
    server: &mut Server,
    session: &Session,
    now: Millis,
    reason: &'static str,
    (object, username): (&[u8], &[u8]),
) {
    let in_transaction = session.queue.is_some() || session.executing.is_some();
    let mut about = Vec::new();
    client::describe(session, now, true, &mut about);
    let entry = Entry {
        count: 1,
        reason,
        context: if in_transaction { "multi" } else { "toplevel" },
        object: object.to_vec(),
        username: username.to_vec(),
        at: now,
        client: about,
    };
    let most = usize::try_from(server.config.number("acllog-max-len")).unwrap_or(usize::MAX);
    log::add(&mut server.acl.log, entry, most);
}

/// Whether the session's user may run a request; a refusal is logged.
///
/// # Errors
/// What the user lacks.
pub(crate) fn check(server: &mut Server, session: &Session, now: Millis, row: &Row, argv: &[&[u8]]) -> Result<(), Denied> {
    let Some(user) = session.user.as_ref().filter(|_| ADMIN) else { return Ok(()) };
    let Err(denied) = user.check(&server.registry, row, argv) else { return Ok(()) };
    let word = |at: usize| argv.get(at).copied().unwrap_or_default();
    let (reason, object) = match denied {
        Denied::Command => ("command", row.name.as_bytes()),
        Denied::Key(at) => ("key", word(at)),
        Denied::Channel(at) => ("channel", word(at)),
    };
    refused(server, session, now, reason, (object, &user.name));
    Err(denied)
}

pub fn help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "ACL subcommand [argument ...]. Subcommands:",
        "CAT [category]",
        "    Name the categories, or the commands of one.",
        "DELUSER username [username ...]",
        "    Remove users.",
        "DRYRUN username command [argument ...]",
        "    Tell whether a user may run a command.",
        "GENPASS [bits]",
        "    Make up a password.",
        "GETUSER username",
        "    Tell what a user may do.",
        "LIST",
        "    Tell all users as lines of a configuration file.",
        "LOAD",
        "    Read the ACL file.",
        "LOG [count | RESET]",
        "    Tell what was refused.",
        "SAVE",
        "    Write the ACL file.",
        "SETUSER username [rule ...]",
        "    Make or change a user.",
        "USERS",
        "    Name all users.",
        "WHOAMI",
        "    Name the user of this connection.",
        "HELP",
        "    Print this.",
    ]))
}
