//! One node's connection: a task that sends batches in order and hands replies back.

extern crate std;

use super::{Address, Shared, values};
use crate::resp::read::Value;
use crate::tier::{CallId, NodeId, Words};
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::future::Future;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use futures_util::stream::{FuturesUnordered, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, PushKind};
use tokio::sync::mpsc;

/// Commands that go out in one write.
const BATCH: usize = 256;

/// A call, its commands, and whether they are to be preceded by ASKING.
type Batch = (CallId, Vec<Words>, bool);
/// A call, its commands, and their replies.
type Landed = (CallId, Vec<Words>, Vec<Value>);

/// The way to a node.
pub(super) struct Link {
    /// Where to, once that is known (Sentinel and Cluster tell it).
    pub target: Option<ConnectionInfo>,
    timeout: Duration,
    queue: Option<mpsc::UnboundedSender<Batch>>,
    task: Option<tokio::task::AbortHandle>,
    /// Counts connections: what belongs to an earlier one is not listened to.
    pub generation: u64,
}

impl Link {
    pub fn new(address: &Address, timeout: Duration) -> Self {
        let target = match address {
            Address::Single(info) => Some(info.clone()),
            _ => None,
        };
        Self { target, timeout, queue: None, task: None, generation: 0 }
    }

    pub fn to(target: ConnectionInfo, timeout: Duration) -> Self {
        Self { target: Some(target), timeout, queue: None, task: None, generation: 0 }
    }

    pub fn send(&self, call: CallId, commands: Vec<Words>, asking: bool) {
        // A task that is gone has said so.
        if let Some(queue) = &self.queue {
            let _ = queue.send((call, commands, asking));
        }
    }

    pub fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    pub fn close(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.queue = None;
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    pub fn open(&mut self, shared: &Arc<Shared>, node: NodeId) {
        self.close();
        let (sender, queue) = mpsc::unbounded_channel();
        self.queue = Some(sender);
        let side = Side { shared: Arc::downgrade(shared), node, generation: self.generation };
        let (target, timeout) = (self.target.clone(), self.timeout);
        self.task = Some(shared.runtime.spawn(run(side, target, timeout, queue)).abort_handle());
    }
}

/// The machine, as one connection sees it.
#[derive(Clone)]
struct Side {
    shared: Weak<Shared>,
    node: NodeId,
    generation: u64,
}

impl Side {
    /// Tells the machine, if this is still the node's connection.
    fn event(&self, tell: impl FnOnce(&mut crate::tier::Machine, crate::time::Millis)) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut inner = shared.lock();
        if inner.links.get(usize::from(self.node)).is_some_and(|link| link.generation == self.generation) {
            tell(&mut inner.machine, shared.now());
            shared.act(&mut inner);
        }
    }

    fn pushed(&self, push: &redis::PushInfo) {
        let node = self.node;
        match &push.kind {
            PushKind::Invalidate => {
                let keys = match push.data.first() {
                    Some(redis::Value::Array(keys)) => Some(keys.iter().filter_map(bytes).collect::<Vec<_>>()),
                    _ => None,
                };
                self.event(|machine, now| machine.invalidated(now, node, keys.as_deref()));
            }
            PushKind::Message => {
                let message = push.data.get(1).and_then(bytes).unwrap_or_default();
                self.event(|machine, now| machine.told(now, node, &message));
            }
            PushKind::Disconnection => self.event(|machine, now| machine.disconnected(now, node)),
            _ => {}
        }
    }
}

fn bytes(value: &redis::Value) -> Option<Vec<u8>> {
    match value {
        redis::Value::BulkString(bytes) => Some(bytes.clone()),
        redis::Value::SimpleString(text) => Some(text.clone().into_bytes()),
        _ => None,
    }
}

/// Opens a connection that hands pushes to `pushed`.
async fn connect(
    side: &Side,
    target: Option<ConnectionInfo>,
    timeout: Duration,
) -> Result<MultiplexedConnection, Option<Vec<u8>>> {
    let target = target.ok_or(None)?;
    let client = Client::open(target).map_err(|_| None)?;
    let pushes = side.clone();
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(BATCH)
        .set_push_sender(move |push: redis::PushInfo| {
            pushes.pushed(&push);
            Ok::<(), core::convert::Infallible>(())
        });
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(|error| values::refusal(&error))
}

async fn run(side: Side, target: Option<ConnectionInfo>, timeout: Duration, mut queue: mpsc::UnboundedReceiver<Batch>) {
    let node = side.node;
    let connection = match connect(&side, target, timeout).await {
        Ok(connection) => connection,
        Err(refusal) => return side.event(|machine, now| machine.connect_failed(now, node, refusal.as_deref())),
    };
    side.event(|machine, now| machine.connected(now, node));
    let mut flying = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(landed) = flying.next(), if !flying.is_empty() => match landed {
                Ok(replies) => deliver(&side, replies),
                Err(()) => return side.event(|machine, now| machine.disconnected(now, node)),
            },
            batch = queue.recv() => {
                let Some(batch) = batch else { return };
                let mut batches = alloc::vec![batch];
                while batches.len() < BATCH && let Ok(batch) = queue.try_recv() {
                    batches.push(batch);
                }
                let mut flight: core::pin::Pin<alloc::boxed::Box<dyn Future<Output = Result<Vec<Landed>, ()>> + Send>> =
                    alloc::boxed::Box::pin(exchange(connection.clone(), batches));
                // Into the connection's own queue now, so that what is sent later comes later.
                match flight.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(replies)) => deliver(&side, replies),
                    Poll::Ready(Err(())) => return side.event(|machine, now| machine.disconnected(now, node)),
                    Poll::Pending => flying.push(flight),
                }
            }
        }
    }
}

/// Sends batches as one pipeline; the replies of each.
async fn exchange(mut connection: MultiplexedConnection, batches: Vec<Batch>) -> Result<Vec<Landed>, ()> {
    let mut pipeline = redis::Pipeline::new();
    // Which replies are of commands of ours.
    let mut ours = Vec::new();
    for (_, commands, asking) in &batches {
        let transaction = commands.first().and_then(|command| command.first()).is_some_and(|word| word == b"MULTI");
        for (at, command) in commands.iter().enumerate() {
            // It holds for one command, or one transaction.
            if *asking && (at == 0 || !transaction) {
                pipeline.add_command(redis::cmd("ASKING"));
                ours.push(false);
            }
            let mut cmd = redis::Cmd::new();
            command.iter().for_each(|word| {
                cmd.arg(word.as_slice());
            });
            pipeline.add_command(cmd);
            ours.push(true);
        }
    }
    let count = pipeline.len();
    let replies = connection.send_packed_commands(&pipeline, 0, count).await.map_err(drop)?;
    let mut replies = replies.into_iter().zip(ours).filter(|(_, ours)| *ours).map(|(reply, _)| values::value(reply));
    let split = batches.into_iter().map(|(call, commands, _)| {
        let own = replies.by_ref().take(commands.len()).collect();
        (call, commands, own)
    });
    Ok(split.collect())
}

fn deliver(side: &Side, calls: Vec<Landed>) {
    let Some(shared) = side.shared.upgrade() else { return };
    for (call, commands, replies) in calls {
        match redirection(&replies) {
            Some((asked, address)) => super::cluster::redirect(&shared, call, commands, asked, &address),
            None => side.event(|machine, now| machine.replied(now, call, replies)),
        }
    }
}

/// `MOVED slot host:port` or `ASK slot host:port`: whether it is to be asked there this once, and where.
fn redirection(replies: &[Value]) -> Option<(bool, String)> {
    replies.iter().find_map(|reply| {
        let Value::Error(error) = reply else { return None };
        let text = core::str::from_utf8(error.as_bytes()).ok()?;
        let mut words = text.split(' ');
        let asked = match words.next()? {
            "ASK" => true,
            "MOVED" => false,
            _ => return None,
        };
        Some((asked, words.nth(1)?.into()))
    })
}
