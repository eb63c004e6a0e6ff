//! The socket that takes messages.

use std::collections::BTreeSet;
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

/// Takes messages from all its peers in turn. Nothing is read that isn't asked for, so that who sends too fast waits.
pub struct Pull {
    peers: Peers,
    /// The connections that may have a message.
    ready: BTreeSet<Token>,
    last: Token,
}

impl Pull {
    /// Bind, or begin to connect. A peer that sends a message longer than `most` is given up.
    pub fn open(poller: &Poller, address: &Address, attach: Attach, most: usize) -> io::Result<Self> {
        let peers = Peers::open(poller, Role::Pull, address, attach, most)?;
        Ok(Self { peers, ready: BTreeSet::new(), last: Token(0) })
    }

    /// The port, if it is bound to one.
    pub fn port(&self) -> Option<u16> {
        self.peers.port()
    }

    /// The next message; none if there is none now.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        // Each has one turn: those that are read from once more may never come to an end.
        for _ in 0..self.ready.len() {
            let token = *self.ready.range(Token(self.last.0 + 1)..).next().or(self.ready.first())?;
            self.last = token;
            match self.peers.take(token) {
                Taken::Message(message) => return Some(message),
                Taken::Later => {}
                Taken::Nothing => drop(self.ready.remove(&token)),
            }
        }
        None
    }
}

impl Socket for Pull {
    fn is_busy(&self) -> bool {
        !self.ready.is_empty()
    }

    fn deadline(&self) -> Option<Instant> {
        self.peers.deadline()
    }

    fn tick(&mut self, now: Instant) {
        self.peers.tick(now);
    }

    fn notice(&mut self, event: &Event) {
        self.ready.extend(self.peers.notice(event));
    }
}
