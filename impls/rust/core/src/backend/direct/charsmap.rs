//! SentencePiece's table of characters, as `tokenizers` applies it: to a short grapheme as a whole, or else to each of
//! its characters.

use serde::Deserialize;
use serde_json::Value;
use spm_precompiled::Precompiled;
use unicode_segmentation::UnicodeSegmentation;

/// A grapheme of more bytes is never looked up as a whole.
const SHORT: usize = 5;

/// The table, and what it makes of ASCII.
pub struct CharsMap {
    table: Precompiled,
    ascii: Box<[String; 128]>,
    /// A carriage return and a line feed are one grapheme.
    line_end: String,
}

impl CharsMap {
    /// The table of a normalizer of the type `Precompiled`.
    pub fn of(normalizer: &Value) -> Option<Self> {
        let table = Precompiled::deserialize(normalizer).ok()?;
        let map = |text: &str| {
            let mut mapped = String::new();
            push(&table, text, &mut mapped);
            mapped
        };
        let ascii = Box::new(std::array::from_fn(|byte| map(char::from(byte as u8).encode_utf8(&mut [0; 4]))));
        let line_end = map("\r\n");
        Some(Self { table, ascii, line_end })
    }

    /// Append what a text becomes.
    pub fn apply(&self, text: &str, into: &mut String) {
        let mut rest = text;
        while let Some(first) = rest.as_bytes().first() {
            let length = self.alone(rest.as_bytes());
            if length > 0 {
                let mapped = if length == 2 { &self.line_end } else { &self.ascii[usize::from(*first)] };
                into.push_str(mapped);
                rest = &rest[length..];
            } else {
                let (joined, after) = rest.split_at(joined(rest.as_bytes()));
                joined.graphemes(true).for_each(|grapheme| push(&self.table, grapheme, into));
                rest = after;
            }
        }
    }

    /// The length of the grapheme of ASCII that a text begins with; 0 if what follows may belong to it.
    fn alone(&self, text: &[u8]) -> usize {
        match text {
            [b'\r', b'\n', ..] => 2,
            [first] | [first, 0..0x80, ..] if first.is_ascii() => 1,
            _ => 0,
        }
    }
}

/// How far a text goes until there are two characters of ASCII side by side, the second of which is no line feed: between
/// them a grapheme ends, and nothing before is of account to what follows.
fn joined(text: &[u8]) -> usize {
    let is_end = |pair: &[u8]| pair.is_ascii() && pair != b"\r\n";
    text.windows(2).position(is_end).map_or(text.len(), |at| at + 1)
}

fn push(table: &Precompiled, grapheme: &str, into: &mut String) {
    if grapheme.len() <= SHORT
        && let Some(mapped) = table.transform(grapheme)
    {
        return into.push_str(mapped);
    }
    for char in grapheme.chars() {
        match table.transform(char.encode_utf8(&mut [0; 4])) {
            Some(mapped) => into.push_str(mapped),
            None => into.push(char),
        }
    }
}
