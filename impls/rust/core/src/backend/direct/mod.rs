//! The encoder of this library: straight from text to ids, without offsets, for families of tokenizers that no crate
//! encodes both exactly and as fast, and for byte-level BPE.

mod bert;
mod bytelevel;
mod bytes;
mod chars;
mod charsmap;
mod classes;
mod joints;
mod merges;
mod pairs;
mod recent;
mod scanner;
mod sentencepiece;
mod trie;
mod unigram;
mod wordpiece;

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use self::bytelevel::ByteLevel;
use self::bytes::Bytes;
use self::recent::Recent;
use self::sentencepiece::SentencePiece;
use self::unigram::Unigram;
use self::wordpiece::WordPiece;
use super::added::{Added, Stretch};
use super::frame::Frame;
use super::{HuggingFace, TokenizerBackend, is_worth_threads};
use crate::error::{LoadError, TokenizeError};
use crate::folder::TokenizerFolder;

/// Encodes texts without added tokens, appending to ids.
trait Family: Send + Sync {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>);
}

/// The longest text whose memory is kept for others.
const MOST_KEPT: usize = 1 << 18;

/// What one thread works with, kept from batch to batch.
#[derive(Default)]
struct Memory {
    recent: Recent,
    ids: Vec<u32>,
    word: Vec<u8>,
    text: String,
    merging: merges::Workspace,
    paths: unigram::Paths,
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
        Frame::of(definition).is_some() && definition.has_plain_tokens() && make_of(folder).is_some()
    }

    /// The tokenizer of a folder.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, LoadError> {
        let unusable = |why: String| folder.unusable(&why);
        let family = make_of(folder).ok_or_else(|| unusable("it is of another family".into()))?;
        let decoder = HuggingFace::new(folder)?;
        let id_of = |token: &str| decoder.id_of(token);
        Ok(Self {
            added: Added::new(&folder.definition.added_tokens, id_of).map_err(unusable)?,
            family: family(folder).map_err(unusable)?,
            frame: Frame::of(&folder.definition).ok_or_else(|| unusable("its post_processor is another".into()))?,
            memories: Mutex::default(),
            decoder,
        })
    }

    fn encode(&self, text: &str, memory: &mut Memory) -> Vec<u32> {
        let mut ids = std::mem::take(&mut memory.ids);
        ids.clear();
        ids.extend_from_slice(&self.frame.before);
        self.added.cut(text, |stretch| match stretch {
            Stretch::Text(text) => self.family.encode(text, memory, &mut ids),
            Stretch::Token(id) => ids.push(id),
        });
        ids.extend_from_slice(&self.frame.after);
        memory.ids = ids;
        memory.ids.clone()
    }

    fn encode_some(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        let lock = || self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = lock().pop().unwrap_or_default();
        let ids = texts.iter().map(|text| Ok(self.encode(text, &mut memory))).collect();
        // What a huge text made of it is given back.
        if texts.iter().all(|text| text.len() <= MOST_KEPT) {
            lock().push(memory);
        }
        ids
    }
}

/// What a family reads of the model in a tokenizer.json.
fn model_of<T: DeserializeOwned>(folder: &TokenizerFolder) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Document<T> {
        model: T,
    }
    let document: Document<T> = serde_json::from_str(&folder.tokenizer_json).map_err(|error| error.to_string())?;
    Ok(document.model)
}

type Make = fn(&TokenizerFolder) -> Result<Box<dyn Family>, String>;

/// What makes the encoder of the family that a tokenizer.json is of.
fn make_of(folder: &TokenizerFolder) -> Option<Make> {
    if wordpiece::knows(&folder.definition) {
        Some(|folder| Ok(Box::new(WordPiece::new(folder)?)))
    } else if sentencepiece::knows(folder) {
        Some(|folder| Ok(Box::new(SentencePiece::new(folder)?)))
    } else if unigram::knows(folder) {
        Some(|folder| Ok(Box::new(Unigram::new(folder)?)))
    } else if bytes::knows(folder) {
        Some(|folder| Ok(Box::new(Bytes::new(folder)?)))
    } else if bytelevel::knows(folder) {
        Some(|folder| Ok(Box::new(ByteLevel::new(folder)?)))
    } else {
        None
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
