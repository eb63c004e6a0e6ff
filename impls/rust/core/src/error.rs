//! What can go wrong, with what to do about it.

use std::path::PathBuf;

/// A tokenizer folder that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file that can't be read.
    #[error("{path} can't be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that isn't what it should be.
    #[error("{path} is not usable: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A prompt that has no ids. The others of its batch are not touched by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenizeError {
    /// A conversation, and a tokenizer without a chat template.
    #[error("a conversation was given, but the tokenizer has no chat template")]
    NoTemplate,
    /// A conversation that the template refuses or can't render.
    #[error("the chat template can't render the conversation: {0}")]
    Render(String),
    /// A text that the back end refuses.
    #[error("the text can't be encoded: {0}")]
    Encode(String),
}
