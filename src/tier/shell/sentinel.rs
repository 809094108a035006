//! Sentinel: who is the master, and when that changes.

extern crate std;

use super::{Address, Shared};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo};

/// How often the sentinels are asked: while nothing seems wrong, and while the master does not answer.
const CALM: Duration = Duration::from_millis(500);
const TROUBLED: Duration = Duration::from_millis(100);

/// Asks the sentinels again and again; a master that is another one begins a new epoch.
pub(super) async fn follow(shared: Arc<Shared>, timeout: Duration) {
    let Address::Sentinel { sentinels, name, db } = shared.address.clone() else { return };
    let mut known: Option<(String, u16)> = None;
    loop {
        if let Some(master) = ask_any(&sentinels, &name, timeout).await
            && known.as_ref() != Some(&master)
        {
            let switched = known.is_some();
            let target = target(sentinels.first(), &master, db);
            known = Some(master);
            let mut inner = shared.lock();
            if let Some(link) = inner.links.first_mut() {
                link.target = target;
            }
            if switched {
                inner.machine.master_switched(shared.now(), 0);
                shared.act(&mut inner);
            }
        }
        let calm = known.is_some() && shared.lock().machine.state_of(0).is_online();
        tokio::select! {
            () = tokio::time::sleep(if calm { CALM } else { TROUBLED }) => {}
            () = shared.topology.notified() => {}
        }
    }
}

async fn ask_any(sentinels: &[ConnectionInfo], name: &str, timeout: Duration) -> Option<(String, u16)> {
    for sentinel in sentinels {
        if let Some(master) = ask(sentinel, name, timeout).await {
            return Some(master);
        }
    }
    None
}

async fn ask(sentinel: &ConnectionInfo, name: &str, timeout: Duration) -> Option<(String, u16)> {
    let client = Client::open(sentinel.clone()).ok()?;
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(timeout));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.ok()?;
    let found: Vec<String> =
        redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(name).query_async(&mut connection).await.ok()?;
    match &found[..] {
        [host, port] => Some((host.clone(), port.parse().ok()?)),
        _ => None,
    }
}

/// The master with the credentials of the URL.
fn target(like: Option<&ConnectionInfo>, (host, port): &(String, u16), db: i64) -> Option<ConnectionInfo> {
    let like = like?;
    let settings = like.redis_settings().clone().set_db(db);
    Some(at(like, host, *port).set_redis_settings(settings))
}

/// As one connection, but elsewhere.
pub(super) fn at(like: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let address = match like.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: host.into(), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host.into(), port),
    };
    like.clone().set_addr(address)
}
