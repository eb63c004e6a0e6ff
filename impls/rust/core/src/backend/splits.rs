//! How pre-tokenizers of byte-level BPE split a text before they take its bytes.

use serde_json::{Value, json};

/// The expression of Qwen2.
pub const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The expression of Llama 3.
pub const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The expression of Tekken.
pub const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|",
    r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
/// The expression of cl100k.
#[cfg(feature = "direct")]
pub const CL100K: &str = concat!(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|",
    r"\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
);
/// The expression of o200k.
#[cfg(feature = "direct")]
pub const O200K: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// The expressions of DeepSeek-V3, by which a text is split one after the other.
#[cfg(feature = "fastokens")]
pub const DEEPSEEK: [&str; 3] = [
    r"\p{N}{1,3}",
    "[一-龥\u{3040}-ゟ゠-ヿ]+",
    concat!(
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|"##,
        "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|",
        r"\s+(?!\S)|\s+"
    ),
];

/// Whether a pre-tokenizer splits by an expression, all of which becomes words.
pub fn is_by(split: &Value, expression: &str) -> bool {
    *split == json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false})
}

/// Whether a pre-tokenizer takes the bytes of a text, and does no more.
pub fn is_byte_level(pre_tokenizer: &Value) -> bool {
    let flag = |name: &str| pre_tokenizer[name].as_bool();
    let bare = flag("add_prefix_space") == Some(false) && flag("use_regex") == Some(false);
    pre_tokenizer["type"] == "ByteLevel" && bare
}

/// What comes before a pre-tokenizer that takes the bytes; nothing if that is all.
pub fn before_byte_level(pre_tokenizer: &Value) -> Option<&[Value]> {
    if is_byte_level(pre_tokenizer) {
        return Some(&[]);
    }
    let (last, before) = pre_tokenizer["pretokenizers"].as_array()?.split_last()?;
    (pre_tokenizer["type"] == "Sequence" && is_byte_level(last)).then_some(before)
}
