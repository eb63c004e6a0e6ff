//! Vocabularies with `byte_fallback`: text tokens, and a token for each byte.
//!
//! The decoder joins a *run* of neighbouring byte tokens. A run that is valid UTF-8 is its text, any other is one
//! U+FFFD a byte: one more byte can change everything that the run showed before. A text token ends the run and
//! settles it.
//!
//! The reference cuts its windows between tokens, within a run too. The prefix of a window then ends in the first part
//! of a run, always valid by itself or it wouldn't have been committed, and two things follow:
//!
//! - If the run goes on and becomes invalid, the prefix's part of it grows, from its code points to as many U+FFFD as
//!   it has bytes. The excess comes out as new text. That number, `debt`, is all that has to be remembered of a prefix.
//! - The space that the decoder strips at the start of a window is the same one in the window and in its prefix, so it
//!   cancels out. There are two exceptions. In the first window of a stream the prefix is empty and the space is lost.
//!   And where the whole prefix is a run with a leading space, that space isn't there to be stripped once the run is
//!   invalid: the prefix alone is a code point shorter, and `debt` one larger.

use super::chunks::Chunks;
use super::held::Held;
use super::printable::REPLACEMENT;
use super::table::{Arena, FallbackDecoder, FallbackPiece, is_whole};
use super::{Detokenizer, Streams};

pub struct ByteFallback {
    texts: Arena<String>,
    kinds: Vec<Kind>,
    strips_space: bool,
    streams: Streams<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// A text that commits at once behind a window that is committed.
    Whole,
    /// Another text.
    Text,
    Byte(u8),
}

enum State {
    /// Just committed, and not in a run.
    Rest,
    Open(Box<Stream>),
}

/// The byte tokens at the end of a stream, after the last text token.
#[derive(Default)]
struct Run {
    /// How many there are.
    size: usize,
    /// How many U+FFFD they are the encoding of: any other character is committed by its last byte.
    characters: usize,
    unfinished: [u8; 4],
    unfinished_len: usize,
    /// The run can no longer be valid: each byte is settled as one U+FFFD.
    broken: bool,
    /// The run begins the window's new tokens, and itself with a space.
    spaced: bool,
}

/// A stream's new tokens, those since the last commit, and what they need to know of the prefix.
#[derive(Default)]
struct Stream {
    held: Held,
    run: Run,
    debt: usize,
    /// The space at the start of the new text is stripped.
    strips: bool,
    /// The tokens before the run had text.
    worded: bool,
}

impl ByteFallback {
    pub fn new(decoder: &FallbackDecoder, pieces: &[Option<String>]) -> Self {
        let mut new = Self {
            texts: Arena::default(),
            kinds: Vec::with_capacity(pieces.len()),
            strips_space: decoder.strips_space,
            streams: Streams::default(),
        };
        for piece in pieces {
            let (text, kind) = match piece.as_deref().map(|piece| decoder.decode(piece)) {
                None => (String::new(), Kind::Nothing),
                Some(FallbackPiece::Byte(byte)) => (String::new(), Kind::Byte(byte)),
                Some(FallbackPiece::Text(text)) if is_whole(&text) => (text, Kind::Whole),
                Some(FallbackPiece::Text(text)) => (text, Kind::Text),
            };
            new.texts.push(&text);
            new.kinds.push(kind);
        }
        new
    }

    pub fn token_text(&self, token: u32) -> &str {
        self.texts.get(token)
    }
}

impl Detokenizer for ByteFallback {
    fn push(&mut self, uid: u64, token: u32, chunks: &mut Chunks) {
        let kind = match self.kinds.get(token as usize) {
            None | Some(Kind::Nothing) => return chunks.push_empty(),
            Some(kind) => *kind,
        };
        let strips = self.strips_space;
        let state = self.streams.entry(uid).or_insert_with(|| {
            let stream = Stream { strips, ..Stream::default() };
            State::Open(Box::new(stream))
        });
        let stream = match state {
            State::Rest if kind == Kind::Whole => return chunks.push_token(token),
            State::Rest => {
                *state = State::Open(Box::default());
                let State::Open(stream) = state else { return };
                stream
            }
            State::Open(stream) => stream,
        };
        let committed = match kind {
            Kind::Byte(byte) => stream.feed_byte(byte),
            _ => stream.feed_text(self.texts.get(token)),
        };
        if !committed {
            return stream.show(chunks);
        }
        chunks.push_text(stream.held.commit());
        let debt = stream.debt_of_prefix(strips);
        if debt == 0 {
            *state = State::Rest;
        } else {
            **stream = Stream { debt, ..Stream::default() };
        }
    }

    fn forget(&mut self, uid: u64) {
        self.streams.remove(&uid);
    }

    fn len(&self) -> usize {
        self.streams.len()
    }
}

impl Stream {
    /// Add a text token. True if that commits.
    fn feed_text(&mut self, text: &str) -> bool {
        self.end_run();
        if !text.is_empty() {
            let stripped = if self.strips && !self.worded { text.strip_prefix(' ') } else { None };
            self.held.push_str(stripped.unwrap_or(text));
            self.worded = true;
        }
        self.held.is_whole()
    }

    /// Add a byte token. True if that commits.
    fn feed_byte(&mut self, byte: u8) -> bool {
        let run = &mut self.run;
        if run.size == 0 {
            run.spaced = !self.worded && byte == b' ';
        }
        run.size += 1;
        if run.broken {
            self.held.push_replacements(1);
            return false;
        }
        run.unfinished[run.unfinished_len] = byte;
        run.unfinished_len += 1;
        let text = match str::from_utf8(&run.unfinished[..run.unfinished_len]) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() => return false,
            Err(_) => {
                self.break_run();
                return false;
            }
        };
        let is_replacement = text.starts_with(REPLACEMENT);
        let is_stripped = run.spaced && self.strips && run.size == 1;
        if !is_replacement && !is_stripped {
            self.held.push_replacements(run.characters);
            self.held.push_str(text);
            run.characters += 1;
            run.unfinished_len = 0;
            return true;
        }
        run.characters += usize::from(is_replacement);
        run.unfinished_len = 0;
        false
    }

    /// The chunk of a message that didn't commit.
    fn show(&mut self, chunks: &mut Chunks) {
        let unsettled = self.run.size > 0 && !self.run.broken;
        self.held.show(unsettled, |text| chunks.push_text(text));
    }

    /// The debt of the window that follows, after a commit: these new tokens are its prefix.
    fn debt_of_prefix(&self, strips_space: bool) -> usize {
        let stripped = self.run.spaced && strips_space && !self.strips;
        self.run.size + usize::from(stripped) - self.run.characters
    }

    /// Settle the run: a text token follows.
    fn end_run(&mut self) {
        if self.run.size > 0 {
            if self.run.unfinished_len > 0 {
                self.break_run();
            } else if !self.run.broken {
                self.held.push_replacements(self.run.characters);
            }
            self.worded = true;
            self.run = Run::default();
        }
        self.debt = 0;
    }

    /// The run is invalid for good: settle it, and the part of it that the prefix has.
    fn break_run(&mut self) {
        self.held.push_replacements(self.run.size + self.debt);
        self.run.unfinished_len = 0;
        self.run.broken = true;
    }
}
