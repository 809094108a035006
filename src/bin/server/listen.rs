//! Doors: TCP listeners for `bind` and `port`, and the unix socket.

use std::fs::Permissions;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::connection::Stream;

/// A place where clients knock.
pub enum Listener {
    Tcp(mio::net::TcpListener),
    Unix(mio::net::UnixListener),
}

impl Listener {
    /// The next client in the queue, with its address as CLIENT LIST shows it.
    ///
    /// # Errors
    /// `WouldBlock` when nobody waits; what `accept` says otherwise (no file descriptors left, a client that went away again).
    pub fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                let peer = Peer { local: address.ip().to_canonical().is_loopback(), address: show(address) };
                Ok((Stream::Tcp(stream), peer))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                let path =
                    listener.local_addr().ok().and_then(|address| address.as_pathname().map(|path| path.display().to_string()));
                Ok((Stream::Unix(stream), Peer { local: true, address: format!("{}:0", path.unwrap_or_default()) }))
            }
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Listener::Tcp(listener) => listener,
            Listener::Unix(listener) => listener,
        }
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.source().register(registry, token, Interest::READABLE)
    }
}

/// Who is at the other end.
pub struct Peer {
    /// Over the loopback interface or a unix socket: protected mode lets these in.
    pub local: bool,
    pub address: String,
}

/// `1.2.3.4:5`, `[::1]:5`: the form of CLIENT LIST.
pub fn show(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("{ip}:{}", address.port()),
        IpAddr::V6(ip) => format!("[{ip}]:{}", address.port()),
    }
}

/// Listens on `port` at every address of `bind`, or at none when the port is 0. An address written with a leading `-` may be missing on this machine.
///
/// # Errors
/// What was wrong with which address, for people. Nothing stays open then.
pub fn tcp(bind: &[String], port: u16, backlog: i32) -> Result<Vec<Listener>, String> {
    if port == 0 {
        return Ok(Vec::new());
    }
    let mut listeners = Vec::new();
    for entry in bind.iter().filter(|entry| !entry.is_empty()) {
        let (name, optional) = entry.strip_prefix('-').map_or((entry.as_str(), false), |name| (name, true));
        match resolve(name, port).and_then(|address| listen_on(address, backlog)) {
            Ok(listener) => listeners.push(Listener::Tcp(listener)),
            Err(error) if optional && is_missing(&error) => {}
            Err(error) => return Err(format!("Could not listen on {name}:{port}: {error}")),
        }
    }
    if listeners.is_empty() && bind.iter().any(|entry| !entry.is_empty()) {
        return Err(format!("none of the addresses {} is to be had on this machine", bind.join(" ")));
    }
    Ok(listeners)
}

/// An address or protocol that this machine does not have.
fn is_missing(error: &io::Error) -> bool {
    let unsupported = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    let no_protocol = rustix::io::Errno::PROTONOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error().is_some_and(|code| code == unsupported || code == no_protocol)
}

fn resolve(name: &str, port: u16) -> io::Result<SocketAddr> {
    match name {
        "*" => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        "::*" => Ok((Ipv6Addr::UNSPECIFIED, port).into()),
        // What was meant as an address but is none must not be looked up as a name: that can take minutes, and everybody would wait.
        _ if name.contains(':') || name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            let address: IpAddr = name.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "this is no address"))?;
            Ok((address, port).into())
        }
        _ => (name, port).to_socket_addrs()?.next().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable)),
    }
}

fn listen_on(address: SocketAddr, backlog: i32) -> io::Result<mio::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        // So that `* ::*` can have the same port twice.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(mio::net::TcpListener::from_std(socket.into()))
}

/// Listens on a unix socket at `path`, replacing a socket that a dead server left there. `mode` 0 leaves its permissions to the umask.
///
/// # Errors
/// What the system says; `AddrInUse` also when something that is not a socket is at `path`.
pub fn unix(path: &Path, mode: u32, backlog: i32) -> io::Result<Listener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "the file that is there is not a socket")),
        Err(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if mode != 0 {
        // Before listen(): until then nobody can connect, so there is no moment with the wrong permissions.
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    Ok(Listener::Unix(mio::net::UnixListener::from_std(socket.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn free_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn port_zero_and_an_empty_bind_open_nothing() {
        assert!(tcp(&names(&["127.0.0.1"]), 0, 16).unwrap().is_empty());
        assert!(tcp(&names(&[""]), free_port(), 16).unwrap().is_empty());
    }

    #[test]
    fn an_address_that_is_not_here_is_an_error_unless_optional() {
        let port = free_port();
        assert!(tcp(&names(&["127.0.0.1", "192.0.2.1"]), port, 16).is_err());
        assert_eq!(tcp(&names(&["127.0.0.1", "-192.0.2.1"]), port, 16).unwrap().len(), 1);
        assert!(tcp(&names(&["999.999.999.999"]), port, 16).is_err());
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let error = tcp(&names(&["127.0.0.1"]), taken.local_addr().unwrap().port(), 16).err().unwrap();
        assert!(error.contains("127.0.0.1"), "{error}");
    }

    #[test]
    fn a_dead_socket_is_replaced_but_a_file_is_not() {
        let folder = std::env::temp_dir().join(format!("cachette-listen-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("s");
        drop(unix(&path, 0o700, 16).unwrap());
        let again = unix(&path, 0o700, 16);
        assert!(again.is_ok());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let file = folder.join("f");
        std::fs::write(&file, "precious").unwrap();
        assert!(unix(&file, 0, 16).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
