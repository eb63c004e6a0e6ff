//! SentencePiece's table of characters, as `tokenizers` applies it: to a short grapheme as a whole, or else to each of
//! its characters.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use spm_precompiled::Precompiled;
use unicode_segmentation::UnicodeSegmentation;

use super::chars::Chars;
use crate::caught;

/// A grapheme of more bytes is never looked up as a whole.
const SHORT: usize = 5;

/// The table, and what it makes of each character.
pub struct CharsMap {
    table: Precompiled,
    chars: Chars<Char>,
    /// The bytes that are characters which are left as they are, and never join.
    plain: Box<[bool; 256]>,
    /// What characters are mapped to that are not left as they are.
    mapped: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Char {
    /// What it becomes by itself: a place in `mapped`, or `UNCHANGED`.
    mapped: u32,
    joins: Joins,
}

const UNCHANGED: u32 = u32::MAX;

/// With what a character can be of one grapheme.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Joins {
    /// With none that is of this kind too.
    Never,
    /// With others, but never with ASCII behind it.
    Before,
    /// With any.
    Both,
}

/// Whether a normalizer is of the type `Precompiled`, with a table that can be read.
pub fn knows(normalizer: &Value) -> bool {
    Precompiled::deserialize(normalizer).is_ok()
}

impl CharsMap {
    /// The table of a normalizer that is known.
    pub fn of(normalizer: &Value) -> Option<Self> {
        // A table that leads out of itself panics when it is used.
        let table = Precompiled::deserialize(normalizer).ok()?;
        caught(|| Self::of_table(table)).ok()
    }

    fn of_table(table: Precompiled) -> Self {
        let mut mapped = Vec::new();
        let chars = Chars::new(Char { mapped: UNCHANGED, joins: Joins::Both }, |char| {
            let mut text = String::new();
            push(&table, char.encode_utf8(&mut [0; 4]), &mut text);
            let is_changed = !text.chars().eq([char]);
            if is_changed {
                mapped.push(text);
            }
            Char { mapped: if is_changed { (mapped.len() - 1) as u32 } else { UNCHANGED }, joins: joins(char) }
        });
        let is_plain = |byte: usize| {
            let char = chars.get(char::from(byte as u8));
            byte < 128 && char.mapped == UNCHANGED && char.joins == Joins::Never
        };
        Self { table, plain: Box::new(std::array::from_fn(is_plain)), chars, mapped }
    }

    /// Append what a text becomes.
    pub fn apply(&self, text: &str, into: &mut String) {
        // Up to `done` it is appended, by characters. A grapheme begins at `begin`, and what is appended by then is kept
        // in mind: if a short one is found from there on, the rest is taken back.
        let (mut done, mut begin, mut kept, mut is_short) = (0, 0, (into.len(), 0), false);
        let mut before = (0, Joins::Never);
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            let at = text.len() - rest.len();
            let own = self.chars.get(char);
            let length = char.len_utf8();
            if own.joins == Joins::Never && before.1 == Joins::Never || char.is_ascii() && before.1 != Joins::Both {
                if is_short {
                    self.apply_to_graphemes(text, begin..at, kept, into);
                    (done, is_short) = (at, false);
                }
                // All of a run are graphemes by themselves, but what comes next may belong to the last one.
                let run = rest.bytes().take_while(|byte| self.plain[usize::from(*byte)]).count().saturating_sub(1);
                (begin, kept) = (at + run, (into.len(), done));
                if run > 0 {
                    rest = &rest[run..];
                    before = (1, Joins::Never);
                    continue;
                }
            } else {
                is_short |= before.0 + length <= SHORT;
            }
            if own.mapped != UNCHANGED {
                into.push_str(&text[done..at]);
                into.push_str(&self.mapped[own.mapped as usize]);
                done = at + length;
            }
            before = (length, own.joins);
            rest = &rest[length..];
        }
        if is_short {
            self.apply_to_graphemes(text, begin..text.len(), kept, into);
        } else {
            into.push_str(&text[done..]);
        }
    }

    /// Append what a range of a text becomes, grapheme by grapheme, after what was `kept`: so much of `into`, and so
    /// much of the text in it.
    fn apply_to_graphemes(&self, text: &str, range: Range<usize>, kept: (usize, usize), into: &mut String) {
        into.truncate(kept.0);
        into.push_str(&text[kept.1..range.start]);
        text[range].graphemes(true).for_each(|grapheme| push(&self.table, grapheme, into));
    }
}

fn joins(char: char) -> Joins {
    let graphemes = |chars: &[char]| String::from_iter(chars).graphemes(true).count();
    // A carriage return is of one with a line feed.
    if char == '\r' || graphemes(&[char, 'a']) == 1 {
        Joins::Both
    } else if graphemes(&['a', char, char]) < 3 {
        Joins::Before
    } else {
        Joins::Never
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn breaks(left: char, right: char) -> bool {
        format!("{left}{right}").graphemes(true).count() == 2
    }

    #[test]
    fn between_two_characters_that_never_join_a_grapheme_ends() {
        let kinds = ['\n', '\0', 'a', 'é', '\u{e01}', '한', '하', '中', '🎈', '©', 'क', '\u{200b}', '\u{e0001}'];
        assert!(kinds.into_iter().all(|kind| joins(kind) == Joins::Never));
        for char in ('\0'..=char::MAX).filter(|char| joins(*char) == Joins::Never) {
            assert!(breaks(char, char), "{char:?}");
            assert!(kinds.into_iter().all(|kind| breaks(char, kind) && breaks(kind, char)), "{char:?}");
        }
    }

    #[test]
    fn before_ascii_a_grapheme_ends_but_for_few() {
        for char in ('\0'..=char::MAX).filter(|char| joins(*char) != Joins::Both) {
            assert!([' ', 'z', '\n', '\0'].into_iter().all(|ascii| breaks(char, ascii)), "{char:?}");
        }
        assert!(['\r', '\u{600}', '\u{110bd}'].into_iter().all(|char| joins(char) == Joins::Both));
        let others = ['\u{301}', '\u{200d}', '\u{1f1e6}', '\u{1100}', '\u{1161}', '\u{11a8}', '\u{903}', '\u{94d}'];
        assert!(others.into_iter().all(|char| joins(char) == Joins::Before));
    }
}
