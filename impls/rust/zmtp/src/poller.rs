//! Waiting for all sockets of a thread at once.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Registry, Token, net};

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
    bells: Vec<net::UnixStream>,
}

impl Poller {
    /// One without sockets.
    pub fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(256), next: Rc::default(), bells: Vec::new() })
    }

    /// Wait no longer, from now on, each time that something is written to the other side of `bell`.
    pub fn heed(&mut self, bell: UnixStream) -> io::Result<()> {
        bell.set_nonblocking(true)?;
        let mut bell = net::UnixStream::from_std(bell);
        self.registrar()?.add(&mut bell, Interest::READABLE)?;
        self.bells.push(bell);
        Ok(())
    }

    /// Wait until something happens to one of these sockets, for so long at most if that is said, or until there is a
    /// signal or a bell; and have the sockets do what is to be done then.
    pub fn wait(&mut self, most: Option<Duration>, sockets: &mut [&mut dyn Socket]) -> io::Result<()> {
        let deadline = sockets.iter().filter_map(|socket| socket.deadline()).min();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let busy = sockets.iter().any(|socket| socket.is_busy()).then_some(Duration::ZERO);
        // Without a limit the system sets no timer, which is felt where every frame is waited for.
        match self.poll.poll(&mut self.events, [most, left, busy].into_iter().flatten().min()) {
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_bell_ends_the_wait_each_time_that_it_is_rung() {
        const LONG: Duration = Duration::from_secs(20);
        let mut poller = Poller::new().unwrap();
        let (mut rope, bell) = UnixStream::pair().unwrap();
        poller.heed(bell).unwrap();
        for _ in 0..3 {
            rope.write_all(&[1]).unwrap();
            let begun = Instant::now();
            poller.wait(Some(LONG), &mut []).unwrap();
            assert!(begun.elapsed() < LONG);
        }
        poller.wait(Some(Duration::from_millis(1)), &mut []).unwrap();
        assert!(poller.events.is_empty());
    }
}
