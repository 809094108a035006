//! RESP2 and RESP3 replies, read without help from the crate that is being tested.

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Int(i64),
    Bulk(Vec<u8>),
    /// `$-1` in RESP2, `_` in RESP3.
    Null,
    /// `*-1`, which only RESP2 has.
    NullArray,
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    /// The digits as sent: their formatting is part of the contract.
    Double(Vec<u8>),
    Bool(bool),
    BigNumber(Vec<u8>),
    /// Three letters of format, then the text.
    Verbatim(Vec<u8>, Vec<u8>),
}

impl Value {
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }

    /// The bytes of anything that is text or a number; `None` for nulls and aggregates.
    pub fn text(&self) -> Option<Vec<u8>> {
        match self {
            Value::Simple(t) | Value::Error(t) | Value::Bulk(t) | Value::Double(t) | Value::Verbatim(_, t) => Some(t.clone()),
            Value::Int(n) => Some(n.to_string().into_bytes()),
            _ => None,
        }
    }

    /// The elements of an array, set or push; empty for anything else.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items,
            _ => &[],
        }
    }
}

/// A command in the form clients send it.
pub fn encode(argv: &[Vec<u8>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", argv.len()).into_bytes();
    for arg in argv {
        out.extend(format!("${}\r\n", arg.len()).bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Reads one reply. `Ok(None)`: more bytes are needed. `Err`: these bytes are no RESP.
pub fn decode(input: &[u8]) -> Result<Option<(Value, usize)>, String> {
    let Some(end) = input.windows(2).position(|w| w == b"\r\n") else { return Ok(None) };
    let (kind, head) = (input[0], &input[1..end]);
    let after = end + 2;
    let number = || -> Result<i64, String> {
        let text = String::from_utf8_lossy(head);
        text.parse().map_err(|_| format!("not a number in a reply header: {text:?}"))
    };
    let done = |value| Ok(Some((value, after)));
    match kind {
        b'+' => done(Value::Simple(head.to_vec())),
        b'-' => done(Value::Error(head.to_vec())),
        b':' => done(Value::Int(number()?)),
        b'_' => done(Value::Null),
        b',' => done(Value::Double(head.to_vec())),
        b'#' => done(Value::Bool(head == b"t")),
        b'(' => done(Value::BigNumber(head.to_vec())),
        b'$' | b'=' => {
            let len = number()?;
            if len < 0 {
                return done(Value::Null);
            }
            let stop = after + len as usize;
            if input.len() < stop + 2 {
                return Ok(None);
            }
            if &input[stop..stop + 2] != b"\r\n" {
                return Err(format!("bulk of {len} bytes is not followed by CRLF"));
            }
            let text = &input[after..stop];
            let value =
                if kind == b'$' { Value::Bulk(text.to_vec()) } else { Value::Verbatim(text[..3].to_vec(), text[4..].to_vec()) };
            Ok(Some((value, stop + 2)))
        }
        b'*' | b'~' | b'>' | b'%' => {
            let len = number()?;
            if len < 0 {
                return done(Value::NullArray);
            }
            let count = if kind == b'%' { len * 2 } else { len };
            let mut items = Vec::new();
            let mut at = after;
            for _ in 0..count {
                let Some((item, used)) = decode(&input[at..])? else { return Ok(None) };
                items.push(item);
                at += used;
            }
            let value = match kind {
                b'*' => Value::Array(items),
                b'~' => Value::Set(items),
                b'>' => Value::Push(items),
                _ => {
                    let mut pairs = Vec::new();
                    let mut items = items.into_iter();
                    while let (Some(key), Some(value)) = (items.next(), items.next()) {
                        pairs.push((key, value));
                    }
                    Value::Map(pairs)
                }
            };
            Ok(Some((value, at)))
        }
        other => {
            Err(format!("unknown reply type {:?} in {:?}", other as char, String::from_utf8_lossy(&input[..input.len().min(80)])))
        }
    }
}
