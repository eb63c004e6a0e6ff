//! Encoders: what turns texts into ids, and a window of ids into text.

use crate::error::TokenizeError;

#[cfg(feature = "tokenizers")]
mod huggingface;

#[cfg(feature = "tokenizers")]
pub use huggingface::HuggingFace;

/// Encodes texts and decodes windows. Called from many threads at once.
pub trait TokenizerBackend: Send + Sync {
    /// The ids of each text, special tokens added, as from one call: it may go parallel as it sees fit.
    fn encode_batch(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>>;

    /// The text of ids, special tokens shown. Ids outside the vocabulary add nothing.
    fn decode(&self, ids: &[u32]) -> String;
}
