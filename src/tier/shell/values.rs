//! redis-rs's values as this crate's.

extern crate std;

use crate::error::ReplyError;
use crate::resp::read::Value;
use alloc::vec::Vec;

pub(super) fn value(value: redis::Value) -> Value {
    match value {
        redis::Value::Nil => Value::Null,
        redis::Value::Int(number) => Value::Integer(number),
        redis::Value::BulkString(bytes) => Value::Bytes(bytes),
        redis::Value::Array(values) => Value::Array(values.into_iter().map(self::value).collect()),
        redis::Value::SimpleString(text) => Value::Status(text.into_bytes()),
        redis::Value::Okay => Value::Status(b"OK".to_vec()),
        redis::Value::Map(pairs) => Value::Map(pairs.into_iter().map(|(key, of)| (self::value(key), self::value(of))).collect()),
        redis::Value::Attribute { data, .. } => self::value(*data),
        redis::Value::Set(values) => Value::Set(values.into_iter().map(self::value).collect()),
        redis::Value::Double(number) => Value::Double(number),
        redis::Value::Boolean(truth) => Value::Boolean(truth),
        redis::Value::VerbatimString { text, .. } => Value::Bytes(text.into_bytes()),
        redis::Value::BigNumber(digits) => {
            Value::Bytes(std::string::ToString::to_string(&std::string::String::from_utf8_lossy(&digits)).into_bytes())
        }
        redis::Value::Push { data, .. } => Value::Push(data.into_iter().map(self::value).collect()),
        redis::Value::ServerError(error) => Value::Error(words(&error)),
        _ => Value::Null,
    }
}

/// An error as Redis said it: redis-rs takes the first word off.
fn words(error: &redis::ServerError) -> ReplyError {
    let (code, detail) = (error.code().as_bytes(), error.details().unwrap_or_default().as_bytes());
    if detail.is_empty() { ReplyError::bytes(&[code]) } else { ReplyError::bytes(&[code, b" ", detail]) }
}

/// The words of a server that lets nobody in; `None` for other failures.
pub(super) fn refusal(error: &redis::RedisError) -> Option<Vec<u8>> {
    let refused = matches!(error.kind(), redis::ErrorKind::AuthenticationFailed)
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    refused.then(|| std::string::ToString::to_string(error).into_bytes())
}
