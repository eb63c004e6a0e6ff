//! The crate `splintr`, for SentencePiece BPE and for Unigram.

use splintr::{AnyTokenizer, from_json_bytes};

use super::{HuggingFace, TokenizerBackend, is_worth_threads};
use crate::error::{LoadError, TokenizeError};
use crate::folder::TokenizerFolder;

/// Encodes with the crate `splintr`, and decodes with `tokenizers`.
pub struct Splintr {
    encoder: AnyTokenizer,
    decoder: HuggingFace,
}

impl Splintr {
    /// The tokenizer of a folder.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, LoadError> {
        let encoder = from_json_bytes(folder.tokenizer_json.as_bytes()).map_err(|error| folder.unusable(&error))?;
        Ok(Self { encoder, decoder: HuggingFace::new(folder)? })
    }
}

impl TokenizerBackend for Splintr {
    fn encode_batch(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        if is_worth_threads(texts) {
            return self.encoder.encode_batch(texts).into_iter().map(Ok).collect();
        }
        texts.iter().map(|text| Ok(self.encoder.encode(text))).collect()
    }

    fn decode(&self, ids: &[u32]) -> String {
        self.decoder.decode(ids)
    }
}
