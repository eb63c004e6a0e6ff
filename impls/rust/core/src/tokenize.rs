//! Prompts to ids.

use std::sync::Arc;

use crate::backend::TokenizerBackend;
use crate::chat::ChatTemplate;
use crate::error::TokenizeError;
use crate::request::{PromptInput, TokenizeOutput, TokenizeRequest};

/// Encodes batches of prompts. Has no state: it is shared by threads as it is.
#[derive(Clone)]
pub struct TokenizeManager {
    backend: Arc<dyn TokenizerBackend>,
    template: Option<Arc<ChatTemplate>>,
}

impl TokenizeManager {
    /// Encode with `backend`; render conversations with `template`.
    pub fn new(backend: Arc<dyn TokenizerBackend>, template: Option<ChatTemplate>) -> Self {
        Self { backend, template: template.map(Arc::new) }
    }

    /// Encode a batch: one answer a request, in the same order. Conversations are rendered first, then all texts
    /// go to the back end in one call; what can't be rendered or encoded costs the others nothing.
    pub fn tokenize(&self, requests: &[TokenizeRequest<'_>]) -> Vec<Result<TokenizeOutput, TokenizeError>> {
        let chat = requests.iter().filter_map(|request| match &request.prompt {
            PromptInput::Text(_) => None,
            PromptInput::Messages(messages) => Some(messages.as_slice()),
        });
        let render = |messages| match &self.template {
            Some(template) => template.render(messages),
            None => Err(TokenizeError::NoTemplate),
        };
        let rendered: Vec<Result<String, TokenizeError>> = chat.map(render).collect();
        let mut chats = rendered.iter();
        let texts = requests.iter().filter_map(|request| match &request.prompt {
            PromptInput::Text(text) => Some(text.as_ref()),
            PromptInput::Messages(_) => chats.next()?.as_deref().ok(),
        });
        let mut encoded = self.backend.encode_batch(&texts.collect::<Vec<_>>()).into_iter();
        let mut rendered = rendered.into_iter();
        let answer = |request: &TokenizeRequest<'_>| {
            if let PromptInput::Messages(_) = request.prompt
                && let Some(Err(error)) = rendered.next()
            {
                return Err(error);
            }
            let missing = || Err(TokenizeError::Encode("the back end gave no answer".into()));
            let ids = encoded.next().unwrap_or_else(missing)?;
            Ok(TokenizeOutput { uid: request.uid, ids: bytemuck::allocation::cast_vec(ids) })
        };
        requests.iter().map(answer).collect()
    }
}
