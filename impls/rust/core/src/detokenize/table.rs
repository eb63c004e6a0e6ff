//! What each token id stands for: tables made once from a tokenizer's pieces, one kind for each decoder family.

use serde_json::Value;

use super::printable::REPLACEMENT;

/// Texts or bytes of all ids, one after the other in one allocation.
#[derive(Debug, Default)]
pub struct Arena<T> {
    data: T,
    ends: Vec<u32>,
}

impl Arena<String> {
    pub fn push(&mut self, text: &str) {
        self.data.push_str(text);
        self.ends.push(self.data.len() as u32);
    }

    pub fn get(&self, at: u32) -> &str {
        &self.data[self.range(at)]
    }
}

impl Arena<Vec<u8>> {
    pub fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        self.ends.push(self.data.len() as u32);
    }

    pub fn get(&self, at: u32) -> &[u8] {
        &self.data[self.range(at)]
    }
}

impl<T> Arena<T> {
    fn range(&self, at: u32) -> std::ops::Range<usize> {
        let at = at as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        start as usize..self.ends[at] as usize
    }
}

/// Whether a window that consists of this text is committed at once.
pub fn is_whole(text: &str) -> bool {
    !text.is_empty() && !text.ends_with(REPLACEMENT)
}

/// Whether a tokenizer.json's decoder is `ByteLevel`.
pub fn is_byte_level(decoder: Option<&Value>) -> bool {
    decoder.is_some_and(|decoder| kind(decoder) == "ByteLevel")
}

/// The bytes of a piece in GPT-2's byte alphabet. One with a character outside it is taken as its own UTF-8.
pub fn byte_level_bytes(piece: &str) -> Vec<u8> {
    piece.chars().map(byte_of_char).collect::<Option<Vec<u8>>>().unwrap_or_else(|| piece.as_bytes().to_vec())
}

/// Printable Latin-1 characters stand for themselves, the other bytes for U+0100 on, in order.
pub fn byte_of_char(char: char) -> Option<u8> {
    let point = char as u32;
    match point {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(point).ok(),
        0x100..=0x120 => u8::try_from(point - 0x100).ok(),
        0x121..=0x142 => u8::try_from(point - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// What a token of a vocabulary with `byte_fallback` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FallbackPiece {
    /// A text.
    Text(String),
    /// One byte.
    Byte(u8),
}

/// The decoder `Sequence[Replace…, ByteFallback, Fuse, Strip?]` of a `SentencePiece` BPE tokenizer.
#[derive(Debug, PartialEq, Eq)]
pub struct FallbackDecoder {
    replacements: Vec<(String, String)>,
    /// Whether one leading space of a decoded window is dropped.
    pub strips_space: bool,
}

impl FallbackDecoder {
    /// A tokenizer.json's decoder, if it is of this kind.
    pub fn parse(decoder: Option<&Value>) -> Option<Self> {
        let decoder = decoder.filter(|decoder| kind(decoder) == "Sequence")?;
        let mut steps: Vec<&Value> = decoder.get("decoders")?.as_array()?.iter().collect();
        let strip = serde_json::json!({"type": "Strip", "content": " ", "start": 1, "stop": 0});
        let strips_space = steps.pop_if(|step| **step == strip).is_some();
        if steps.pop().map(kind) != Some("Fuse") || steps.pop().map(kind) != Some("ByteFallback") {
            return None;
        }
        let replacements = steps
            .into_iter()
            .map(|step| {
                let pattern = step.get("pattern")?.get("String")?.as_str()?;
                let content = step.get("content")?.as_str()?;
                (kind(step) == "Replace" && !pattern.is_empty()).then(|| (pattern.to_owned(), content.to_owned()))
            })
            .collect::<Option<_>>()?;
        Some(Self { replacements, strips_space })
    }

    /// What a piece stands for.
    pub fn decode(&self, piece: &str) -> FallbackPiece {
        let mut text = piece.to_owned();
        for (old, new) in &self.replacements {
            text = text.replace(old, new);
        }
        match byte_token(&text) {
            Some(byte) => FallbackPiece::Byte(byte),
            None => FallbackPiece::Text(text),
        }
    }
}

/// The byte of a piece such as `<0xE4>`.
fn byte_token(piece: &str) -> Option<u8> {
    if piece.len() != 6 {
        return None;
    }
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok()
}

/// A decoder that makes a text of each token by itself, another one only of the first token of a window.
#[derive(Debug, PartialEq, Eq)]
pub enum PositionalDecoder {
    /// `WordPiece`: a space before each word but the first.
    WordPiece {
        /// What continues a word.
        prefix: String,
        /// Whether spaces before punctuation are dropped.
        cleanup: bool,
    },
    /// Metaspace: a mark stands for a space, or for nothing in the first token of a window.
    Metaspace {
        /// The mark.
        replacement: char,
        /// Whether the marks of the first token are dropped.
        drops_first: bool,
    },
}

impl PositionalDecoder {
    /// A tokenizer.json's decoder, if it is of this kind.
    pub fn parse(decoder: Option<&Value>) -> Option<Self> {
        let decoder = decoder?;
        match kind(decoder) {
            "WordPiece" => Some(Self::WordPiece {
                prefix: decoder.get("prefix")?.as_str()?.to_owned(),
                cleanup: decoder.get("cleanup")?.as_bool()?,
            }),
            "Metaspace" => {
                let mut mark = decoder.get("replacement")?.as_str()?.chars();
                let replacement = mark.next().filter(|_| mark.next().is_none())?;
                let scheme = decoder.get("prepend_scheme").and_then(Value::as_str);
                let adds = decoder.get("add_prefix_space").and_then(Value::as_bool);
                let drops_first = match (scheme, adds) {
                    (Some(scheme), _) => scheme != "never",
                    (None, adds) => adds.unwrap_or(true),
                };
                Some(Self::Metaspace { replacement, drops_first })
            }
            _ => None,
        }
    }

    /// The text of a piece, first in its window or not.
    pub fn decode(&self, piece: &str, first: bool) -> String {
        match self {
            Self::WordPiece { prefix, cleanup } => {
                let text = match piece.strip_prefix(prefix.as_str()) {
                    _ if first => piece.to_owned(),
                    Some(rest) => rest.to_owned(),
                    None => format!(" {piece}"),
                };
                if *cleanup { clean_up(&text) } else { text }
            }
            Self::Metaspace { replacement, drops_first } => {
                piece.replace(*replacement, if first && *drops_first { "" } else { " " })
            }
        }
    }
}

/// The clean-up of the `WordPiece` decoder, one rule after the other.
fn clean_up(text: &str) -> String {
    const RULES: [(&str, &str); 11] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    RULES.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
}

fn kind(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or("")
}
