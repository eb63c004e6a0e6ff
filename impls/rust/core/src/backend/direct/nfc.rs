//! NFC, for texts that are not in it yet, by the tables of `tokenizers`.

use unicode_normalization_alignments::char::canonical_combining_class;
use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::pages::Pages;

/// The combining class of each character that NFC leaves as it is whatever stands before it, or `CHANGES`.
static CLASSES: Pages = Pages::new(|chars| chars.map(|char| char.map_or(0, class)));
const CHANGES: u8 = u8::MAX;
/// What characters begin with in UTF-8 before which all are of class 0.
const FIRST: u8 = 0xcc;

fn class(char: char) -> u8 {
    match is_nfc_quick(std::iter::once(char)) {
        IsNormalized::Yes => canonical_combining_class(char),
        _ => CHANGES,
    }
}

/// A text in NFC; `memory` is where it is made if it isn't.
pub fn nfc<'a>(text: &'a str, memory: &'a mut String) -> &'a str {
    let mut done = 0;
    while let Some((from, to)) = next_change(text, done) {
        if done == 0 {
            memory.clear();
        }
        memory.push_str(&text[done..from]);
        memory.extend(text[from..to].nfc().map(|(char, _)| char));
        done = to;
    }
    if done == 0 {
        return text;
    }
    memory.push_str(&text[done..]);
    memory
}

/// The next range of a text that may not be in NFC, between characters that nothing before them ever changes.
fn next_change(text: &str, from: usize) -> Option<(usize, usize)> {
    let (mut begin, mut before, mut changes) = (from, 0, false);
    let mut at = from;
    while at < text.len() {
        let skipped = if before == 0 && !changes { plain(&text.as_bytes()[at..]) } else { 0 };
        at += skipped;
        let Some(char) = text[at..].chars().next() else { break };
        let class = CLASSES.get(char as usize);
        if class == 0 {
            if changes {
                return Some((begin, at));
            }
            begin = at;
        } else if skipped > 0 {
            begin = at - text[..at].chars().next_back().map_or(0, char::len_utf8);
        }
        changes |= class == CHANGES || class != 0 && class < before;
        before = class;
        at += char.len_utf8();
    }
    changes.then_some((begin, text.len()))
}

/// How many bytes a text begins with that are of characters that begin with less than `FIRST`.
fn plain(text: &[u8]) -> usize {
    let is_ascii = |eight: &&[u8; 8]| u64::from_le_bytes(**eight) & 0x8080_8080_8080_8080 == 0;
    let ascii = 8 * text.as_chunks().0.iter().take_while(is_ascii).count();
    ascii + text[ascii..].iter().take_while(|byte| **byte < FIRST).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_below_the_first_are_left() {
        let begins = |char: char| char.encode_utf8(&mut [0; 4]).as_bytes()[0];
        assert!(('\0'..=char::MAX).all(|char| class(char) == 0 || begins(char) >= FIRST));
    }
}
