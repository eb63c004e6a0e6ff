//! All connections of a socket: those that come to it, or the one that it makes again and again.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Interest, Token};

use crate::Attach;
use crate::address::Address;
use crate::frame::{Kind, encode};
use crate::handshake::Role;
use crate::link::{Link, Taken};
use crate::outbox::Outbox;
use crate::poller::{Poller, Registrar};
use crate::transport::{Listener, Stream};

/// In which a handshake is done, or the connection is given up.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// The first wait before it is connected again; each further one is twice as long.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);
/// The wait before it is tried again to take in those who connect, for instance when there are too many open files.
const AGAIN: Duration = Duration::from_millis(100);

enum Way {
    Bound { listener: Listener, token: Token, again: Option<Instant> },
    Connected { address: Address, attempt: usize, wait: Duration, at: Option<Instant>, waiting: Outbox },
}

/// The connections of a socket, by their tokens.
pub struct Peers {
    registrar: Registrar,
    role: Role,
    most: usize,
    way: Way,
    links: BTreeMap<Token, Link>,
    /// Those whose handshake is not done, and until when it must be.
    opening: BTreeMap<Token, Instant>,
}

impl Peers {
    /// Bind, or begin to connect.
    pub fn open(poller: &Poller, role: Role, address: &Address, attach: Attach, most: usize) -> io::Result<Self> {
        let registrar = poller.registrar()?;
        let way = match attach {
            Attach::Bind => {
                let mut listener = Listener::bind(address)?;
                let token = registrar.add(&mut listener, Interest::READABLE)?;
                Way::Bound { listener, token, again: None }
            }
            Attach::Connect => Way::Connected {
                address: address.clone(),
                attempt: 0,
                wait: SHORTEST,
                at: None,
                waiting: Outbox::default(),
            },
        };
        let mut peers = Self { registrar, role, most, way, links: BTreeMap::new(), opening: BTreeMap::new() };
        peers.connect();
        Ok(peers)
    }

    /// The port, if it is bound to one.
    pub fn port(&self) -> Option<u16> {
        match &self.way {
            Way::Bound { listener, .. } => listener.port(),
            Way::Connected { .. } => None,
        }
    }

    /// Send a message to the first peer after `last`, around the circle, that has room for it: which one that is.
    pub fn send(&mut self, last: Token, message: &[u8]) -> Option<Token> {
        // Frames wait for a peer that isn't there only where it is known that there will be one.
        let waits = matches!(self.way, Way::Connected { .. });
        loop {
            let mut circle = self.links.range(Token(last.0 + 1)..).chain(self.links.range(..=last));
            let (token, _) = circle.find(|(_, link)| (waits || link.is_open()) && !link.outbox().is_full())?;
            let token = *token;
            let link = self.links.get_mut(&token)?;
            let wrote = link.has_to_write();
            if link.send(message).is_ok() {
                self.settle(token, wrote);
                return Some(token);
            }
            self.lose(token);
        }
    }

    /// Keep a message for the next connection. False if there will be none, or one is there, or as much waits as may.
    pub fn keep(&mut self, message: &[u8]) -> bool {
        match &mut self.way {
            Way::Connected { waiting, .. } if self.links.is_empty() && !waiting.is_full() => {
                waiting.push(encode(Kind::Message, message));
                true
            }
            _ => false,
        }
    }

    /// How many frames are not written yet.
    pub fn unsent(&self) -> usize {
        let waiting = if let Way::Connected { waiting, .. } = &self.way { waiting.len() } else { 0 };
        waiting + self.links.values().map(|link| link.outbox().len()).sum::<usize>()
    }

    /// When there is something to do though nothing happens.
    pub fn deadline(&self) -> Option<Instant> {
        let way = match &self.way {
            Way::Bound { again, .. } => *again,
            Way::Connected { at, .. } => *at,
        };
        // Tokens grow, and all have the same time: the first one's is over first.
        way.into_iter().chain(self.opening.values().next().copied()).min()
    }

    /// Give up handshakes that take too long, connect again, and take in those who couldn't be before.
    pub fn tick(&mut self, now: Instant) {
        while let Some((token, _)) = self.opening.first_key_value().filter(|(_, until)| **until <= now) {
            self.lose(*token);
        }
        match &self.way {
            Way::Bound { again: Some(at), .. } if *at <= now => self.accept(),
            Way::Connected { at: Some(at), .. } if *at <= now => self.connect(),
            _ => {}
        }
    }

    /// Something has happened: the connection to which it did, if that is open.
    pub fn notice(&mut self, event: &Event) -> Option<Token> {
        let token = event.token();
        if let Some(link) = self.links.get_mut(&token) {
            let wrote = link.has_to_write();
            if link.notice(event).is_err() {
                self.lose(token);
                return None;
            }
            if link.is_open() && !self.opening.is_empty() && self.opening.remove(&token).is_some() {
                self.note_open();
            }
            self.settle(token, wrote);
            return self.links.get(&token).filter(|link| link.is_open()).map(|_| token);
        }
        if matches!(&self.way, Way::Bound { token: own, .. } if *own == token) {
            self.accept();
        }
        None
    }

    /// A message of a connection, if one is there.
    pub fn take(&mut self, token: Token) -> Taken {
        let Some(link) = self.links.get_mut(&token) else { return Taken::Nothing };
        let wrote = link.has_to_write();
        if let Ok(found) = link.take() {
            self.settle(token, wrote);
            return found;
        }
        self.lose(token);
        Taken::Nothing
    }

    /// Be told when there is room to write if that is needed now, and not if it isn't any longer.
    fn settle(&mut self, token: Token, wrote: bool) {
        if self.links.get(&token).is_some_and(|link| link.has_to_write() != wrote) {
            self.remind(token);
        }
    }

    /// Be told anew of what a connection is ready for.
    pub fn remind(&mut self, token: Token) {
        let Some(link) = self.links.get_mut(&token) else { return };
        let write = if link.has_to_write() { Some(Interest::WRITABLE) } else { None };
        let interest = write.map_or(Interest::READABLE, |write| write | Interest::READABLE);
        if self.registrar.change(link.stream(), token, interest).is_err() {
            self.lose(token);
        }
    }

    /// A connection is over. What waits for its peer waits for the next one where there will be one.
    pub fn lose(&mut self, token: Token) {
        self.opening.remove(&token);
        let Some(link) = self.links.remove(&token) else { return };
        if let Way::Connected { wait, at, waiting, .. } = &mut self.way {
            *waiting = link.into_outbox();
            *at = Some(Instant::now() + *wait);
            *wait = (*wait * 2).min(LONGEST);
        }
    }

    fn note_open(&mut self) {
        if let Way::Connected { wait, .. } = &mut self.way {
            *wait = SHORTEST;
        }
    }

    fn accept(&mut self) {
        let Way::Bound { listener, again, .. } = &mut self.way else { return };
        *again = None;
        loop {
            match listener.accept() {
                Ok(mut stream) => {
                    let Ok(token) = self.registrar.add(&mut stream, Interest::READABLE | Interest::WRITABLE) else {
                        continue;
                    };
                    self.links.insert(token, Link::new(stream, self.role, self.most, Outbox::default()));
                    self.opening.insert(token, Instant::now() + HANDSHAKE);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {
                }
                Err(_) => return *again = Some(Instant::now() + AGAIN),
            }
        }
    }

    fn connect(&mut self) {
        let Way::Connected { address, attempt, wait, at, waiting } = &mut self.way else { return };
        *at = None;
        let made = Stream::connect(address, *attempt).and_then(|mut stream| {
            let token = self.registrar.add(&mut stream, Interest::READABLE | Interest::WRITABLE)?;
            Ok((token, stream))
        });
        *attempt += 1;
        if let Ok((token, stream)) = made {
            self.links.insert(token, Link::new(stream, self.role, self.most, std::mem::take(waiting)));
            self.opening.insert(token, Instant::now() + HANDSHAKE);
        } else {
            *at = Some(Instant::now() + *wait);
            *wait = (*wait * 2).min(LONGEST);
        }
    }
}
