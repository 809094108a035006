//! Wire wording: every error text that a client can read, in one file.
//!
//! A [`ReplyError`] is a command's failure as Redis words it: an upper-case code, a space, a sentence. Protocol errors (bytes that are
//! no request at all) are [`ProtocolError`]; a broken invariant is neither and has no wording.

mod text;

use crate::acl::check::Denied;
use alloc::string::String;
use alloc::vec::Vec;
use text::Text;

/// A command's error reply, without the leading `-` and the line end.
#[derive(Clone, Debug)]
pub struct ReplyError(Text);

impl PartialEq for ReplyError {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ReplyError {}

/// The result of a command.
pub type Result<T, E = ReplyError> = core::result::Result<T, E>;

macro_rules! wording {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl ReplyError { $($(#[$doc])* pub const $name: Self = Self(Text::fixed(&$text));)* }
    };
}

wording! {
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    NOT_HYPERLOGLOG = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    CORRUPT_HYPERLOGLOG = "INVALIDOBJ Corrupted HLL object detected";
    GEO_UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI";
    SYNTAX = "ERR syntax error";
    /// What a parser that does not know its command's name says; `command::run` words it with the name.
    SYNTAX_ARITY = "ERR wrong number of arguments";
    NUMKEYS_NOT_POSITIVE = "ERR numkeys should be greater than 0";
    NUMKEYS_TOO_MANY = "ERR Number of keys can't be greater than number of args";
    NOT_INTEGER = "ERR value is not an integer or out of range";
    NOT_INT32 = "ERR value is out of range, value must between -2147483648 and 2147483647";
    NOT_FLOAT = "ERR value is not a valid float";
    OUT_OF_RANGE = "ERR value is out of range";
    SAMPLE_RANGE = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    NOT_POSITIVE = "ERR value is out of range, must be positive";
    OVERFLOW = "ERR increment or decrement would overflow";
    SCORE_NAN = "ERR resulting score is not a number (NaN)";
    SCORE_BOUND = "ERR min or max is not a float";
    MEMBER_BOUND = "ERR min or max not valid string range item";
    NAN_OR_INFINITY = "ERR increment would produce NaN or Infinity";
    TIMEOUT_NOT_FLOAT = "ERR timeout is not a float or out of range";
    TIMEOUT_NOT_INTEGER = "ERR timeout is not an integer or out of range";
    TIMEOUT_RANGE = "ERR timeout is out of range";
    STREAM_ID = "ERR Invalid stream ID specified as stream command argument";
    INTERVAL_START = "ERR invalid start ID for the interval";
    INTERVAL_END = "ERR invalid end ID for the interval";
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    NO_SUCH_KEY = "ERR no such key";
    INDEX_OUT_OF_RANGE = "ERR index out of range";
    RANK_ZERO = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
    SAME_OBJECT = "ERR source and destination objects are the same";
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
    BIT_OFFSET = "ERR bit offset is not an integer or out of range";
    BIT_VALUE = "ERR bit is not an integer or out of range";
    INVALID_CURSOR = "ERR invalid cursor";
    DB_INDEX = "ERR DB index is out of range";
    OOM = "OOM command not allowed when used memory > 'maxmemory'.";
    /// The reply or the value would not fit into the memory this engine may use.
    MEMORY = "OOM not enough memory for this command";
    DEBUG_NOT_ALLOWED = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";
    MODULE_NOT_ALLOWED = "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";
    NOT_BUSY = "NOTBUSY No scripts in execution right now.";
    NO_AUTH = "NOAUTH Authentication required.";
    NO_KEY_PERMISSION = "NOPERM this user has no permissions to access one of the keys used as arguments";
    NO_CHANNEL_PERMISSION = "NOPERM this user has no permissions to access one of the channels used as arguments";
    WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
    NO_ACL_FILE = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.";
    NO_PASSWORD_SET = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
    HELLO_NO_AUTH = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    NO_PROTO = "NOPROTO unsupported protocol version";
    CLIENT_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";
    CLIENT_ID = "ERR Invalid client ID";
    NOT_LFU = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    NOT_LRU = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    IO = "IOERR error or timeout connecting to the client";
    IO_WRITING = "IOERR error or timeout writing to target instance";
    IO_READING = "IOERR error or timeout reading from target instance";
    NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
    BUSY_KEY = "BUSYKEY Target key name already exists.";
    NO_REPLICAS = "NOREPLICAS Not enough good replicas to write.";
    EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
    NESTED_MULTI = "ERR MULTI calls can not be nested";
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    WATCH_IN_MULTI = "ERR WATCH inside MULTI is not allowed";
    NOT_IN_MULTI = "ERR Command not allowed inside a transaction";
}

impl ReplyError {
    /// An error of generic code: `ERR` and the sentence given.
    pub fn err(sentence: &str) -> Self {
        Self::text(&["ERR ", sentence])
    }

    /// The parts, joined; the first must begin with the code.
    pub fn text(parts: &[&str]) -> Self {
        Self(Text::made(parts.concat().into_bytes()))
    }

    /// The parts, joined, where some are bytes of the request; line ends in them become spaces so that they cannot forge a reply.
    pub fn bytes(parts: &[&[u8]]) -> Self {
        let mut text: Vec<u8> = parts.concat();
        for byte in &mut text {
            if matches!(*byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        Self(Text::made(text))
    }

    pub fn wrong_arity(command: &str) -> Self {
        Self::text(&["ERR wrong number of arguments for '", command, "' command"])
    }

    pub fn invalid_expire(command: &str) -> Self {
        Self::text(&["ERR invalid expire time in '", command, "' command"])
    }

    /// What a RESP2 session that is subscribed hears about other commands.
    pub fn while_subscribed(command: &str) -> Self {
        Self::text(&[
            "ERR Can't execute '",
            command,
            "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        ])
    }

    pub fn unknown_command(argv: &[&[u8]]) -> Self {
        let (name, rest) = argv.split_first().map_or((&b""[..], &[][..]), |(name, rest)| (*name, rest));
        let mut shown = Vec::new();
        for arg in rest {
            if shown.len() >= 128 {
                break;
            }
            let room = 128usize.saturating_sub(shown.len());
            shown.push(b'\'');
            shown.extend(arg.iter().take_while(|&&byte| byte != 0).take(room));
            shown.extend_from_slice(b"' ");
        }
        let name: Vec<u8> = name.iter().take_while(|&&byte| byte != 0).take(128).copied().collect();
        Self::bytes(&[b"ERR unknown command '", &name, b"', with args beginning with: ", &shown])
    }

    pub fn unknown_subcommand(given: &[u8], container: &str) -> Self {
        let given: Vec<u8> = given.iter().take(128).copied().collect();
        Self::bytes(&[b"ERR unknown subcommand '", &given, b"'. Try ", container.as_bytes(), b" HELP."])
    }

    /// What a container says to words that do not fit its subcommand.
    pub fn subcommand_syntax(subcommand: &str, container: &str) -> Self {
        Self::text(&["ERR unknown subcommand or wrong number of arguments for '", subcommand, "'. Try ", container, " HELP."])
    }

    /// There is no such consumer group, or not even its key; `context` ends the sentence.
    pub fn no_such_group(key: &[u8], group: &[u8], context: &str) -> Self {
        let (key, group) = (c_string(key), c_string(group));
        Self::bytes(&[b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'", context.as_bytes()])
    }

    /// A stream has no such consumer group.
    pub fn no_group_in_key(key: &[u8], group: &[u8]) -> Self {
        Self::bytes(&[b"NOGROUP No such consumer group '", c_string(group), b"' for key name '", c_string(key), b"'"])
    }

    /// What EXEC answers where it is refused itself.
    pub fn exec_abort(cause: &Self) -> Self {
        Self::bytes(&[b"EXECABORT Transaction discarded because of: ", cause.sentence()])
    }

    /// What a user hears who may not run a request.
    pub fn no_permission(command: &str, denied: Denied) -> Self {
        match denied {
            Denied::Command => Self::text(&["NOPERM this user has no permissions to run the '", command, "' command"]),
            Denied::Key(_) => Self::NO_KEY_PERMISSION,
            Denied::Channel(_) => Self::NO_CHANNEL_PERMISSION,
        }
    }

    /// The same inside EXEC, of a request that was allowed when it was queued.
    pub fn no_permission_any_more(denied: Denied) -> Self {
        let reason = match denied {
            Denied::Command => "no permission to execute the command or subcommand",
            Denied::Key(_) => "no permission to touch the specified keys",
            Denied::Channel(_) => "no permission to access one of the channels used as arguments",
        };
        Self::text(&[
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. \
             This command is no longer allowed for the following reason: ",
            reason,
        ])
    }

    /// The text behind the code `ERR`.
    pub fn sentence(&self) -> &[u8] {
        self.as_bytes().strip_prefix(b"ERR ").unwrap_or(self.as_bytes())
    }

    /// The whole text: code, space, sentence.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The code: the first word (`ERR`, `WRONGTYPE`, `OOM` …).
    pub fn code(&self) -> &[u8] {
        self.as_bytes().split(|&byte| byte == b' ').next().unwrap_or(&[])
    }
}

/// Bytes as C prints them: up to the first zero.
pub(crate) fn c_string(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or(&[])
}

impl core::fmt::Display for ReplyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl core::error::Error for ReplyError {}

/// Bytes that are not a request. The session cannot go on: the shell sends what was written and closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    InvalidMultibulkLength,
    InvalidBulkLength,
    ExpectedDollar(u8),
    UnauthenticatedMultibulk,
    UnauthenticatedBulk,
    BigInline,
    BigCountLine,
    BigBulkLine,
    UnbalancedQuotes,
    /// A browser or HTTP client that was led to this port (`POST`, `Host:`): closed without an answer.
    CrossProtocol,
}

impl ProtocolError {
    /// The reply's text without `-` and line end, or `None` where the connection is closed silently.
    pub fn wording(&self) -> Option<Vec<u8>> {
        let sentence: &[u8] = match self {
            Self::InvalidMultibulkLength => b"invalid multibulk length",
            Self::InvalidBulkLength => b"invalid bulk length",
            Self::ExpectedDollar(got) => {
                let got = if matches!(got, b'\r' | b'\n') { b' ' } else { *got };
                return Some([b"ERR Protocol error: expected '$', got '", &[got][..], b"'"].concat());
            }
            Self::UnauthenticatedMultibulk => b"unauthenticated multibulk length",
            Self::UnauthenticatedBulk => b"unauthenticated bulk length",
            Self::BigInline => b"too big inline request",
            Self::BigCountLine => b"too big mbulk count string",
            Self::BigBulkLine => b"too big bulk count string",
            Self::UnbalancedQuotes => b"unbalanced quotes in request",
            Self::CrossProtocol => return None,
        };
        Some([b"ERR Protocol error: ", sentence].concat())
    }
}

impl core::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.wording() {
            Some(text) => f.write_str(&String::from_utf8_lossy(&text)),
            None => f.write_str("HTTP request on a RESP port"),
        }
    }
}

impl core::error::Error for ProtocolError {}
