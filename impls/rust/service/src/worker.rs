//! The loop: take requests, answer, and drain when told to stop.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use elsa::FrozenVec;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use zmq::{DONTWAIT, POLLIN, POLLOUT, PollItem, Socket};

use crate::answer::{Answerer, End};
use crate::sockets::{LINGER, Sockets};
use crate::wire::{Limits, Problem, read};

/// Milliseconds without a frame after which a service that was told to stop has drained its requests.
const QUIET: i64 = 100;
const LOGGED_AT_ONCE: usize = 10;

/// Answers what comes in on its sockets.
pub struct Worker {
    sockets: Sockets,
    answerer: Answerer,
    limits: Limits,
    local_bs: usize,
    /// Becomes readable when the service is told to stop.
    stop: UnixStream,
}

impl Worker {
    /// A worker that SIGTERM and SIGINT stop.
    pub fn new(sockets: Sockets, answerer: Answerer, limits: Limits, local_bs: usize) -> io::Result<Self> {
        let (stop, signalled) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT] {
            pipe::register(signal, signalled.try_clone()?)?;
        }
        Ok(Self { sockets, answerer, limits, local_bs, stop })
    }

    /// Answer until told to stop, then what has been received by then.
    pub fn run(&mut self) -> zmq::Result<()> {
        loop {
            let mut items = [self.sockets.pull.as_poll_item(POLLIN), PollItem::from_fd(self.stop.as_raw_fd(), POLLIN)];
            match zmq::poll(&mut items, -1) {
                Err(zmq::Error::EINTR) => continue,
                polled => polled?,
            };
            if items[1].is_readable() {
                break;
            }
            while self.step(None) {}
        }
        let overdue = Instant::now() + Duration::from_millis(LINGER.unsigned_abs().into());
        // A frame may be on its way from the other end's memory to this one's.
        while Instant::now() < overdue && (self.step(Some(overdue)) || self.sockets.pull.poll(POLLIN, QUIET)? > 0) {}
        Ok(())
    }

    /// Take what is there, up to `local_bs` messages, and answer it. False if there was nothing.
    fn step(&mut self, overdue: Option<Instant>) -> bool {
        let frames: FrozenVec<Vec<u8>> = FrozenVec::new();
        let (mut requests, mut problems) = (Vec::new(), Vec::new());
        // Frames are counted too: a flood of bad ones must not keep what is held from being answered.
        while requests.len() < self.local_bs && frames.len() < self.local_bs {
            let Ok(frame) = self.sockets.pull.recv_bytes(DONTWAIT) else { break };
            read(frames.push_get(frame), self.limits, &mut requests, &mut problems);
        }
        if frames.is_empty() {
            return false;
        }
        let Self { answerer, sockets, .. } = self;
        answerer.answer(requests, &mut problems, |end, frame| match end {
            End::Frontend => send(&sockets.frontend, frame, "front end", overdue),
            End::Backend => send(&sockets.backend, frame, "back end", overdue),
        });
        report(&problems);
        true
    }
}

/// Send a frame, and wait while the other side is full or not there yet: requests wait in their socket meanwhile.
fn send(socket: &Socket, frame: &[u8], name: &str, overdue: Option<Instant>) {
    while let Err(error) = socket.send(frame, DONTWAIT) {
        let waits = matches!(error, zmq::Error::EAGAIN | zmq::Error::EINTR);
        if !waits || overdue.is_some_and(|overdue| Instant::now() > overdue) {
            return eprintln!("a frame of {} bytes is lost: the {name} doesn't read ({error})", frame.len());
        }
        let _ = socket.poll(POLLOUT, 100);
    }
}

fn report(problems: &[Problem]) {
    for problem in problems.iter().take(LOGGED_AT_ONCE) {
        let who = problem.uid.map(|uid| format!(" of uid {uid}")).unwrap_or_default();
        eprintln!("{}{who}: {}", problem.code, problem.message.escape_debug());
    }
    if problems.len() > LOGGED_AT_ONCE {
        eprintln!("and {} more bad messages with it", problems.len() - LOGGED_AT_ONCE);
    }
}
