//! A job queue. A job lies in a list of its worker's until it is done, so that none is lost when a worker dies. `cargo run --example queue`

use cachette::{Cache, ReplyError};

fn doing(worker: &str) -> Vec<u8> {
    format!("jobs:doing:{worker}").into_bytes()
}

/// The oldest job, which is `worker`'s from now on.
fn take(cache: &mut Cache, worker: &str) -> Result<Option<Vec<u8>>, ReplyError> {
    let job = cache.execute(&[b"LMOVE", b"jobs", &doing(worker), b"RIGHT", b"LEFT"])?;
    Ok(job.as_bytes().map(<[u8]>::to_vec))
}

fn finish(cache: &mut Cache, worker: &str, job: &[u8]) -> Result<(), ReplyError> {
    cache.execute(&[b"LREM", &doing(worker), b"1", job])?;
    cache.incr_by(b"jobs:done", 1)?;
    Ok(())
}

/// Puts back what a worker that died had begun: it is the next to be done.
fn recover(cache: &mut Cache, worker: &str) -> Result<(), ReplyError> {
    while cache.execute(&[b"LMOVE", &doing(worker), b"jobs", b"RIGHT", b"RIGHT"])?.as_bytes().is_some() {}
    Ok(())
}

fn main() -> Result<(), ReplyError> {
    let mut cache = Cache::new();
    for job in [b"resize".as_slice(), b"mail", b"index"] {
        cache.execute(&[b"LPUSH", b"jobs", job])?;
    }

    // Bob dies over his job.
    take(&mut cache, "bob")?;
    recover(&mut cache, "bob")?;

    while let Some(job) = take(&mut cache, "ada")? {
        println!("ada does {}", String::from_utf8_lossy(&job));
        finish(&mut cache, "ada", &job)?;
    }
    println!("done: {}, left: {}", cache.incr_by(b"jobs:done", 0)?, cache.contains(b"jobs"));
    Ok(())
}
