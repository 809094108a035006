//! Redis Cluster: which node has which slots, and where else to ask.

extern crate std;

use super::link::Link;
use super::sentinel::at;
use super::{Address, Inner, Shared};
use crate::error::ReplyError;
use crate::resp::read::Value;
use crate::tier::{CallId, NodeId, State, Words};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo};

/// How often the slots are asked for: while nothing seems wrong, and while a node is down.
const CALM: Duration = Duration::from_secs(5);
const TROUBLED: Duration = Duration::from_millis(300);

/// Slots from, to, and the master that has them.
type Range = (u16, u16, String, u16);

/// Keeps the machine's routes as the cluster says.
pub(super) async fn follow(shared: Arc<Shared>, timeout: Duration) {
    let Address::Cluster { seeds } = shared.address.clone() else { return };
    let mut first = true;
    loop {
        let known: Vec<ConnectionInfo> = shared.lock().links.iter().filter_map(|link| link.target.clone()).collect();
        // Those that are known are asked first: seeds may be names of long ago.
        for node in known.iter().chain(&seeds) {
            if let Some(ranges) = slots(node, timeout).await {
                adopt(&shared, &seeds, &ranges, &mut first, timeout);
                break;
            }
        }
        let troubled =
            first || shared.lock().machine.health().iter().any(|(_, state, _)| !matches!(state, State::Up | State::Slow));
        tokio::select! {
            () = tokio::time::sleep(if troubled { TROUBLED } else { CALM }) => {}
            () = shared.topology.notified() => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn slots(node: &ConnectionInfo, timeout: Duration) -> Option<Vec<Range>> {
    let client = Client::open(node.clone()).ok()?;
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(timeout));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.ok()?;
    let reply: redis::Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await.ok()?;
    let Value::Array(ranges) = super::values::value(reply) else { return None };
    let own = match node.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    };
    let found: Vec<Range> = ranges.iter().filter_map(|range| read(range, &own)).collect();
    (!found.is_empty()).then_some(found)
}

fn read(range: &Value, own: &str) -> Option<Range> {
    let Value::Array(parts) = range else { return None };
    let [first, last, Value::Array(master), ..] = &parts[..] else { return None };
    let host = master.first()?.as_bytes().and_then(|host| core::str::from_utf8(host).ok()).unwrap_or_default();
    let port = u16::try_from(master.get(1)?.as_integer()?).ok()?;
    let slot = |value: &Value| u16::try_from(value.as_integer()?).ok();
    // An empty name is the node that was asked.
    Some((slot(first)?, slot(last)?, if host.is_empty() { own.into() } else { host.into() }, port))
}

fn adopt(shared: &Arc<Shared>, seeds: &[ConnectionInfo], ranges: &[Range], first: &mut bool, timeout: Duration) {
    let mut inner = shared.lock();
    let inner = &mut *inner;
    let now = shared.now();
    let mut used = Vec::new();
    for (from, to, host, port) in ranges {
        let node = node_at(shared, inner, seeds, host, *port, first, timeout);
        inner.machine.assign_slots(*from, *to, node);
        if !used.contains(&node) {
            used.push(node);
        }
    }
    for node in 0..inner.links.len() as NodeId {
        if !used.contains(&node) {
            inner.machine.retire_node(now, node);
        }
    }
    shared.act(inner);
}

/// The node at an address; a new one if need be. The very first takes the place that the machine has from the start.
fn node_at(
    shared: &Shared,
    inner: &mut Inner,
    seeds: &[ConnectionInfo],
    host: &str,
    port: u16,
    first: &mut bool,
    timeout: Duration,
) -> NodeId {
    let is_at = |info: &ConnectionInfo| match info.addr() {
        ConnectionAddr::Tcp(other, at) => other == host && *at == port,
        ConnectionAddr::TcpTls { host: other, port: at, .. } => other == host && *at == port,
        _ => false,
    };
    let now = shared.now();
    if let Some(known) = inner.links.iter().position(|link| link.target.as_ref().is_some_and(is_at)) {
        let node = known as NodeId;
        // It is back.
        if inner.machine.is_retired(node) {
            inner.machine.start(now, node);
        }
        return node;
    }
    let Some(like) = seeds.first() else { return 0 };
    let target = at(like, host, port);
    if core::mem::take(first)
        && let Some(link) = inner.links.first_mut()
    {
        link.target = Some(target);
        return 0;
    }
    let node = inner.machine.add_node();
    inner.links.push(Link::to(target, timeout));
    inner.machine.start(now, node);
    node
}

/// Sends a call where the cluster says.
pub(super) fn redirect(shared: &Arc<Shared>, call: CallId, commands: Vec<Words>, asked: bool, address: &str) {
    shared.topology.notify_one();
    let Address::Cluster { seeds } = &shared.address else { return };
    let mut inner = shared.lock();
    let inner = &mut *inner;
    let now = shared.now();
    if !inner.machine.redirected(now, call) {
        return shared.act(inner);
    }
    let place = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let node = place.map(|(host, port)| node_at(shared, inner, seeds, host, port, &mut false, Duration::from_secs(1)));
    match node.and_then(|node| inner.links.get(usize::from(node))).filter(|link| link.is_open()) {
        Some(link) => link.send(call, commands, asked),
        None => {
            let words = format!("TRYAGAIN the slot moved to {address}, which is not connected yet");
            let replies = alloc::vec![Value::Error(ReplyError::bytes(&[words.as_bytes()]))];
            inner.machine.replied(now, call, replies);
        }
    }
    shared.act(inner);
}
