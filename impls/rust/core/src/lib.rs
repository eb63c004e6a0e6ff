//! The tokenizer worker of an LLM server as a library: prompts to ids, and tokens back to text as they come.
//!
//! Answers are those of mini-sglang's worker, to the character: what a chunk holds back, what it sends twice and
//! what it loses is the reference's, defects included.
//! [`TokenizeManager`] encodes prompts, [`DetokenizeManager`] keeps the streams.

#[cfg(feature = "tokenizers")]
use std::path::Path;

pub mod backend;
mod caught;
mod chat;
mod detokenize;
mod error;
mod folder;
mod request;
mod tokenize;

pub use backend::TokenizerBackend;
pub use caught::caught;
pub use chat::ChatTemplate;
pub use detokenize::{Chunk, Chunks, DetokenizeManager};
pub use error::{LoadError, TokenizeError};
pub use folder::TokenizerFolder;
pub use request::{DetokenizeOutput, DetokenizeRequest, Message, PromptInput, TokenizeOutput, TokenizeRequest};
pub use tokenize::TokenizeManager;

/// The tokenizer and the detokenizer of a folder, with its chat template and its best back end.
#[cfg(feature = "tokenizers")]
pub fn load(path: &Path) -> Result<(TokenizeManager, DetokenizeManager), LoadError> {
    let folder = TokenizerFolder::open(path)?;
    let backend = backend::best(&folder)?;
    let detokenizer = DetokenizeManager::new(&folder, backend.clone())?;
    let template = folder.template.as_deref().map(|source| ChatTemplate::new(source, &folder.special_tokens));
    let template = template.transpose().map_err(|why| LoadError::Malformed { path: folder.path.clone(), why })?;
    Ok((TokenizeManager::new(backend, template), detokenizer))
}
