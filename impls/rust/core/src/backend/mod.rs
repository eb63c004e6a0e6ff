//! Encoders: what turns texts into ids, and a window of ids into text.

#[cfg(feature = "tokenizers")]
use std::sync::Arc;

use crate::error::TokenizeError;
#[cfg(feature = "tokenizers")]
use crate::{error::LoadError, folder::TokenizerFolder};

#[cfg(any(feature = "direct", feature = "fastokens"))]
mod added;
#[cfg(all(test, any(feature = "direct", feature = "fastokens")))]
mod chance;
mod choice;
#[cfg(feature = "direct")]
mod direct;
#[cfg(feature = "fastokens")]
mod fastokens;
#[cfg(any(feature = "direct", feature = "fastokens"))]
mod frame;
#[cfg(feature = "tokenizers")]
mod huggingface;
#[cfg(feature = "llm-tokenizer")]
mod llm_tokenizer;
#[cfg(any(feature = "direct", feature = "fastokens"))]
mod nfc;
#[cfg(any(feature = "direct", feature = "fastokens"))]
mod pages;
#[cfg(feature = "splintr")]
mod splintr;
#[cfg(any(feature = "direct", feature = "fastokens"))]
mod splits;

pub use choice::Choice;
#[cfg(feature = "direct")]
pub use direct::Direct;
#[cfg(feature = "fastokens")]
pub use fastokens::Fastokens;
#[cfg(feature = "tokenizers")]
pub use huggingface::HuggingFace;
#[cfg(feature = "llm-tokenizer")]
pub use llm_tokenizer::LlmTokenizer;
#[cfg(feature = "splintr")]
pub use splintr::Splintr;

/// Encodes texts and decodes windows. Called from many threads at once.
pub trait TokenizerBackend: Send + Sync {
    /// The ids of each text, special tokens added, as from one call: it may go parallel as it sees fit.
    fn encode_batch(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>>;

    /// The text of ids, special tokens shown. Ids outside the vocabulary add nothing.
    fn decode(&self, ids: &[u32]) -> String;
}

/// The back end that [`Choice`] names for a folder.
#[cfg(feature = "tokenizers")]
pub fn best(folder: &TokenizerFolder) -> Result<Arc<dyn TokenizerBackend>, LoadError> {
    Ok(match Choice::of(folder) {
        #[cfg(feature = "direct")]
        Choice::Direct => Arc::new(Direct::new(folder)?),
        #[cfg(feature = "fastokens")]
        Choice::Fastokens => Arc::new(Fastokens::new(folder)?),
        #[cfg(feature = "splintr")]
        Choice::Splintr => Arc::new(Splintr::new(folder)?),
        _ => Arc::new(HuggingFace::new(folder)?),
    })
}

/// With fewer bytes in a batch it takes longer to wake other threads than to encode it on this one;
/// docs/tokenizer-backends.md has the measurement.
#[cfg(any(feature = "direct", feature = "fastokens", feature = "splintr"))]
const PARALLEL_BYTES: usize = 65_536;

#[cfg(any(feature = "direct", feature = "fastokens", feature = "splintr"))]
fn is_worth_threads(texts: &[&str]) -> bool {
    texts.len() > 1 && texts.iter().map(|text| text.len()).sum::<usize>() >= PARALLEL_BYTES
}
