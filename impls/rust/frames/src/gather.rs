//! Frames that are answered together.

use std::ops::Deref;

use elsa::FrozenVec;
use minisgl_tokenizer::caught;

use crate::wire::{Limits, Problem, Request, read};

/// The requests of some frames, in the order in which they came, and what is wrong with the frames.
#[derive(Default)]
pub struct Gathered<'a> {
    /// What is well-formed.
    pub requests: Vec<Request<'a>>,
    /// What is not.
    pub problems: Vec<Problem>,
}

/// Take what `next` gives until it gives none, or until there are `most` messages; `frames` holds it, and is empty.
/// A frame is never cut, so the last one may take it over the number.
pub fn gather<F, E>(
    frames: &FrozenVec<Box<F>>,
    most: usize,
    limits: Limits,
    mut next: impl FnMut() -> Result<Option<F>, E>,
) -> Result<Gathered<'_>, E>
where
    F: Deref<Target = [u8]>,
{
    let (mut gathered, mut bytes) = (Gathered::default(), 0);
    // Frames and their bytes are counted too: a flood of bad ones must not keep what is held from being answered.
    while gathered.requests.len() < most && frames.len() < most && bytes <= limits.frame {
        let Some(frame) = next()? else { break };
        bytes += frame.len();
        let frame = frames.push_get(Box::new(frame));
        let (requests, problems) = (gathered.requests.len(), gathered.problems.len());
        if let Err(panic) = caught(|| read(frame, limits, &mut gathered.requests, &mut gathered.problems)) {
            gathered.requests.truncate(requests);
            gathered.problems.truncate(problems);
            gathered.problems.push(Problem::new("internal", panic, None));
        }
    }
    Ok(gathered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::wire::{abort, batch};

    const LIMITS: Limits = Limits { frame: 200, prompt: 100 };

    /// How many requests and problems there are of these frames, and how many frames are left.
    fn gathered(frames: Vec<Vec<u8>>, most: usize) -> (usize, usize, usize) {
        let (held, mut frames) = (FrozenVec::new(), frames.into_iter());
        let gathered = gather(&held, most, LIMITS, || Ok::<_, ()>(frames.next())).unwrap();
        (gathered.requests.len(), gathered.problems.len(), frames.count())
    }

    #[test]
    fn frames_are_taken_whole_until_there_are_enough_messages() {
        let frames = || vec![abort(1), batch(&vec![abort(2); 2]), abort(3), abort(4)];
        assert_eq!(gathered(frames(), 1), (1, 0, 3));
        assert_eq!(gathered(frames(), 2), (3, 0, 2));
        assert_eq!(gathered(frames(), 4), (4, 0, 1));
        assert_eq!(gathered(frames(), 9), (5, 0, 0));
        assert_eq!(gathered(Vec::new(), 9), (0, 0, 0));
    }

    #[test]
    fn bad_frames_and_their_bytes_are_counted() {
        assert_eq!(gathered(vec![vec![7]; 10], 4), (0, 4, 6));
        assert_eq!(gathered(vec![vec![0; 120]; 10], 100), (0, 2, 8));
    }

    #[test]
    fn what_keeps_frames_from_coming_is_passed_on() {
        let held: FrozenVec<Box<Vec<u8>>> = FrozenVec::new();
        let mut first = Some(abort(1));
        assert_eq!(gather(&held, 9, LIMITS, || first.take().map(Some).ok_or("broken")).err(), Some("broken"));
    }
}
