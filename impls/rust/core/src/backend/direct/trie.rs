//! The pieces of a vocabulary by their bytes.

/// A state. The next one after a byte is at `base ^ byte`, if it says that it comes from here.
#[derive(Clone, Copy)]
struct State {
    /// With `ENDS` in it if a piece ends here.
    base: u32,
    from: u32,
}

const ENDS: u32 = 1 << 31;
const NONE: u32 = u32::MAX;
const FREE: State = State { base: 0, from: NONE };
const BLOCK: usize = 256;
/// Places that may be tried in vain before those in front are given up.
const PATIENCE: usize = 256;

/// A trie in two arrays: a step is one look-up.
pub struct Trie {
    states: Vec<State>,
    /// The id of the piece that ends at each state.
    ids: Vec<u32>,
    first_free: usize,
}

impl Trie {
    /// Of pieces and their ids. Of equal pieces the last one counts; empty ones are never found.
    pub fn new<'a>(pieces: impl IntoIterator<Item = (&'a [u8], u32)>) -> Self {
        let mut pieces: Vec<(&[u8], u32)> = pieces.into_iter().collect();
        pieces.sort_by_key(|(piece, _)| *piece);
        let mut own = Self { states: vec![FREE; BLOCK], ids: Vec::new(), first_free: 1 };
        own.states[0].from = 0;
        let mut ends = Vec::new();
        let mut pending = vec![(0, 0, &pieces[..])];
        while let Some((state, depth, mut below)) = pending.pop() {
            while let Some((_, id)) = below.first().filter(|(piece, _)| piece.len() == depth) {
                if depth > 0 {
                    ends.push((state, *id));
                }
                below = &below[1..];
            }
            let branches: Vec<&[(&[u8], u32)]> = below.chunk_by(|a, b| a.0[depth] == b.0[depth]).collect();
            let bytes: Vec<u8> = branches.iter().map(|branch| branch[0].0[depth]).collect();
            if bytes.is_empty() {
                continue;
            }
            let base = own.room(&bytes);
            own.states[state].base = base as u32;
            for (byte, branch) in bytes.iter().zip(branches) {
                let next = base ^ usize::from(*byte);
                own.states[next].from = state as u32;
                pending.push((next, depth + 1, branch));
            }
        }
        own.ids.resize(own.states.len(), 0);
        for (state, id) in ends {
            own.states[state].base |= ENDS;
            own.ids[state] = id;
        }
        own
    }

    /// A base whose places for some bytes are all free.
    fn room(&mut self, bytes: &[u8]) -> usize {
        let (mut at, mut tried) = (self.first_free, 0);
        loop {
            if at >= self.states.len() {
                self.states.resize(self.states.len() + BLOCK, FREE);
            }
            if self.states[at].from == NONE {
                let base = at ^ usize::from(bytes[0]);
                if bytes.iter().all(|byte| self.states[base ^ usize::from(*byte)].from == NONE) {
                    return base;
                }
                tried += 1;
                if tried == PATIENCE {
                    self.first_free = at;
                }
            } else if tried == 0 {
                self.first_free = at + 1;
            }
            at += 1;
        }
    }

    /// Call `each` with the length and the id of every piece that a text begins with, short ones first.
    #[inline]
    pub fn prefixes(&self, text: &[u8], mut each: impl FnMut(usize, u32)) {
        let (mut state, mut base) = (0, self.states[0].base);
        for (at, byte) in text.iter().enumerate() {
            let next = (base & !ENDS) ^ u32::from(*byte);
            let State { base: after, from } = self.states[next as usize];
            // A state without any next one has base 0, which is in the array as all its block is.
            if next == 0 || from != state {
                return;
            }
            (state, base) = (next, after);
            if base & ENDS != 0 {
                each(at + 1, self.ids[state as usize]);
            }
        }
    }

    /// The length and the id of the longest piece that a text begins with.
    pub fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        let mut found = None;
        self.prefixes(text, |length, id| found = Some((length, id)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_found_and_nothing_else() {
        let mut state = 1u32;
        let mut next = |end: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % end
        };
        for spread in [2, 7, 256] {
            let mut piece = || (0..=next(6)).map(|_| next(spread) as u8).collect::<Vec<u8>>();
            let pieces: Vec<Vec<u8>> = (0..3000).map(|_| piece()).collect();
            let texts: Vec<Vec<u8>> = (0..3000).map(|_| piece()).collect();
            let trie = Trie::new(pieces.iter().map(Vec::as_slice).zip(0..));
            for text in &texts {
                let mut found = Vec::new();
                trie.prefixes(text, |length, id| found.push((length, id)));
                let id = |length: &usize| pieces.iter().rposition(|piece| *piece == text[..*length]);
                let expected: Vec<(usize, u32)> =
                    (1..=text.len()).filter_map(|length| Some((length, id(&length)? as u32))).collect();
                assert_eq!(found, expected, "{text:?}");
                assert_eq!(trie.longest(text), expected.last().copied());
            }
        }
    }

    #[test]
    fn an_empty_piece_is_not_found_and_no_pieces_are_fine() {
        assert_eq!(Trie::new([]).longest(b"a"), None);
        assert_eq!(Trie::new([(&b""[..], 1)]).longest(b"a"), None);
        assert_eq!(Trie::new([(&b""[..], 1), (&b"\0"[..], 2)]).longest(b"\0a"), Some((1, 2)));
    }
}
