//! The crate `llm-tokenizer`, which SGLang's gateway encodes with.

use llm_tokenizer::{Decoder, Encoder, HuggingFaceTokenizer};

use super::{HuggingFace, TokenizerBackend};
use crate::error::{LoadError, TokenizeError};
use crate::folder::TokenizerFolder;

/// Encodes and decodes with the crate `llm-tokenizer`.
pub struct LlmTokenizer(HuggingFaceTokenizer);

impl LlmTokenizer {
    /// The tokenizer of a folder.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, LoadError> {
        Ok(Self(HuggingFaceTokenizer::from_tokenizer(HuggingFace::new(folder)?.into_inner())))
    }
}

impl TokenizerBackend for LlmTokenizer {
    fn encode_batch(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        if let Ok(encodings) = self.0.encode_batch(texts, true) {
            return encodings.iter().map(|encoding| Ok(encoding.token_ids().to_vec())).collect();
        }
        let encode = |text: &&str| match self.0.encode(text, true) {
            Ok(encoding) => Ok(encoding.token_ids().to_vec()),
            Err(error) => Err(TokenizeError::Encode(error.to_string())),
        };
        texts.iter().map(encode).collect()
    }

    fn decode(&self, ids: &[u32]) -> String {
        self.0.decode(ids, false).unwrap_or_default()
    }
}
