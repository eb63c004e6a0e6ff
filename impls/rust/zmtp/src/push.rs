//! The socket that sends messages.

use std::io;
use std::time::Instant;

use mio::Token;
use mio::event::Event;

use crate::Attach;
use crate::address::Address;
use crate::handshake::Role;
use crate::link::Taken;
use crate::peers::Peers;
use crate::poller::{Poller, Socket};

/// Sends each message to one of its peers, in turn.
pub struct Push {
    peers: Peers,
    last: Token,
}

impl Push {
    /// Bind, or begin to connect.
    pub fn open(poller: &Poller, address: &Address, attach: Attach) -> io::Result<Self> {
        // Nothing comes back but commands.
        let peers = Peers::open(poller, Role::Push, address, attach, 0)?;
        Ok(Self { peers, last: Token(0) })
    }

    /// The port, if it is bound to one.
    pub fn port(&self) -> Option<u16> {
        self.peers.port()
    }

    /// Send a message, now or as soon as a peer takes it. False if as much waits as may: then wait, and try again.
    pub fn send(&mut self, message: &[u8]) -> bool {
        if let Some(token) = self.peers.send(self.last, message) {
            self.last = token;
            return true;
        }
        self.peers.keep(message)
    }

    /// How many messages are not handed to the system yet.
    pub fn unsent(&self) -> usize {
        self.peers.unsent()
    }
}

impl Socket for Push {
    fn is_busy(&self) -> bool {
        false
    }

    fn deadline(&self) -> Option<Instant> {
        self.peers.deadline()
    }

    fn tick(&mut self, now: Instant) {
        self.peers.tick(now);
    }

    fn notice(&mut self, event: &Event) {
        let Some(token) = self.peers.notice(event) else { return };
        match self.peers.take(token) {
            // Not read to its end here, which may never come.
            Taken::Later => self.peers.remind(token),
            Taken::Nothing => {}
            // Who sends messages to a socket that takes none is no peer of it.
            Taken::Message(_) => self.peers.lose(token),
        }
    }
}
