//! The loop: take requests, answer, and drain when told to stop.

use std::io::Write;
use std::time::{Duration, Instant};

use elsa::FrozenVec;
use minisgl_tokenizer_frames::{Answerer, End, Limits, gather};

use crate::log::Log;
use crate::sockets::Ends;
use crate::stop::Stop;

/// Without a frame for so long, a service that was told to stop has drained its requests.
const QUIET: Duration = Duration::from_millis(100);
/// Without a frame for so long, lines that were not shown are spoken of.
const IDLE: Duration = Duration::from_millis(100);

/// Answers what comes in on its ends.
pub struct Worker<W> {
    ends: Box<dyn Ends>,
    answerer: Answerer,
    limits: Limits,
    local_bs: usize,
    stop: Stop,
    log: Log<W>,
}

impl<W: Write> Worker<W> {
    /// A worker that takes no further frame once it holds `local_bs` messages, and answers until told to `stop`.
    pub fn new(
        ends: Box<dyn Ends>,
        answerer: Answerer,
        limits: Limits,
        local_bs: usize,
        stop: Stop,
        log: Log<W>,
    ) -> Self {
        Self { ends, answerer, limits, local_bs, stop, log }
    }

    /// Answer until told to stop, then what has been received by then, and close the ends. The error says why they
    /// can't be used any longer.
    pub fn run(mut self) -> Result<(), String> {
        self.answer_all()?;
        self.leave()
    }

    fn answer_all(&mut self) -> Result<(), String> {
        while !self.stop.is_set() {
            let wait = self.log.has_more().then_some(IDLE);
            if !self.step(wait)? {
                self.log.settle();
            }
        }
        // A frame may be on its way from the other end's memory to this one's.
        let mut last = Instant::now();
        while !self.stop.is_overdue() && last.elapsed() < QUIET {
            if self.step(Some(QUIET))? {
                last = Instant::now();
            }
        }
        self.log.settle();
        Ok(())
    }

    fn leave(mut self) -> Result<(), String> {
        for (end, frames) in self.ends.leave_within(self.stop.left())? {
            if frames > 0 {
                self.log.line(&format!("{frames} frames are lost: the {} doesn't read", end.name()));
            }
        }
        Ok(())
    }

    /// Take a frame, waiting so long for it if that is said, and more that are there, up to `local_bs` messages; answer them.
    /// False if there was nothing.
    fn step(&mut self, wait: Option<Duration>) -> Result<bool, String> {
        let frames = FrozenVec::new();
        let mut wait = wait;
        let mut gathered =
            gather(&frames, self.local_bs, self.limits, || self.ends.receive(wait.replace(Duration::ZERO)))?;
        if frames.is_empty() {
            return Ok(false);
        }
        let Self { answerer, ends, stop, log, .. } = self;
        answerer.answer(gathered.requests, &mut gathered.problems, |end, frame| {
            send(&mut **ends, end, frame, stop, log);
        });
        self.log.problems(&gathered.problems);
        Ok(true)
    }
}

/// Send a frame, and wait while the other side is full or not there yet: requests wait in their socket meanwhile.
fn send<W: Write>(ends: &mut dyn Ends, end: End, frame: &[u8], stop: &Stop, log: &mut Log<W>) {
    let mut lost = |why: &str| log.line(&format!("a frame of {} bytes is lost: {why}", frame.len()));
    loop {
        match ends.send(end, frame) {
            Ok(true) => return,
            Ok(false) if stop.is_overdue() => return lost(&format!("the {} doesn't read", end.name())),
            Ok(false) => {}
            Err(why) => return lost(&why),
        }
        if let Err(why) = ends.wait_for_room(end, QUIET) {
            return lost(&why);
        }
    }
}

#[cfg(test)]
mod tests;
