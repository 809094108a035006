//! A server that does nothing but what no server can leave out: wait, read, write. It counts the bytes of a batch of requests and answers with as many bytes
//! as their replies have; it reads no request and knows no key. What it costs is the kernel's share of what any server costs.

use rustix::event::epoll;
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

struct Peer {
    stream: TcpStream,
    /// Bytes of a batch that have come.
    came: usize,
}

/// Serves until it is killed. Arguments: `--port PORT BATCH REPLIES`, bytes of a batch and of its replies.
///
/// # Errors
/// The arguments are no numbers, or the system refuses a socket.
pub fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    let [_, port, batch, replies] = args else { return Err("--port PORT BATCH REPLIES".into()) };
    let (batch, replies): (usize, Vec<u8>) = (batch.parse()?, vec![b'+'; replies.parse()?]);
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?))?;
    listener.set_nonblocking(true)?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &listener, epoll::EventData::new_u64(u64::MAX), epoll::EventFlags::IN)?;
    let mut peers: Vec<Peer> = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        // A server that was paused and goes on has been interrupted.
        rustix::io::retry_on_intr(|| epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None))?;
        for event in &events {
            let Some(peer) = peers.get_mut(event.data.u64() as usize) else {
                welcome(&listener, &poll, &mut peers)?;
                continue;
            };
            match peer.stream.read(&mut buffer) {
                Ok(0) => epoll::delete(&poll, &peer.stream)?,
                Ok(read) => {
                    peer.came += read;
                    if peer.came >= batch {
                        peer.came -= batch;
                        peer.stream.write_all(&replies)?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => epoll::delete(&poll, &peer.stream)?,
            }
        }
    }
}

fn welcome(listener: &TcpListener, poll: &impl rustix::fd::AsFd, peers: &mut Vec<Peer>) -> Result<(), Box<dyn Error>> {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(poll, &stream, epoll::EventData::new_u64(peers.len() as u64), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        peers.push(Peer { stream, came: 0 });
    }
    Ok(())
}
