//! Prompts to ids.

use std::borrow::Cow;
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
        let texts: Vec<Result<Cow<'_, str>, TokenizeError>> = requests
            .iter()
            .map(|request| match &request.prompt {
                PromptInput::Text(text) => Ok(Cow::Borrowed(text.as_ref())),
                PromptInput::Messages(messages) => match &self.template {
                    Some(template) => template.render(messages).map(Cow::Owned),
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
