//! The encoder of this library: straight from text to ids, without offsets, for the families of tokenizers that no crate
//! encodes both exactly and as fast.

mod added;
mod bert;
mod frame;
mod recent;
mod trie;
mod wordpiece;

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use self::added::{Added, Stretch};
use self::frame::Frame;
use self::recent::Recent;
use self::wordpiece::WordPiece;
use super::{HuggingFace, TokenizerBackend, is_worth_threads};
use crate::error::{LoadError, TokenizeError};
use crate::folder::{AddedToken, TokenizerFolder};

/// Encodes texts without added tokens, appending to ids.
trait Family: Send + Sync {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>);
}

/// What one thread works with, kept from batch to batch.
#[derive(Default)]
struct Memory {
    recent: Recent,
    word: Vec<u8>,
}

/// Encodes by itself, and decodes with `tokenizers`.
pub struct Direct {
    added: Added,
    family: Box<dyn Family>,
    frame: Frame,
    /// One for each thread that ever encoded at the same time as others.
    memories: Mutex<Vec<Memory>>,
    decoder: HuggingFace,
}

impl Direct {
    /// Whether there is an encoder here for what a folder's tokenizer.json says.
    pub fn knows(folder: &TokenizerFolder) -> bool {
        let definition = &folder.definition;
        Frame::of(definition).is_some()
            && definition.added_tokens.iter().all(AddedToken::is_plain)
            && wordpiece::knows(definition)
    }

    /// The tokenizer of a folder.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, LoadError> {
        let unusable = |why: String| folder.unusable(&why);
        Ok(Self {
            added: Added::new(&folder.definition.added_tokens).map_err(unusable)?,
            family: Box::new(WordPiece::new(folder).map_err(unusable)?),
            frame: Frame::of(&folder.definition).ok_or_else(|| unusable("its post_processor is another".into()))?,
            memories: Mutex::default(),
            decoder: HuggingFace::new(folder)?,
        })
    }

    fn encode(&self, text: &str, memory: &mut Memory) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 2 + 8);
        ids.extend_from_slice(&self.frame.before);
        self.added.cut(text, |stretch| match stretch {
            Stretch::Text(text) => self.family.encode(text, memory, &mut ids),
            Stretch::Token(id) => ids.push(id),
        });
        ids.extend_from_slice(&self.frame.after);
        ids
    }

    fn encode_some(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        let lock = || self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = lock().pop().unwrap_or_default();
        let ids = texts.iter().map(|text| Ok(self.encode(text, &mut memory))).collect();
        lock().push(memory);
        ids
    }
}

impl TokenizerBackend for Direct {
    fn encode_batch(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        if is_worth_threads(texts) {
            return texts.par_chunks(1).flat_map_iter(|each| self.encode_some(each)).collect();
        }
        self.encode_some(texts)
    }

    fn decode(&self, ids: &[u32]) -> String {
        self.decoder.decode(ids)
    }
}
