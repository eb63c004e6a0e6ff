//! The loop: take requests, answer, and drain when told to stop.

use std::io::Write;

use elsa::FrozenVec;
use zmq::{DONTWAIT, POLLIN, POLLOUT, Socket};

use crate::answer::{Answerer, End};
use crate::log::Log;
use crate::sockets::Sockets;
use crate::stop::Stop;
use crate::wire::{Limits, read};

/// Milliseconds without a frame after which a service that was told to stop has drained its requests.
const QUIET: i64 = 100;
/// Milliseconds without a frame after which to look for the wish to stop, and lines that were not shown are spoken of.
const IDLE: i32 = 100;

/// Answers what comes in on its sockets.
pub struct Worker<W> {
    sockets: Sockets,
    answerer: Answerer,
    limits: Limits,
    local_bs: usize,
    stop: Stop,
    log: Log<W>,
}

impl<W: Write> Worker<W> {
    /// A worker that takes no further frame once it holds `local_bs` messages, and answers until told to `stop`.
    pub fn new(sockets: Sockets, answerer: Answerer, limits: Limits, local_bs: usize, stop: Stop, log: Log<W>) -> Self {
        Self { sockets, answerer, limits, local_bs, stop, log }
    }

    /// Answer until told to stop, then what has been received by then.
    pub fn run(&mut self) -> zmq::Result<()> {
        // Waiting within the call that receives spares the system calls of a poll before it. A signal interrupts
        // that; one that comes just before is noticed when the wait is over.
        self.sockets.pull.set_rcvtimeo(IDLE)?;
        while !self.stop.is_set() {
            if !self.step(0)? {
                self.log.settle();
            }
        }
        // A frame may be on its way from the other end's memory to this one's.
        while !self.stop.is_overdue() && (self.step(DONTWAIT)? || is_ready(&self.sockets.pull, QUIET)?) {}
        self.log.settle();
        self.sockets.leave_within(self.stop.left())
    }

    /// Take a frame, with these flags, and more that are there, up to `local_bs` messages; answer them.
    /// False if there was nothing.
    fn step(&mut self, flags: i32) -> zmq::Result<bool> {
        let frames: FrozenVec<Vec<u8>> = FrozenVec::new();
        let (mut requests, mut problems, mut bytes) = (Vec::new(), Vec::new(), 0);
        // Frames and their bytes are counted too: a flood of bad ones must not keep what is held from being answered.
        while requests.len() < self.local_bs && frames.len() < self.local_bs && bytes <= self.limits.frame {
            let flags = if frames.is_empty() { flags } else { DONTWAIT };
            let Some(frame) = receive(&self.sockets.pull, flags)? else { break };
            bytes += frame.len();
            read(frames.push_get(frame), self.limits, &mut requests, &mut problems);
        }
        if frames.is_empty() {
            return Ok(false);
        }
        let Self { answerer, sockets, stop, log, .. } = self;
        answerer.answer(requests, &mut problems, |end, frame| match end {
            End::Frontend => send(&sockets.frontend, frame, "front end", stop, log),
            End::Backend => send(&sockets.backend, frame, "back end", stop, log),
        });
        self.log.problems(&problems);
        Ok(true)
    }
}

/// The next frame; none if there is none in time, or if a signal comes first.
fn receive(pull: &Socket, flags: i32) -> zmq::Result<Option<Vec<u8>>> {
    match pull.recv_bytes(flags) {
        Ok(frame) => Ok(Some(frame)),
        Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Send a frame, and wait while the other side is full or not there yet: requests wait in their socket meanwhile.
fn send<W: Write>(socket: &Socket, frame: &[u8], name: &str, stop: &Stop, log: &mut Log<W>) {
    while let Err(error) = socket.send(frame, DONTWAIT) {
        let waits = matches!(error, zmq::Error::EAGAIN | zmq::Error::EINTR);
        if !waits || stop.is_overdue() {
            return log.line(&format!("a frame of {} bytes is lost: the {name} doesn't read ({error})", frame.len()));
        }
        let _ = socket.poll(POLLOUT, QUIET);
    }
}

/// Whether a frame is there, waiting for it up to so many milliseconds.
fn is_ready(socket: &Socket, milliseconds: i64) -> zmq::Result<bool> {
    match socket.poll(POLLIN, milliseconds) {
        Err(zmq::Error::EINTR) => Ok(true),
        polled => polled.map(|ready| ready > 0),
    }
}

#[cfg(test)]
mod tests;
