//! Byte-level BPE: bytes in, text out.
//!
//! The reference cuts its windows where it committed, and commits only a text that doesn't end in U+FFFD: at a cut no
//! character is unfinished. So the prefix of a window decodes alike alone and within the window, the new text is that
//! of the bytes since the last commit, and a stream that has just committed is no different from one that has not
//! begun. Only streams inside a character, or behind a U+FFFD, are kept at all.

use super::chunks::Chunks;
use super::held::Held;
use super::printable::REPLACEMENT;
use super::table::{Arena, byte_level_bytes, is_whole};
use super::{Detokenizer, Streams};

pub struct ByteLevel {
    bytes: Arena<Vec<u8>>,
    texts: Arena<String>,
    kinds: Vec<Kind>,
    open: Streams<Open>,
    joined: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Whole,
    Part,
}

/// A stream with text that isn't committed, and the bytes at its end that begin a character.
#[derive(Default)]
struct Open {
    held: Held,
    unfinished: Unfinished,
}

#[derive(Default, Clone, Copy)]
struct Unfinished {
    bytes: [u8; 3],
    len: u8,
}

impl ByteLevel {
    pub fn new(pieces: &[Option<String>]) -> Self {
        let mut new = Self {
            bytes: Arena::default(),
            texts: Arena::default(),
            kinds: Vec::with_capacity(pieces.len()),
            open: Streams::default(),
            joined: Vec::new(),
        };
        for piece in pieces {
            let bytes = piece.as_deref().map(byte_level_bytes).unwrap_or_default();
            let text = str::from_utf8(&bytes).ok().filter(|text| is_whole(text));
            new.bytes.push(&bytes);
            new.texts.push(text.unwrap_or(""));
            new.kinds.push(match text {
                _ if bytes.is_empty() => Kind::Nothing,
                Some(_) => Kind::Whole,
                None => Kind::Part,
            });
        }
        new
    }

    pub fn token_text(&self, token: u32) -> &str {
        self.texts.get(token)
    }
}

impl Detokenizer for ByteLevel {
    fn push(&mut self, uid: u64, token: u32, chunks: &mut Chunks) {
        match self.kinds.get(token as usize).copied() {
            None | Some(Kind::Nothing) => return chunks.push_empty(),
            Some(Kind::Whole) if self.open.is_empty() || !self.open.contains_key(&uid) => {
                return chunks.push_token(token);
            }
            _ => {}
        }
        let stream = self.open.entry(uid).or_default();
        self.joined.clear();
        self.joined.extend_from_slice(stream.unfinished.get());
        self.joined.extend_from_slice(self.bytes.get(token));
        if stream.held.is_empty()
            && let Some(text) = str::from_utf8(&self.joined).ok().filter(|text| is_whole(text))
        {
            chunks.push_text(text);
            self.open.remove(&uid);
            return;
        }
        let mut rest: &[u8] = &[];
        stream.held.write(|text| rest = decode(&self.joined, text));
        stream.unfinished = Unfinished::new(rest);
        if rest.is_empty() && stream.held.is_whole() {
            chunks.push_text(stream.held.commit());
            self.open.remove(&uid);
        } else {
            let unsettled = !rest.is_empty();
            stream.held.show(unsettled, |text| chunks.push_text(text));
        }
    }

    fn forget(&mut self, uid: u64) {
        if !self.open.is_empty() {
            self.open.remove(&uid);
        }
    }

    fn len(&self) -> usize {
        self.open.len()
    }
}

impl Unfinished {
    fn new(bytes: &[u8]) -> Self {
        let mut own = [0; 3];
        own[..bytes.len()].copy_from_slice(bytes);
        Self { bytes: own, len: bytes.len() as u8 }
    }

    fn get(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Decode bytes, invalid ones replaced; gives those at the end that begin a character: 3 at most.
pub fn decode<'a>(mut bytes: &'a [u8], text: &mut String) -> &'a [u8] {
    loop {
        match str::from_utf8(bytes) {
            Ok(valid) => {
                text.push_str(valid);
                return &[];
            }
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                text.push_str(str::from_utf8(valid).unwrap_or_default());
                match error.error_len() {
                    Some(invalid) => {
                        text.push(REPLACEMENT);
                        bytes = &rest[invalid..];
                    }
                    None => return rest,
                }
            }
        }
    }
}
