//! Which back end encodes a tokenizer: the fastest that was found exact for its family, told by its tokenizer.json.

use serde_json::{Value, json};

use crate::folder::{AddedToken, Definition, TokenizerFolder};

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
        if !folder.unlisted_special_tokens().is_empty() || !definition.added_tokens.iter().all(AddedToken::is_plain) {
            return Self::Tokenizers;
        }
        // It is faster on texts of short words. Without merges all that is needed is a table.
        if cfg!(feature = "fastokens") && is_byte_level_bpe(definition) && !definition.model.merges.is_empty() {
            return Self::Fastokens;
        }
        #[cfg(feature = "direct")]
        if super::Direct::knows(folder) {
            return Self::Direct;
        }
        if cfg!(feature = "fastokens") && is_byte_level_bpe(definition) {
            Self::Fastokens
        } else if cfg!(feature = "splintr") && (is_sentencepiece_bpe(definition) || is_unigram(definition)) {
            Self::Splintr
        } else {
            Self::Tokenizers
        }
    }
}

/// The expressions that `fastokens` was compared on: those of Qwen2, of Llama 3 and of Tekken.
const EXPRESSIONS: [&str; 3] = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    concat!(
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|",
        r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
];

/// Byte-level BPE, of texts as they are or in NFC, split by an expression that was compared or not at all.
fn is_byte_level_bpe(definition: &Definition) -> bool {
    let model = &definition.model;
    let given = definition.normalizer.as_ref().filter(|given| !given.is_null());
    let normalized = given.is_none_or(|given| *given == json!({"type": "NFC"}));
    let split = match definition.pre_tokenizer.as_ref() {
        Some(bytes) if is_byte_level(bytes) => true,
        Some(sequence) => match sequence["pretokenizers"].as_array().map(Vec::as_slice) {
            Some([split, bytes]) => is_byte_level(bytes) && EXPRESSIONS.iter().any(|each| *split == isolated(each)),
            _ => false,
        },
        None => false,
    };
    model.is_plain_bpe() && model.byte_fallback != Some(true) && normalized && split
}

fn isolated(expression: &str) -> Value {
    json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false})
}

pub fn is_byte_level(pre_tokenizer: &Value) -> bool {
    let flag = |name: &str| pre_tokenizer[name].as_bool();
    let bare = flag("add_prefix_space") == Some(false) && flag("use_regex") == Some(false);
    pre_tokenizer["type"] == "ByteLevel" && bare
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
