//! All other decoders: windows of ids are decoded, as the reference does.
//!
//! Only the ids of the window are kept, and no committed text: a chunk needs no more of it than how far `sent` is
//! past it.

use std::sync::Arc;

use super::chunks::Chunks;
use super::printable::{REPLACEMENT, printable};
use super::{Detokenizer, Streams};
use crate::backend::TokenizerBackend;

pub struct Window {
    backend: Arc<dyn TokenizerBackend>,
    known: Vec<bool>,
    streams: Streams<Stream>,
}

/// The window: `ids`, of which the first `prefix` are committed; `sent` code points of the new text were shown.
#[derive(Default)]
struct Stream {
    ids: Vec<u32>,
    prefix: usize,
    prefix_chars: usize,
    sent: usize,
}

impl Window {
    pub fn new(backend: Arc<dyn TokenizerBackend>, pieces: &[Option<String>]) -> Self {
        Self { backend, known: pieces.iter().map(Option::is_some).collect(), streams: Streams::default() }
    }
}

impl Detokenizer for Window {
    fn push(&mut self, uid: u64, token: u32, chunks: &mut Chunks) {
        if !self.known.get(token as usize).copied().unwrap_or(false) {
            return chunks.push_empty();
        }
        let stream = self.streams.entry(uid).or_default();
        stream.ids.push(token);
        let window = self.backend.decode(&stream.ids);
        let new = skip(&window, stream.prefix_chars);
        let sent = stream.sent;
        if !new.is_empty() && !new.ends_with(REPLACEMENT) {
            chunks.push_text(skip(new, sent));
            stream.ids.drain(..stream.prefix);
            stream.prefix = stream.ids.len();
            stream.prefix_chars = self.backend.decode(&stream.ids).chars().count();
            stream.sent = 0;
        } else {
            let shown = printable(new);
            chunks.push_text(skip(shown, sent));
            stream.sent = shown.chars().count();
        }
    }

    fn forget(&mut self, uid: u64) {
        self.streams.remove(&uid);
    }

    fn len(&self) -> usize {
        self.streams.len()
    }
}

/// A text less so many leading code points.
fn skip(text: &str, code_points: usize) -> &str {
    match text.char_indices().nth(code_points) {
        Some((at, _)) => &text[at..],
        None => "",
    }
}
