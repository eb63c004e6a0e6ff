//! Tokens back to text as they come, stream by stream.

mod bytefallback;
mod bytelevel;
mod chunks;
mod held;
mod positional;
mod printable;
mod table;
mod window;

use std::sync::Arc;

use ahash::AHashMap;

use crate::backend::TokenizerBackend;
use crate::error::LoadError;
use crate::folder::TokenizerFolder;
use crate::request::{DetokenizeOutput, DetokenizeRequest};

pub use chunks::{Chunk, Chunks};
#[cfg(feature = "direct")]
pub(crate) use table::byte_of_char;

use bytefallback::ByteFallback;
use bytelevel::ByteLevel;
use positional::Positional;
use window::Window;

/// State for each uid that needs any.
type Streams<S> = AHashMap<u64, S>;

enum Family {
    ByteLevel(ByteLevel),
    ByteFallback(ByteFallback),
    Positional(Positional),
    Window(Window),
}

/// The streams of a tokenizer: feed it tokens, get new text. Nothing is kept of a stream that has ended.
pub struct DetokenizeManager {
    family: Family,
    eos: Option<u32>,
    size: usize,
}

impl DetokenizeManager {
    /// The detokenizer for a tokenizer's decoder. `backend` decodes the windows of decoders that aren't known.
    pub fn new(folder: &TokenizerFolder, backend: Arc<dyn TokenizerBackend>) -> Result<Self, LoadError> {
        let pieces = folder.pieces();
        let eos = folder
            .special_token("eos_token")
            .and_then(|content| pieces.iter().position(|p| p.as_deref() == Some(content)))
            .and_then(|id| u32::try_from(id).ok());
        let decoder = folder.definition.decoder.as_ref();
        let family = if table::is_byte_level(decoder) {
            Family::ByteLevel(ByteLevel::new(&pieces))
        } else if let Some(decoder) = table::FallbackDecoder::parse(decoder) {
            Family::ByteFallback(ByteFallback::new(&decoder, &pieces))
        } else if let Some(decoder) = table::PositionalDecoder::parse(decoder) {
            Family::Positional(Positional::new(&decoder, &pieces))
        } else {
            Family::Window(Window::new(backend, &pieces))
        };
        Ok(Self { family, eos, size: pieces.len() })
    }

    /// Feed a batch of tokens: one chunk each, in the same order, added to `chunks`.
    /// A uid that stands twice is answered as by two batches.
    pub fn feed(&mut self, requests: impl IntoIterator<Item = DetokenizeRequest>, chunks: &mut Chunks) {
        match &mut self.family {
            Family::ByteLevel(family) => feed(family, self.eos, requests, chunks),
            Family::ByteFallback(family) => feed(family, self.eos, requests, chunks),
            Family::Positional(family) => feed(family, self.eos, requests, chunks),
            Family::Window(family) => feed(family, self.eos, requests, chunks),
        }
    }

    /// Feed a batch of tokens: one output a request, in the same order.
    pub fn detokenize(&mut self, requests: &[DetokenizeRequest]) -> Vec<DetokenizeOutput> {
        let mut chunks = Chunks::default();
        self.feed(requests.iter().copied(), &mut chunks);
        requests
            .iter()
            .zip(0..)
            .map(|(request, at)| DetokenizeOutput {
                uid: request.uid,
                text: self.text(chunks.get(at)).to_owned(),
                finished: request.finished,
            })
            .collect()
    }

    /// The text of a chunk.
    pub fn text<'a>(&'a self, chunk: Chunk<'a>) -> &'a str {
        match chunk {
            Chunk::Text(text) => text,
            Chunk::Token(token) => match &self.family {
                Family::ByteLevel(family) => family.token_text(token),
                Family::ByteFallback(family) => family.token_text(token),
                Family::Positional(family) => family.token_text(token),
                Family::Window(_) => "",
            },
        }
    }

    /// One more than the highest id that a chunk can be the text of.
    pub fn vocabulary_size(&self) -> usize {
        self.size
    }

    /// Forget a stream: its next token begins a new one.
    pub fn abort(&mut self, uid: u64) {
        match &mut self.family {
            Family::ByteLevel(family) => family.forget(uid),
            Family::ByteFallback(family) => family.forget(uid),
            Family::Positional(family) => family.forget(uid),
            Family::Window(family) => family.forget(uid),
        }
    }

    /// How many streams anything is kept of.
    pub fn open_streams(&self) -> usize {
        match &self.family {
            Family::ByteLevel(family) => family.len(),
            Family::ByteFallback(family) => family.len(),
            Family::Positional(family) => family.len(),
            Family::Window(family) => family.len(),
        }
    }
}

/// What each decoder family implements.
trait Detokenizer {
    /// Feed one token: adds one chunk.
    fn push(&mut self, uid: u64, token: u32, chunks: &mut Chunks);
    /// Drop a stream, if there is one.
    fn forget(&mut self, uid: u64);
    /// How many streams there are.
    fn len(&self) -> usize;
}

fn feed(
    family: &mut impl Detokenizer,
    eos: Option<u32>,
    requests: impl IntoIterator<Item = DetokenizeRequest>,
    chunks: &mut Chunks,
) {
    for request in requests {
        // The end-of-stream token adds nothing, and what is held is lost.
        if request.finished && Some(request.token) == eos {
            chunks.push_empty();
        } else {
            family.push(request.uid, request.token, chunks);
        }
        if request.finished {
            family.forget(request.uid);
        }
    }
}
