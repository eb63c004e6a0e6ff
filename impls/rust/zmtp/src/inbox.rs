//! Bytes that were read and not taken yet.

use std::io::{self, Read};

/// Read at a time, and kept for a peer that sends nothing longer.
const USUAL: usize = 64 * 1024;

/// A buffer that grows with what has arrived, not with what is claimed to come.
#[derive(Default)]
pub struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// What was read and not taken yet.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Take so many bytes away.
    pub fn take(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() > 4 * USUAL {
                self.buffer = Vec::new();
            }
        }
    }

    /// Read once: how many bytes came, and whether there may be more.
    pub fn fill(&mut self, from: &mut impl Read) -> io::Result<(usize, bool)> {
        if self.end == self.buffer.len() {
            self.make_room();
        }
        let room = &mut self.buffer[self.end..];
        let count = from.read(room)?;
        let more = count == room.len();
        self.end += count;
        Ok((count, more))
    }

    fn make_room(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end > self.buffer.len() / 2 || self.buffer.is_empty() {
            self.buffer.resize((2 * self.buffer.len()).max(USUAL), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_there_until_it_is_taken() {
        let all: Vec<u8> = (0..2_000_000u32).map(|at| (at % 251) as u8).collect();
        let mut inbox = Inbox::default();
        let (mut from, mut taken): (_, Vec<u8>) = (&all[..], Vec::new());
        for step in (1..).map(|at| at * 7919 % 100_000) {
            let (count, more) = inbox.fill(&mut from).unwrap();
            assert!(more || from.is_empty());
            let take = step.min(inbox.bytes().len());
            taken.extend(&inbox.bytes()[..take]);
            inbox.take(take);
            if count == 0 && inbox.bytes().is_empty() {
                break;
            }
        }
        assert!(taken == all);
    }

    #[test]
    fn it_grows_with_what_came_and_shrinks_again() {
        let mut inbox = Inbox::default();
        inbox.fill(&mut &b"a"[..]).unwrap();
        assert_eq!(inbox.buffer.len(), USUAL);
        let mut from = io::repeat(1);
        while inbox.bytes().len() < 1_000_000 {
            inbox.fill(&mut from).unwrap();
            assert!(inbox.buffer.len() <= (2 * inbox.bytes().len()).max(USUAL));
        }
        inbox.take(inbox.bytes().len());
        assert!(inbox.buffer.is_empty());
    }
}
