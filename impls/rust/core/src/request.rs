//! What goes in and what comes out.

use std::borrow::Cow;

/// One message of a conversation: its fields in the order given, usually `role` and `content`.
pub type Message<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What is to be encoded: a text as it is, or a conversation, rendered by the tokenizer's chat template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptInput<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A conversation.
    Messages(Vec<Message<'a>>),
}

/// One prompt of the stream `uid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizeRequest<'a> {
    /// The stream.
    pub uid: u64,
    /// What it says.
    pub prompt: PromptInput<'a>,
}

/// The ids of one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizeOutput {
    /// The stream.
    pub uid: u64,
    /// The ids, special tokens added.
    pub ids: Vec<i32>,
}

/// One token of the stream `uid`, which ends with it if `finished`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetokenizeRequest {
    /// The stream.
    pub uid: u64,
    /// The token; one outside the vocabulary adds nothing.
    pub token: u32,
    /// Whether the stream ends with it.
    pub finished: bool,
}

/// The new text of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetokenizeOutput {
    /// The stream.
    pub uid: u64,
    /// The text to append; it may be empty.
    pub text: String,
    /// Whether the stream has ended.
    pub finished: bool,
}
