//! The crate `tokenizers`, the yardstick.

use tokenizers::{AddedToken, Tokenizer};

use super::TokenizerBackend;
use crate::error::{LoadError, TokenizeError};
use crate::folder::TokenizerFolder;

/// Encodes and decodes with the crate `tokenizers`.
pub struct HuggingFace(Tokenizer);

impl HuggingFace {
    /// The tokenizer of a folder, without truncation or padding whatever its file says.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, LoadError> {
        let malformed = |error: tokenizers::Error| folder.unusable(&error);
        let mut tokenizer: Tokenizer = folder.tokenizer_json.parse().map_err(malformed)?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(malformed)?;
        let unlisted: Vec<AddedToken> =
            folder.unlisted_special_tokens().into_iter().map(|content| AddedToken::from(content, true)).collect();
        if !unlisted.is_empty() {
            tokenizer.add_special_tokens(unlisted).map_err(malformed)?;
        }
        Ok(Self(tokenizer))
    }

    /// The id of a token, an added one or one of the vocabulary.
    #[cfg(any(feature = "direct", feature = "fastokens"))]
    pub(super) fn id_of(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    /// The tokenizer itself.
    #[cfg(feature = "llm-tokenizer")]
    pub(super) fn into_inner(self) -> Tokenizer {
        self.0
    }
}

impl TokenizerBackend for HuggingFace {
    fn encode_batch(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        match self.0.encode_batch_fast(texts.to_vec(), true) {
            Ok(encodings) => encodings.iter().map(|encoding| Ok(encoding.get_ids().to_vec())).collect(),
            // One text fails the batch: find out which.
            Err(_) => texts
                .iter()
                .map(|text| match self.0.encode_fast(*text, true) {
                    Ok(encoding) => Ok(encoding.get_ids().to_vec()),
                    Err(error) => Err(TokenizeError::Encode(error.to_string())),
                })
                .collect(),
        }
    }

    fn decode(&self, ids: &[u32]) -> String {
        self.0.decode(ids, false).unwrap_or_default()
    }
}
