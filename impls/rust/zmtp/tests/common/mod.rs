//! Sockets with the poller that they need, and peers that speak bytes.
#![allow(dead_code, reason = "no test uses all of it")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use zmtp::{Address, Attach, Poller, Pull, Push, Socket};

/// Long enough for whatever is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
pub const MOST: usize = 4 << 20;
/// The greeting of a peer, and the READY of a PUSH and of a PULL socket.
pub const GREETING: &[u8] = &greeting();
pub const PUSH: &[u8] = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH";
pub const PULL: &[u8] = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL";

const fn greeting() -> [u8; 64] {
    let mut bytes = [0; 64];
    let (from, mut at) = (b"\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 0);
    while at < from.len() {
        bytes[at] = from[at];
        at += 1;
    }
    bytes
}

/// A socket, and the poller that it was opened with.
pub struct Own<S> {
    pub poller: Poller,
    pub socket: S,
}

impl<S: Socket> Own<S> {
    fn new(open: impl FnOnce(&Poller) -> std::io::Result<S>) -> Self {
        let poller = Poller::new().unwrap();
        let socket = open(&poller).unwrap();
        Self { poller, socket }
    }

    /// Let it do what there is to do.
    pub fn turn(&mut self) {
        self.poller.wait(Some(Duration::from_millis(5)), &mut [&mut self.socket]).unwrap();
    }

    /// Let it work until something is there, each time for as long as it waits by itself.
    pub fn unhurried<T>(&mut self, mut found: impl FnMut(&mut S) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = found(&mut self.socket) {
                return found;
            }
            self.poller.wait(Some(PATIENCE), &mut [&mut self.socket]).unwrap();
            assert!(begun.elapsed() < PATIENCE, "it waits though there is something to do");
        }
    }

    /// Let it work until something is there.
    pub fn until<T>(&mut self, mut found: impl FnMut(&mut S) -> Option<T>) -> T {
        let over = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found(&mut self.socket) {
                return found;
            }
            assert!(Instant::now() < over, "it doesn't come");
            self.turn();
        }
    }
}

impl Own<Pull> {
    pub fn pull(address: &str, attach: Attach) -> Self {
        Self::new(|poller| Pull::open(poller, &address.parse().unwrap(), attach, MOST))
    }

    pub fn receive(&mut self) -> Vec<u8> {
        self.until(Pull::receive)
    }
}

impl Own<Push> {
    pub fn push(address: &str, attach: Attach) -> Self {
        Self::new(|poller| Push::open(poller, &address.parse::<Address>().unwrap(), attach))
    }

    pub fn send(&mut self, message: &[u8]) {
        self.until(|push| push.send(message).then_some(()));
    }

    pub fn finish(&mut self) {
        self.until(|push| (push.unsent() == 0).then_some(()));
    }
}

/// A connection that has said these bytes, and reads for a second at most.
pub fn raw(path: &Path, says: &[&[u8]]) -> UnixStream {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for bytes in says {
        stream.write_all(bytes).unwrap();
    }
    stream
}

/// Add what there is to be read from a connection that doesn't wait.
pub fn hear(peer: &mut UnixStream, heard: &mut Vec<u8>) {
    let mut bytes = [0; 16_384];
    let count = peer.read(&mut bytes).unwrap_or(0);
    heard.extend(&bytes[..count]);
}

/// Whether the other side closes a connection, now or soon, if it has this to do.
pub fn is_closed<S: Socket>(own: &mut Own<S>, stream: &mut UnixStream, work: impl Fn(&mut S)) -> bool {
    stream.set_nonblocking(true).unwrap();
    let over = Instant::now() + Duration::from_millis(500);
    let mut bytes = [0; 4096];
    while Instant::now() < over {
        own.turn();
        work(&mut own.socket);
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return true,
        }
    }
    false
}
