//! Payloads of RESTORE with a right checksum: a refusal, or a value that can be dumped and restored again.
#![no_main]

use cachette::rdb::{self, Out};
use cachette::value::Env;
use libfuzzer_sys::fuzz_target;

const SPARE: u64 = 64 << 20;

fuzz_target!(|input: &[u8]| {
    let mut out = Out::default();
    out.put(input);
    rdb::seal(&mut out, rdb::NEWEST);
    let (payload, env) = (out.finish().unwrap(), Env::default());
    if let Ok(value) = rdb::restore(&payload, &env, SPARE) {
        let again = rdb::dump(&value.as_ref()).unwrap();
        assert!(rdb::restore(&again, &env, SPARE).is_ok());
    }
});
