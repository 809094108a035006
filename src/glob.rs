//! Glob patterns as KEYS, the SCAN family, PSUBSCRIBE and CONFIG GET understand them.
//!
//! | in a pattern | stands for |
//! |---|---|
//! | `*` | any bytes, none included |
//! | `?` | any one byte |
//! | `[abc]`, `[a-f]`, `[^a-f]` | one byte of the class, or one outside of it |
//! | `\x` | the byte `x` itself, in a class as well |
//!
//! The corners are Redis's, and checked against it: a range may be written backwards, a class that is never closed ends with the
//! pattern, `[^]` takes any byte, a lone `\` at the end is a backslash, and case is not folded for a byte escaped in a class.

/// Whether the whole of `text` fits `pattern`. With `nocase`, ASCII letters match in either case.
///
/// As in Redis, an empty `text` fits only an empty pattern, not even `*`; commands that list everything for `*` (KEYS, SCAN MATCH)
/// know that pattern themselves.
///
/// No recursion and no allocation. O(pattern * text) at worst: on a mismatch only the last `*` is tried anew, one byte further on.
/// That is enough, because whatever an earlier `*` could reach by taking more, the last one can reach too.
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut pattern, mut text) = (pattern, text);
    // What follows the last `*`, and the text from which it was last tried.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let fits = match (pattern, text) {
            ([], []) => return true,
            // The rest of the text after the last `*` has become too short, and would only get shorter.
            ([b'*', rest @ ..], []) => {
                pattern = rest;
                continue;
            }
            (_, []) => return false,
            ([b'*', rest @ ..], _) => {
                if rest.is_empty() {
                    return true;
                }
                pattern = rest;
                retry = Some((rest, text));
                continue;
            }
            ([], _) => None,
            ([first, rest @ ..], [byte, _rest @ ..]) => one(*first, rest, *byte, nocase),
        };
        match (fits, retry) {
            (Some(rest), _) => {
                pattern = rest;
                text = text.get(1..).unwrap_or_default();
            }
            (None, Some((rest, from))) => {
                pattern = rest;
                text = from.get(1..).unwrap_or_default();
                retry = Some((pattern, text));
            }
            (None, None) => return false,
        }
    }
}

/// Holds `byte` against the element that starts with `first`; gives the pattern behind the element if it fits.
#[inline]
fn one(first: u8, rest: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let (wanted, rest) = match (first, rest) {
        (b'?', _) => return Some(rest),
        (b'[', _) => return class(rest, byte, nocase),
        (b'\\', [escaped, rest @ ..]) => (*escaped, rest),
        _ => (first, rest),
    };
    same(wanted, byte, nocase).then_some(rest)
}

/// Holds `byte` against a class, given what follows its `[`; gives the pattern behind the class if it fits.
fn class(mut rest: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let mut negated = false;
    if let [b'^', behind @ ..] = rest {
        negated = true;
        rest = behind;
    }
    let mut found = false;
    loop {
        rest = match rest {
            [] => break,
            [b'\\', escaped, behind @ ..] => {
                found |= *escaped == byte;
                behind
            }
            [b']', behind @ ..] => {
                rest = behind;
                break;
            }
            // A range takes its third byte as it comes, be it `]` or a backslash.
            [a, b'-', b, behind @ ..] => {
                let (low, high) = (*a.min(b), *a.max(b));
                found |= (fold(low, nocase)..=fold(high, nocase)).contains(&fold(byte, nocase));
                behind
            }
            [wanted, behind @ ..] => {
                found |= same(*wanted, byte, nocase);
                behind
            }
        };
    }
    (found != negated).then_some(rest)
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || nocase && a.eq_ignore_ascii_case(&b)
}

fn fold(byte: u8, nocase: bool) -> u8 {
    if nocase { byte.to_ascii_lowercase() } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The obvious recursive reading, exponential, for short inputs.
    fn model(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|n| model(rest, &text[n..], nocase)),
            ([first, rest @ ..], [byte, text @ ..]) => {
                one(*first, rest, *byte, nocase).is_some_and(|rest| model(rest, text, nocase))
            }
            _ => false,
        }
    }

    fn fits(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), false)
    }

    #[test]
    fn stars_and_question_marks() {
        assert!(fits("user:*", "user:1") && fits("user:*", "user:") && !fits("user:*", "use"));
        assert!(fits("*:1", "user:1") && !fits("*:1", "user:12"));
        assert!(fits("h?llo", "hello") && !fits("h?llo", "hllo"));
        assert!(fits("*a*b*c*", "xxaxxbxxc") && !fits("*a*b*c*", "xxaxxcxxb"));
        assert!(fits("a***", "a") && fits("***a", "a") && fits("*??", "ab") && !fits("*??", "a"));
    }

    #[test]
    fn an_empty_text_fits_only_an_empty_pattern() {
        assert!(fits("", "") && !fits("*", "") && !fits("?", "") && !fits("", "a"));
    }

    #[test]
    fn classes_and_their_corners() {
        assert!(fits("h[ae]llo", "hallo") && !fits("h[ae]llo", "hillo"));
        assert!(fits("h[^e]llo", "hallo") && !fits("h[^e]llo", "hello"));
        assert!(fits("[a-c]", "b") && fits("[c-a]", "b") && !fits("[a-c]", "d"));
        assert!(fits("[a-]", "]") && fits("[a-]b", "b") && !fits("[a-]x]", "xx"));
        assert!(fits("[abc", "c") && fits("[^abc", "d") && !fits("[", "[") && fits("[^", "x"));
        assert!(!fits("[]", "]") && fits("[^]", "x") && fits("[\\]]", "]") && fits("[\\", "\\"));
        assert!(fits("[a-\\]", "^") && fits("\\*", "*") && !fits("\\*", "x") && fits("a\\", "a\\"));
    }

    #[test]
    fn case_is_folded_on_request() {
        assert!(matches(b"MAX*", b"maxmemory", true) && !matches(b"MAX*", b"maxmemory", false));
        assert!(matches(b"[A-C]", b"b", true) && matches(b"[a-c]", b"B", true) && matches(b"\\A", b"a", true));
        assert!(!matches(b"[\\A]", b"a", true));
    }

    #[test]
    fn hostile_patterns_are_quick() {
        let long = |byte, n| vec![byte; n];
        let text = long(b'a', 100_000);
        for byte in [b'*', b'[', b'\\', b'?', b'-', b'^', b']'] {
            matches(&long(byte, 100_000), &text, true);
        }
        let stars: Vec<u8> = b"*a".iter().copied().cycle().take(100_000).chain(*b"b").collect();
        assert!(!matches(&stars, &text, false));
        let classes: Vec<u8> = b"*[a-z]".iter().copied().cycle().take(60_000).chain(*b"[b").collect();
        assert!(!matches(&classes, &text, false));
    }

    proptest! {
        #[test]
        fn agrees_with_the_obvious_reading(
            pattern in proptest::collection::vec(prop::sample::select(b"ab*?[]^-\\AB".to_vec()), 0..9),
            text in proptest::collection::vec(prop::sample::select(b"abAB]-\\^".to_vec()), 1..7),
            nocase: bool,
        ) {
            prop_assert_eq!(matches(&pattern, &text, nocase), model(&pattern, &text, nocase));
        }
    }
}
