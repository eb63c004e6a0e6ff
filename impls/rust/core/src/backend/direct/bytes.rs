//! A byte-level vocabulary without merges: each byte of a text is a token.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Family, Memory, model_of};
use crate::backend::splits::is_byte_level;
use crate::detokenize::byte_of_char;
use crate::folder::TokenizerFolder;

/// The encoder: the token of each byte.
pub struct Bytes(Box<[u32; 256]>);

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
}

/// Whether a tokenizer.json is of this family.
pub fn knows(folder: &TokenizerFolder) -> bool {
    let definition = &folder.definition;
    let model = &definition.model;
    definition.normalizer().is_none()
        && definition.pre_tokenizer.as_ref().is_some_and(is_byte_level)
        && model.is_plain_bpe()
        && model.merges.is_empty()
        && model.byte_fallback != Some(true)
        && model.ignore_merges != Some(true)
        && Bytes::new(folder).is_ok()
}

impl Bytes {
    /// The encoder of a tokenizer of this family; otherwise the error says what it lacks.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, String> {
        let model: Model = model_of(folder)?;
        let mut ids = Box::new([None; 256]);
        for (piece, id) in &model.vocab {
            let mut chars = piece.chars();
            if let (Some(byte), None) = (chars.next().and_then(byte_of_char), chars.next()) {
                ids[usize::from(byte)] = Some(*id);
            }
        }
        match ids.iter().position(Option::is_none) {
            Some(byte) => Err(format!("its vocabulary has no token for byte {byte:#04x}")),
            None => Ok(Self(Box::new(ids.map(Option::unwrap_or_default)))),
        }
    }
}

impl Family for Bytes {
    fn encode(&self, text: &str, _: &mut Memory, ids: &mut Vec<u32>) {
        ids.extend(text.bytes().map(|byte| self.0[usize::from(byte)]));
    }
}
