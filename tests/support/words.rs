//! Commands as one readable line: words parted by spaces, quotes for anything else, `\xNN` for any byte.

/// Splits a line into arguments. Double quotes understand `\n \r \t \\ \" \xNN`; a bare word is taken as it stands.
pub fn split(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let bytes = line.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        while at < bytes.len() && bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        if at == bytes.len() {
            return Ok(words);
        }
        if bytes[at] == b'"' {
            let (word, next) = quoted(bytes, at)?;
            words.push(word);
            at = next;
            if at < bytes.len() && !bytes[at].is_ascii_whitespace() {
                return Err(format!("text right after a closing quote in: {line}"));
            }
        } else {
            let start = at;
            while at < bytes.len() && !bytes[at].is_ascii_whitespace() {
                at += 1;
            }
            words.push(bytes[start..at].to_vec());
        }
    }
}

/// Reads the quoted text that opens at `at`; answers its bytes and the position after the closing quote.
pub fn quoted(bytes: &[u8], at: usize) -> Result<(Vec<u8>, usize), String> {
    let mut out = Vec::new();
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'"' => return Ok((out, i + 1)),
            b'\\' => {
                let (byte, used) = escape(&bytes[i..])?;
                out.push(byte);
                i += used;
            }
            other => {
                out.push(other);
                i += 1;
            }
        }
    }
    Err(format!("no closing quote in: {}", String::from_utf8_lossy(bytes)))
}

fn escape(text: &[u8]) -> Result<(u8, usize), String> {
    match text.get(1) {
        Some(b'n') => Ok((b'\n', 2)),
        Some(b'r') => Ok((b'\r', 2)),
        Some(b't') => Ok((b'\t', 2)),
        Some(b'\\') => Ok((b'\\', 2)),
        Some(b'"') => Ok((b'"', 2)),
        Some(b'x') => {
            let digits = text.get(2..4).and_then(|d| std::str::from_utf8(d).ok()).unwrap_or("");
            u8::from_str_radix(digits, 16).map(|byte| (byte, 4)).map_err(|_| format!("\\x wants two hex digits, not {digits:?}"))
        }
        other => Err(format!("unknown escape \\{:?}", other.map(|b| *b as char))),
    }
}

/// Resolves the escapes of a whole text (raw protocol bytes are written so).
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'\\' {
            let (byte, used) = escape(&bytes[i..])?;
            out.push(byte);
            i += used;
        } else {
            out.push(bytes[i]);
            i += 1;
        }
    }
    Ok(out)
}

/// Bytes as quoted text that `quoted` reads back.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() => out.extend(c.to_string().bytes().map(|b| format!("\\x{b:02x}"))),
                c => out.push(c),
            }
        }
        out.extend(chunk.invalid().iter().map(|b| format!("\\x{b:02x}")));
    }
    out.push('"');
    out
}

/// One argument as it is written in a command line: bare where that is unambiguous.
pub fn word(bytes: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'\'');
    if !bytes.is_empty() && bytes.iter().all(plain) { String::from_utf8_lossy(bytes).into_owned() } else { quote(bytes) }
}

/// A whole command as one line.
pub fn line(argv: &[Vec<u8>]) -> String {
    argv.iter().map(|a| word(a)).collect::<Vec<_>>().join(" ")
}
