//! Decoders that make a text of each token by itself, such as `WordPiece` and Metaspace.
//!
//! Only the first token of a window is decoded otherwise. Every window but those of a stream's first commit begins
//! with its prefix, so the new text is that of the new tokens, and all that a stream has to remember is that it began.

use super::chunks::Chunks;
use super::held::Held;
use super::table::{Arena, PositionalDecoder, is_whole};
use super::{Detokenizer, Streams};

pub struct Positional {
    first: Arena<String>,
    later: Arena<String>,
    kinds: Vec<Kind>,
    streams: Streams<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No piece: the window doesn't grow.
    Nothing,
    /// Commits at once behind a window that is committed.
    Whole,
    /// Doesn't.
    Part,
}

enum State {
    /// All is committed.
    Rest,
    /// Some text is not.
    Open(Held),
}

impl Positional {
    pub fn new(decoder: &PositionalDecoder, pieces: &[Option<String>]) -> Self {
        let mut new = Self {
            first: Arena::default(),
            later: Arena::default(),
            kinds: Vec::with_capacity(pieces.len()),
            streams: Streams::default(),
        };
        for piece in pieces {
            let texts = piece.as_deref().map(|piece| [true, false].map(|first| decoder.decode(piece, first)));
            let [first, later] = texts.as_ref().map_or(["", ""], |[a, b]| [a, b]);
            new.first.push(first);
            new.later.push(later);
            new.kinds.push(match piece {
                None => Kind::Nothing,
                Some(_) if is_whole(later) => Kind::Whole,
                Some(_) => Kind::Part,
            });
        }
        new
    }

    pub fn token_text(&self, token: u32) -> &str {
        self.later.get(token)
    }
}

impl Detokenizer for Positional {
    fn push(&mut self, uid: u64, token: u32, chunks: &mut Chunks) {
        let kind = self.kinds.get(token as usize).copied();
        let Some(kind) = kind.filter(|kind| *kind != Kind::Nothing) else {
            return chunks.push_empty();
        };
        let mut held = match self.streams.get_mut(&uid) {
            Some(State::Rest) if kind == Kind::Whole => return chunks.push_token(token),
            Some(State::Rest) => {
                let mut held = Held::default();
                held.push_str(self.later.get(token));
                held
            }
            Some(State::Open(held)) => {
                held.push_str(self.later.get(token));
                std::mem::take(held)
            }
            None => {
                let mut held = Held::default();
                held.push_str(self.first.get(token));
                held
            }
        };
        let state = if held.is_whole() {
            chunks.push_text(held.commit());
            State::Rest
        } else {
            held.show(false, |text| chunks.push_text(text));
            State::Open(held)
        };
        self.streams.insert(uid, state);
    }

    fn forget(&mut self, uid: u64) {
        self.streams.remove(&uid);
    }

    fn len(&self) -> usize {
        self.streams.len()
    }
}
