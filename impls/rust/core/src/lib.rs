//! The tokenizer worker of an LLM server as a library: prompts to ids, and tokens back to text as they come.
//!
//! Answers are those of mini-sglang's worker, to the character: what a chunk holds back, what it sends twice and
//! what it loses is the reference's, defects included.
//! [`TokenizeManager`] encodes prompts, [`DetokenizeManager`] keeps the streams.

pub mod backend;
mod detokenize;
mod error;
mod folder;
mod request;
mod tokenize;

pub use backend::TokenizerBackend;
pub use detokenize::{Chunk, Chunks, DetokenizeManager};
pub use error::{LoadError, TokenizeError};
pub use folder::TokenizerFolder;
pub use request::{DetokenizeOutput, DetokenizeRequest, Message, PromptInput, TokenizeOutput, TokenizeRequest};
pub use tokenize::TokenizeManager;
