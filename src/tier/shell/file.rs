//! The journal's file: appended to by a thread, synced once a second, written anew when most of it is over.

extern crate std;

use super::{OpenError, Shared};
use alloc::format;
use alloc::sync::Weak;
use alloc::vec::Vec;
use core::time::Duration;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

/// How much of what was acknowledged the machine's failure may cost.
const SYNC: Duration = Duration::from_secs(1);
/// A file is written anew when it is so long, and so many times as long as what waits.
const LONG: u64 = 1 << 20;
const TIMES: u64 = 4;

enum Order {
    Append(Vec<u8>),
    End,
}

/// The way to the thread.
pub(super) struct JournalFile {
    orders: Option<Sender<Order>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A file that is this process's alone, and what is in it.
pub(super) struct Opened {
    file: File,
    path: PathBuf,
    pub log: Vec<u8>,
}

/// Opens a journal's file, or makes one.
pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let failed = |error: std::io::Error| OpenError::of(format!("the journal {}: {error}", path.display()));
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    if file.try_lock().is_err() {
        return Err(OpenError::of(format!("the journal {} is another process's", path.display())));
    }
    let mut log = Vec::new();
    file.read_to_end(&mut log).map_err(failed)?;
    Ok(Opened { file, path: path.into(), log })
}

impl Opened {
    /// Goes on with what waits now in place of what was read.
    pub fn start(self, log: &[u8], shared: Weak<Shared>) -> Result<JournalFile, OpenError> {
        let Self { file, path, .. } = self;
        let (orders, taken) = channel();
        let mut writer = Writer { file, path: path.clone(), length: 0, dirty: false, synced: Instant::now(), shared };
        let failed = |error: std::io::Error| OpenError::of(format!("the journal {}: {error}", path.display()));
        writer.replace(log).map_err(failed)?;
        let thread = std::thread::Builder::new().name("tier-journal".into()).spawn(move || writer.run(&taken));
        Ok(JournalFile { orders: Some(orders), thread: Some(thread.map_err(failed)?) })
    }
}

impl JournalFile {
    pub fn append(&self, records: Vec<u8>) {
        self.order(Order::Append(records));
    }

    /// Nothing waits any more.
    pub fn end(&self) {
        self.order(Order::End);
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }
}

impl Drop for JournalFile {
    /// Waits until all is written.
    fn drop(&mut self) {
        self.orders = None;
        // The thread itself may have been the last to know of the tier.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

struct Writer {
    file: File,
    path: PathBuf,
    length: u64,
    dirty: bool,
    synced: Instant,
    shared: Weak<Shared>,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = orders.recv_timeout(SYNC);
            let ended = matches!(order, Err(RecvTimeoutError::Disconnected));
            let done = match order {
                Ok(Order::Append(records)) => self.append(&records),
                Ok(Order::End) => self.empty(),
                Err(_) => Ok(()),
            };
            let due = ended || self.synced.elapsed() >= SYNC;
            if let Err(error) = done.and_then(|()| if due { self.sync() } else { Ok(()) }) {
                tracing::error!(%error, "tier: the journal's file cannot be written");
            }
            if ended {
                return;
            }
        }
    }

    fn append(&mut self, records: &[u8]) -> std::io::Result<()> {
        self.file.write_all(records)?;
        self.length = self.length.saturating_add(records.len() as u64);
        self.dirty = true;
        if self.length < LONG {
            return Ok(());
        }
        let Some(shared) = self.shared.upgrade() else { return Ok(()) };
        let log = {
            let mut inner = shared.lock();
            let waits = inner.machine.journaled().1 as u64;
            if self.length < waits.saturating_mul(TIMES) { None } else { Some(inner.machine.log()) }
        };
        log.map_or(Ok(()), |log| self.replace(&log))
    }

    fn empty(&mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.set_len(0)?;
        (self.length, self.dirty) = (0, true);
        Ok(())
    }

    /// Another file takes the place of this one, whole or not at all; locked before it is there for others.
    fn replace(&mut self, log: &[u8]) -> std::io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let mut file = File::create(&name)?;
        file.lock()?;
        file.write_all(log)?;
        file.sync_data()?;
        std::fs::rename(&name, &self.path)?;
        (self.file, self.length, self.dirty) = (file, log.len() as u64, false);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.synced = Instant::now();
        if core::mem::take(&mut self.dirty) { self.file.sync_data() } else { Ok(()) }
    }
}
