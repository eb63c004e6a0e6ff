//! The crate `fastokens`, for byte-level BPE.

use fastokens::Tokenizer;

use super::{HuggingFace, TokenizerBackend, is_worth_threads};
use crate::error::{LoadError, TokenizeError};
use crate::folder::TokenizerFolder;

/// Encodes with the crate `fastokens`, and decodes with `tokenizers`.
pub struct Fastokens {
    encoder: Tokenizer,
    decoder: HuggingFace,
}

impl Fastokens {
    /// The tokenizer of a folder, without truncation or padding whatever its file says.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, LoadError> {
        // Not from the file: the configuration beside it would be read too, and the reference doesn't.
        let parsed = serde_json::from_str(&folder.tokenizer_json).map_err(|error| folder.unusable(&error))?;
        let mut encoder = Tokenizer::from_json(parsed).map_err(|error| folder.unusable(&error))?;
        encoder.set_padding(None);
        encoder.set_truncation(None);
        Ok(Self { encoder, decoder: HuggingFace::new(folder)? })
    }
}

impl TokenizerBackend for Fastokens {
    fn encode_batch(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        if is_worth_threads(texts)
            && let Ok(ids) = self.encoder.encode_batch(texts, true)
        {
            return ids.into_iter().map(Ok).collect();
        }
        let encode = |text: &&str| self.encoder.encode_with_special_tokens(text, true);
        texts.iter().map(|text| encode(text).map_err(|error| TokenizeError::Encode(error.to_string()))).collect()
    }

    fn decode(&self, ids: &[u32]) -> String {
        self.decoder.decode(ids)
    }
}
