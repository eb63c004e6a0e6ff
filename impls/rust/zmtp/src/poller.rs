//! Waiting for all sockets of a thread at once.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Registry, Token};

/// What a [`Poller`] has to tell a socket.
pub trait Socket {
    /// Whether there may be something to do without waiting.
    fn is_busy(&self) -> bool;
    /// When it has something to do though nothing happens.
    fn deadline(&self) -> Option<Instant>;
    /// Do what was to be done by now.
    fn tick(&mut self, now: Instant);
    /// Something has happened, to this socket or to another.
    fn notice(&mut self, event: &Event);
}

/// Waits for the sockets that were opened with it.
pub struct Poller {
    poll: Poll,
    events: Events,
    next: Rc<Cell<usize>>,
}

impl Poller {
    /// One without sockets.
    pub fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(256), next: Rc::default() })
    }

    /// Wait until something happens to one of these sockets, for so long at most, or until there is a signal; and have
    /// the sockets do what is to be done then.
    pub fn wait(&mut self, most: Duration, sockets: &mut [&mut dyn Socket]) -> io::Result<()> {
        let deadline = sockets.iter().filter_map(|socket| socket.deadline()).min();
        let most = match deadline {
            _ if sockets.iter().any(|socket| socket.is_busy()) => Duration::ZERO,
            Some(deadline) => most.min(deadline.saturating_duration_since(Instant::now())),
            None => most,
        };
        match self.poll.poll(&mut self.events, Some(most)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in &self.events {
            for socket in &mut *sockets {
                socket.notice(event);
            }
        }
        if deadline.is_some() {
            let now = Instant::now();
            for socket in sockets {
                socket.tick(now);
            }
        }
        Ok(())
    }

    /// What a socket registers its connections with.
    pub(crate) fn registrar(&self) -> io::Result<Registrar> {
        Ok(Registrar { registry: self.poll.registry().try_clone()?, next: Rc::clone(&self.next) })
    }
}

/// Gives each connection a token of its own, which no later one gets.
pub struct Registrar {
    registry: Registry,
    next: Rc<Cell<usize>>,
}

impl Registrar {
    /// Be told of what happens to a source.
    pub fn add(&self, source: &mut impl Source, interest: Interest) -> io::Result<Token> {
        let token = Token(self.next.replace(self.next.get() + 1));
        self.registry.register(source, token, interest)?;
        Ok(token)
    }

    /// Be told of other things.
    pub fn change(&self, source: &mut impl Source, token: Token, interest: Interest) -> io::Result<()> {
        self.registry.reregister(source, token, interest)
    }
}
