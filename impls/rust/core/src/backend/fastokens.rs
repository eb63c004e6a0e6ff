//! The crate `fastokens`, for byte-level BPE.

use std::sync::{Mutex, PoisonError};

use fastokens::{PreTokenizer, Tokenizer};
use rayon::prelude::*;

use super::added::{Added, Stretch};
use super::frame::Frame;
use super::nfc::{nfc, normalized};
use super::splits::{DEEPSEEK, LLAMA3, QWEN2, TEKKEN, before_byte_level, is_by};
use super::{HuggingFace, TokenizerBackend, is_worth_threads};
use crate::error::{LoadError, TokenizeError};
use crate::folder::TokenizerFolder;

/// Encodes what is between added tokens with the crate `fastokens`, and decodes with `tokenizers`. Added tokens, NFC and
/// the tokens around a text are this library's, which takes less time for them.
pub struct Fastokens {
    added: Added,
    is_normalized: bool,
    encoder: Tokenizer,
    frame: Frame,
    /// One for each thread that ever encoded at the same time as others.
    memories: Mutex<Vec<Vec<u32>>>,
    decoder: HuggingFace,
}

/// The expressions that the crate was compared on, beside those of DeepSeek-V3.
const EXPRESSIONS: [&str; 3] = [QWEN2, LLAMA3, TEKKEN];
/// The crate encodes longer texts on more than one thread, if it is asked for all of them.
const LONG: usize = 1 << 16;
/// The longest list of ids whose memory is kept for others.
const MOST_KEPT: usize = 1 << 18;

impl Fastokens {
    /// Whether the crate was found exact for what a folder's tokenizer.json says: byte-level BPE, of texts as they are or in
    /// NFC, split by expressions that were compared or not at all.
    pub fn knows(folder: &TokenizerFolder) -> bool {
        let definition = &folder.definition;
        let model = &definition.model;
        let is_split = match definition.pre_tokenizer.as_ref().and_then(before_byte_level) {
            Some([]) => true,
            Some([split]) => EXPRESSIONS.iter().any(|each| is_by(split, each)),
            Some(splits) => {
                splits.len() == DEEPSEEK.len() && splits.iter().zip(DEEPSEEK).all(|(own, each)| is_by(own, each))
            }
            None => false,
        };
        // Without merges all that is needed is a table, which `Direct` is.
        model.is_plain_bpe()
            && !model.merges.is_empty()
            && model.byte_fallback != Some(true)
            && model.has_all_ids()
            && normalized(definition).is_some()
            && is_split
            && Frame::of(definition).is_some()
            && definition.has_plain_tokens()
    }

    /// The tokenizer of a folder, without truncation or padding whatever its file says.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, LoadError> {
        let unusable = |why: String| folder.unusable(&why);
        // Not from the file: the configuration beside it would be read too, and the reference doesn't.
        let parsed = serde_json::from_str(&folder.tokenizer_json).map_err(|error| folder.unusable(&error))?;
        let mut encoder = Tokenizer::from_json(parsed).map_err(|error| folder.unusable(&error))?;
        encoder.set_padding(None);
        encoder.set_truncation(None);
        encoder.set_normalizer(None);
        let decoder = HuggingFace::new(folder)?;
        let definition = &folder.definition;
        Ok(Self {
            added: Added::new(&definition.added_tokens, |token| decoder.id_of(token)).map_err(unusable)?,
            is_normalized: normalized(definition).ok_or_else(|| unusable("its normalizer is another".into()))?,
            encoder,
            frame: Frame::of(definition).ok_or_else(|| unusable("its post_processor is another".into()))?,
            memories: Mutex::default(),
            decoder,
        })
    }

    /// The ids of a text. They are gathered in `memory`, as the crate asks for more of it than a list of them has.
    fn encode(&self, text: &str, memory: &mut Vec<u32>) -> Result<Vec<u32>, TokenizeError> {
        let mut done = Ok(());
        memory.clear();
        memory.extend_from_slice(&self.frame.before);
        self.added.cut(text, |stretch| match stretch {
            Stretch::Text(text) if done.is_ok() => done = self.append(text, memory),
            Stretch::Text(_) => (),
            Stretch::Token(id) => memory.push(id),
        });
        memory.extend_from_slice(&self.frame.after);
        done.map(|()| memory.clone()).map_err(TokenizeError::Encode)
    }

    fn encode_some(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        let lock = || self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = lock().pop().unwrap_or_default();
        let ids = texts.iter().map(|text| self.encode(text, &mut memory)).collect();
        // What a huge text made of it is given back.
        if memory.capacity() <= MOST_KEPT {
            lock().push(memory);
        }
        ids
    }

    fn append(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        let mut memory = String::new();
        let text = if self.is_normalized { nfc(text, &mut memory) } else { text };
        if text.len() < LONG
            && let Some(PreTokenizer::Sequence(steps)) = self.encoder.pre_tokenizer()
            && let Some(PreTokenizer::Split(split)) = steps.first()
            && let Some(kind) = split.scan_kind()
        {
            return self.encoder.model().tokenize_scanned_segment(kind, text, ids);
        }
        ids.extend(self.encoder.encode_ordinary(text).map_err(|error| error.to_string())?);
        Ok(())
    }
}

impl TokenizerBackend for Fastokens {
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
