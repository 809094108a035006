//! Knows, without reading anything twice, when a request that arrives in pieces is whole.
//!
//! The engine's parser starts at the beginning of a request each time. For a request of many arguments that comes in thousands of small
//! pieces this would cost the square of its length, a gift to anyone who wishes the server ill. So the shell keeps its place in the
//! unfinished request with a [`Frame`], and calls the engine once there is something for it to do: the request is whole, or looks wrong
//! (what is wrong, and how that is said, is the engine's to judge).

/// How far the unfinished request at the start of a buffer was looked at.
#[derive(Debug, Default)]
pub struct Frame {
    /// Where the next header (or bulk string's header) begins.
    at: usize,
    /// Bytes behind `at` that were searched for the header's end and do not hold it.
    searched: usize,
    /// Bulk strings still to come; `None` before the header was read.
    bulks: Option<u64>,
}

/// Longer headers and inline lines are refused by the engine, so it is asked.
const LINE_LIMIT: usize = 64 * 1024;

impl Frame {
    /// Bytes that the string which is arriving lacks, of a buffer of `length` bytes that was looked at.
    pub fn missing(&self, length: usize) -> usize {
        self.at.saturating_sub(length)
    }

    /// Looks at what arrived since the last call. `input` begins with the unfinished request and has only grown since.
    /// True: let the engine see it. `bulk_limit` is `proto-max-bulk-len`. Costs the bytes of the headers that are new.
    pub fn is_ready(&mut self, input: &[u8], bulk_limit: u64) -> bool {
        if self.bulks.is_none() {
            let mark = input.first();
            let end = if mark == Some(&b'*') { b'\r' } else { b'\n' };
            match self.header(input, end) {
                Header::Partial => return false,
                Header::Number(count) if mark == Some(&b'*') => self.bulks = Some(count),
                _ => return true,
            }
        }
        while let Some(left) = self.bulks {
            if left == 0 {
                return self.at <= input.len();
            }
            match input.get(self.at) {
                None => return false,
                Some(b'$') => {}
                Some(_) => return true,
            }
            match self.header(input, b'\r') {
                Header::Partial => return false,
                Header::Number(length) if length <= bulk_limit => {
                    // This may lie beyond what has arrived: then `at` waits there.
                    let skip = usize::try_from(length).unwrap_or(usize::MAX);
                    self.at = self.at.saturating_add(skip).saturating_add(2);
                    self.bulks = Some(left - 1);
                }
                _ => return true,
            }
        }
        false
    }

    /// The header that begins at `at`, which moves behind it once it is whole. Redis takes the first `\r` as its end and skips one byte.
    fn header(&mut self, input: &[u8], end: u8) -> Header {
        let rest = input.get(self.at..).unwrap_or(&[]);
        let fresh = rest.get(self.searched..).unwrap_or(&[]);
        let after = usize::from(end == b'\r');
        match fresh.iter().position(|&byte| byte == end) {
            Some(found) if self.searched + found + after < rest.len() => {
                let line = rest.get(1..self.searched + found).unwrap_or(&[]);
                self.at += self.searched + found + after + 1;
                self.searched = 0;
                number(line).map_or(Header::Wrong, Header::Number)
            }
            Some(found) => {
                self.searched += found;
                Header::Partial
            }
            None if rest.len() > LINE_LIMIT => Header::Wrong,
            None => {
                self.searched = rest.len();
                Header::Partial
            }
        }
    }
}

enum Header {
    Partial,
    Number(u64),
    /// Not a header with a plain number: an inline line, a negative count, garbage.
    Wrong,
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 512 << 20;

    /// Feeds a request byte by byte and tells after how many it was called ready.
    fn ready_after(request: &[u8]) -> Option<usize> {
        let mut frame = Frame::default();
        (1..=request.len()).find(|&length| frame.is_ready(&request[..length], LIMIT))
    }

    #[test]
    fn a_request_is_ready_with_its_last_byte() {
        for request in [
            &b"*1\r\n$4\r\nPING\r\n"[..],
            b"*2\r\n$0\r\n\r\n$3\r\na\r\n\r\n",
            b"PING\r\n",
            b"\r\n",
            b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        ] {
            assert_eq!(ready_after(request), Some(request.len()), "{}", request.escape_ascii());
            assert_eq!(ready_after(&request[..request.len() - 1]), None);
        }
    }

    #[test]
    fn what_looks_wrong_is_shown_at_once() {
        for (request, at) in [
            (&b"*-1\r\n"[..], 5),
            (b"*+1\r\n", 5),
            (b"*x\r\n", 4),
            (b"*0\r\n", 4),
            (b"*1\r\n$-1\r\n", 9),
            (b"*1\r\n$9999999999\r\n", 17),
            (b"*1\r\nx", 5),
            (b"*2\r\n$1\r\na\r\nx", 12),
            (b"*99999999999999999999\r\n", 23),
        ] {
            assert_eq!(ready_after(request), Some(at), "{}", request.escape_ascii());
        }
    }

    #[test]
    fn an_endless_line_is_shown_when_it_is_too_long() {
        assert_eq!(ready_after(&vec![b'a'; LINE_LIMIT + 2]), Some(LINE_LIMIT + 1));
        let mut header = b"*1\r\n$".to_vec();
        header.resize(LINE_LIMIT + 10, b'1');
        assert_eq!(ready_after(&header), Some(LINE_LIMIT + 1 + 4));
    }

    #[test]
    fn pieces_of_any_size_give_the_same_answer() {
        let request = b"*3\r\n$3\r\nSET\r\n$5\r\nk\r\n\r\n\r\n$10\r\n0123456789\r\n";
        for step in 1..request.len() {
            let mut frame = Frame::default();
            let mut length = 0;
            while length < request.len() {
                assert!(length == 0 || !frame.is_ready(&request[..length], LIMIT), "step {step} length {length}");
                length = (length + step).min(request.len());
            }
            assert!(frame.is_ready(request, LIMIT));
        }
    }
}
