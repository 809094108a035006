//! Small parsers: numbers, glob patterns, quoted lines.
#![no_main]

use cachette::resp::parse;
use cachette::{glob, number};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (left, right) = input.split_at(input.len() / 2);
    glob::matches(left, right, false);
    glob::matches(left, right, true);
    let _ = parse::split_quoted(input);
    let _ = number::parse_memory(input);
    if let Some(number) = number::parse_i64(input) {
        let mut buffer = [0; 20];
        assert_eq!(number::write_i64(number, &mut buffer), input);
    }
    if let Some(number) = number::parse_f64(input) {
        let mut buffer = [0; number::F64_LEN];
        let written = number::write_f64(number, &mut buffer);
        assert_eq!(number::parse_f64(written), Some(number));
    }
});
