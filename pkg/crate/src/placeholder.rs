//! Stands in for the engine until it is there.
use std::collections::HashMap;

#[derive(Default)]
pub struct Store {
    pub now: u64,
    map: HashMap<Vec<u8>, (Vec<u8>, u64)>,
}

impl Store {
    pub fn get(&mut self, key: &[u8]) -> Option<&[u8]> {
        let now = self.now;
        self.map.get(key).filter(|e| e.1 > now).map(|e| e.0.as_slice())
    }
    pub fn set(&mut self, key: &[u8], value: &[u8], deadline: u64) {
        match self.map.get_mut(key) {
            Some(e) => {
                e.0.clear();
                e.0.extend_from_slice(value);
                e.1 = deadline;
            }
            None => {
                self.map.insert(key.to_vec(), (value.to_vec(), deadline));
            }
        }
    }
    pub fn del(&mut self, key: &[u8]) -> bool {
        self.map.remove(key).is_some()
    }
    pub fn execute(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        let line = |at: &mut usize| {
            let start = *at + 1;
            while input[*at] != b'\r' {
                *at += 1;
            }
            let n: usize = std::str::from_utf8(&input[start..*at]).ok().and_then(|t| t.parse().ok()).unwrap_or(0);
            *at += 2;
            n
        };
        while at < input.len() {
            let n = line(&mut at);
            let mut words: Vec<&[u8]> = Vec::new();
            for _ in 0..n {
                let l = line(&mut at);
                words.push(&input[at..at + l]);
                at += l + 2;
            }
            match words[0].to_ascii_uppercase().as_slice() {
                b"PING" => out.extend_from_slice(b"+PONG\r\n"),
                b"ECHO" => bulk(out, words[1]),
                b"SET" => {
                    self.set(words[1], words[2], u64::MAX);
                    out.extend_from_slice(b"+OK\r\n")
                }
                b"GET" => match self.get(words[1]) {
                    Some(v) => bulk(out, v),
                    None => out.extend_from_slice(b"_\r\n"),
                },
                _ => out.extend_from_slice(b"-ERR unknown command\r\n"),
            }
        }
    }
}
fn bulk(out: &mut Vec<u8>, v: &[u8]) {
    out.extend_from_slice(format!("${}\r\n", v.len()).as_bytes());
    out.extend_from_slice(v);
    out.extend_from_slice(b"\r\n");
}
