//! What a URL names.

extern crate std;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use redis::{ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

/// Where Redis is.
#[derive(Clone, Debug)]
pub enum Address {
    /// In this process.
    Embedded,
    Single(ConnectionInfo),
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        name: String,
        db: i64,
    },
    Cluster {
        seeds: Vec<ConnectionInfo>,
    },
}

/// The URL names nothing that can be opened, or the journal's file cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError(String);

impl OpenError {
    pub(super) const NO_RUNTIME: Self = Self(String::new());

    pub(super) fn of(what: String) -> Self {
        Self(what)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("a tier is opened within a tokio runtime") } else { f.write_str(&self.0) }
    }
}

impl core::error::Error for OpenError {}

fn one(url: &str) -> Result<ConnectionInfo, OpenError> {
    let info = url.into_connection_info().map_err(|error| OpenError(error.to_string()))?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings))
}

impl Address {
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        if url == "embedded:" || url == "embedded://" {
            return Ok(Self::Embedded);
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(|| OpenError(alloc::format!("{url} is no URL")))?;
        let (plain, kind) = match scheme.split_once('+') {
            Some((plain, kind)) => (plain, kind),
            None => return one(url).map(Self::Single),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // `user:password@` stands once, before the first host.
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (alloc::format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        };
        let infos: Result<Vec<_>, _> =
            hosts.split(',').map(|host| one(&alloc::format!("{plain}://{credentials}{host}"))).collect();
        match kind {
            "cluster" => Ok(Self::Cluster { seeds: infos? }),
            "sentinel" => {
                let (name, db) = path.split_once('/').unwrap_or((path, "0"));
                if name.is_empty() {
                    return Err(OpenError(
                        "a Sentinel URL ends with the name of the master: redis+sentinel://host:26379/mymaster".into(),
                    ));
                }
                Ok(Self::Sentinel { sentinels: infos?, name: name.into(), db: db.parse().unwrap_or(0) })
            }
            other => Err(OpenError(alloc::format!("{scheme}: there is no kind `{other}`; there are sentinel and cluster"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_changes_from_embedded_to_cluster() {
        assert!(matches!(Address::parse("embedded:"), Ok(Address::Embedded)));
        assert!(matches!(Address::parse("redis://:secret@localhost:6380/2"), Ok(Address::Single(_))));
        let Ok(Address::Sentinel { sentinels, name, db }) = Address::parse("redis+sentinel://a:1,b:2/mymaster/3") else {
            panic!()
        };
        assert_eq!((sentinels.len(), &name[..], db), (2, "mymaster", 3));
        let Ok(Address::Cluster { seeds }) = Address::parse("rediss+cluster://user:secret@a:1,b:2") else { panic!() };
        assert_eq!((seeds.len(), seeds[1].redis_settings().password()), (2, Some("secret")));
        assert!(Address::parse("redis+sentinel://a:1").is_err());
        assert!(Address::parse("localhost").is_err());
    }
}
