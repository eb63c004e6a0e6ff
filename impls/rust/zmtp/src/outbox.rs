//! Frames that wait to be written.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

/// The most frames that wait for a peer, as many as with libzmq.
pub const MOST_FRAMES: usize = 1000;
/// Frames that are handed to the system in one call.
const TOGETHER: usize = 64;

/// A queue of encoded frames, the first of which may be written in part.
#[derive(Default)]
pub struct Outbox {
    frames: VecDeque<Vec<u8>>,
    written: usize,
}

impl Outbox {
    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether there are as many as there may be.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= MOST_FRAMES
    }

    /// A frame more.
    pub fn push(&mut self, frame: Vec<u8>) {
        self.frames.push_back(frame);
    }

    /// A frame for an empty queue, of which so many bytes are written.
    pub fn push_rest(&mut self, frame: Vec<u8>, written: usize) {
        debug_assert!(self.is_empty() && written < frame.len());
        self.frames.push_back(frame);
        self.written = written;
    }

    /// Begin again with a frame that was written in part: whoever has the part has no use for it.
    pub fn rewind(&mut self) {
        self.written = 0;
    }

    /// Write until there is nothing left, or until no more is taken now.
    pub fn write_to(&mut self, to: &mut impl Write) -> io::Result<()> {
        while let Some(first) = self.frames.front() {
            let others = self.frames.iter().skip(1).take(TOGETHER - 1);
            let slices: Vec<IoSlice<'_>> =
                [&first[self.written..]].into_iter().chain(others.map(|frame| &frame[..])).map(IoSlice::new).collect();
            match to.write_vectored(&slices) {
                Ok(count) => self.note_written(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn note_written(&mut self, count: usize) {
        self.written += count;
        while let Some(first) = self.frames.front().filter(|first| first.len() <= self.written) {
            self.written -= first.len();
            self.frames.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at a time, and then none once.
    struct Narrow {
        width: usize,
        open: bool,
        taken: Vec<u8>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.open = !self.open;
            if !self.open {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(self.width);
            self.taken.extend(&bytes[..count]);
            Ok(count)
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            self.write(&all)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_is_written_in_order_however_little_is_taken_at_a_time() {
        let frames: Vec<Vec<u8>> = (1..100).map(|at| vec![at; usize::from(at)]).collect();
        for width in [1, 2, 3, 50, 99, 100, 1000, 100_000] {
            let (mut outbox, mut to) = (Outbox::default(), Narrow { width, open: false, taken: Vec::new() });
            for frame in &frames {
                outbox.push(frame.clone());
            }
            while !outbox.is_empty() {
                outbox.write_to(&mut to).unwrap();
            }
            assert_eq!(to.taken, frames.concat());
        }
    }

    #[test]
    fn a_frame_written_in_part_is_written_whole_to_the_next() {
        let (mut outbox, mut to) = (Outbox::default(), Narrow { width: 3, open: false, taken: Vec::new() });
        outbox.push_rest(b"abcdef".to_vec(), 1);
        outbox.push(b"gh".to_vec());
        outbox.write_to(&mut to).unwrap();
        assert_eq!(to.taken, b"bcd");
        outbox.rewind();
        let mut next = Vec::new();
        outbox.write_to(&mut next).unwrap();
        assert_eq!(next, b"abcdefgh");
    }
}
