//! Which back end encodes a tokenizer: the fastest that was found exact for its family, told by its tokenizer.json.

use serde_json::{Value, json};

use crate::folder::{Definition, TokenizerFolder};

/// A back end for encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The encoder of this library.
    Direct,
    /// The crate `fastokens`.
    Fastokens,
    /// The crate `splintr`.
    Splintr,
    /// The crate `tokenizers`, which takes all.
    Tokenizers,
}

impl Choice {
    /// The best back end for a folder, of those that are built in.
    pub fn of(folder: &TokenizerFolder) -> Self {
        let definition = &folder.definition;
        // Tokens that only the configuration has are added by `tokenizers` alone.
        if !folder.unlisted_special_tokens().is_empty() || !definition.has_plain_tokens() {
            return Self::Tokenizers;
        }
        #[cfg(feature = "fastokens")]
        if super::Fastokens::knows(folder) {
            return Self::Fastokens;
        }
        #[cfg(feature = "direct")]
        if super::Direct::knows(folder) {
            return Self::Direct;
        }
        if cfg!(feature = "splintr") && (is_sentencepiece_bpe(definition) || is_unigram(definition)) {
            Self::Splintr
        } else {
            Self::Tokenizers
        }
    }
}

/// BPE with byte fallback on a text whose spaces are marks, with one more in front.
pub fn is_sentencepiece_bpe(definition: &Definition) -> bool {
    let model = &definition.model;
    let marks = json!({"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ]});
    let whole = definition.pre_tokenizer.as_ref().is_none_or(Value::is_null);
    model.is_plain_bpe() && model.byte_fallback == Some(true) && whole && definition.normalizer == Some(marks)
}

/// Unigram as T5 has it: SentencePiece's table of characters, one mark for a run of spaces, words that begin with it.
pub fn is_unigram(definition: &Definition) -> bool {
    let marks = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let spaces = [
        json!({"type": "Strip", "strip_left": false, "strip_right": true}),
        json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}),
    ];
    let normalizers = definition.normalizer.as_ref().and_then(|given| given["normalizers"].as_array());
    let normalized = normalizers
        .and_then(|given| given.split_first())
        .is_some_and(|(table, rest)| table["type"] == "Precompiled" && *rest == spaces);
    let model = &definition.model;
    let kind = model.kind.as_deref() == Some("Unigram") && model.byte_fallback != Some(true) && model.has_unknown();
    kind && normalized && definition.pre_tokenizer == Some(marks)
}
