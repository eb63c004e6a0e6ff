//! Prompts to ids.

use std::borrow::Cow;
use std::sync::Arc;

use crate::backend::TokenizerBackend;
use crate::error::TokenizeError;
use crate::request::{PromptInput, TokenizeOutput, TokenizeRequest};

/// Renders a conversation to text, the prompt for the model's answer at its end.
pub type Render = dyn Fn(&[crate::request::Message]) -> Result<String, TokenizeError> + Send + Sync;

/// Encodes batches of prompts. Has no state: it is shared by threads as it is.
#[derive(Clone)]
pub struct TokenizeManager {
    backend: Arc<dyn TokenizerBackend>,
    render: Option<Arc<Render>>,
}

impl TokenizeManager {
    /// Encode with `backend`; render conversations with `render`.
    pub fn new(backend: Arc<dyn TokenizerBackend>, render: Option<Arc<Render>>) -> Self {
        Self { backend, render }
    }

    /// Encode a batch: one answer a request, in the same order. Conversations are rendered first, then all texts
    /// go to the back end in one call; what can't be rendered or encoded costs the others nothing.
    pub fn tokenize(&self, requests: &[TokenizeRequest<'_>]) -> Vec<Result<TokenizeOutput, TokenizeError>> {
        let texts: Vec<Result<Cow<'_, str>, TokenizeError>> = requests
            .iter()
            .map(|request| match &request.prompt {
                PromptInput::Text(text) => Ok(Cow::Borrowed(text.as_ref())),
                PromptInput::Messages(messages) => match &self.render {
                    Some(render) => render(messages).map(Cow::Owned),
                    None => Err(TokenizeError::NoTemplate),
                },
            })
            .collect();
        let slices: Vec<&str> = texts.iter().flatten().map(AsRef::as_ref).collect();
        let mut encoded = self.backend.encode_batch(&slices).into_iter();
        requests
            .iter()
            .zip(&texts)
            .map(|(request, text)| {
                let ids = match text {
                    Ok(_) => encoded
                        .next()
                        .unwrap_or_else(|| Err(TokenizeError::Encode("the back end gave no answer".into())))?,
                    Err(error) => return Err(error.clone()),
                };
                let ids = bytemuck::allocation::cast_vec(ids);
                Ok(TokenizeOutput { uid: request.uid, ids })
            })
            .collect()
    }
}
