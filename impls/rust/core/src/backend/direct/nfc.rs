//! NFC, for texts that are not in it yet, by the tables of `tokenizers`.

use unicode_normalization_alignments::char::canonical_combining_class;
use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::pages::Pages;

/// The combining class of each character that NFC never changes, or `CHANGES`.
static CLASSES: Pages = Pages::new(|chars| chars.map(|char| char.map_or(0, class)));
const CHANGES: u8 = u8::MAX;
/// Below it all are of class 0.
const FIRST: char = '\u{300}';

fn class(char: char) -> u8 {
    match is_nfc_quick(std::iter::once(char)) {
        IsNormalized::Yes => canonical_combining_class(char),
        _ => CHANGES,
    }
}

/// A text in NFC; `memory` is where it is made if it isn't.
pub fn nfc<'a>(text: &'a str, memory: &'a mut String) -> &'a str {
    if is_left(text) {
        return text;
    }
    memory.clear();
    memory.extend(text.nfc().map(|(char, _)| char));
    memory
}

/// Whether a text is in NFC for sure: nothing in it is ever changed, and marks stand in order.
fn is_left(text: &str) -> bool {
    let mut before = 0;
    text.is_ascii()
        || text.chars().all(|char| {
            let class = if char < FIRST { 0 } else { CLASSES.get(char as usize) };
            let is_left = class == 0 || class != CHANGES && before <= class;
            before = class;
            is_left
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_below_the_first_are_left() {
        assert!(('\0'..FIRST).all(|char| class(char) == 0));
        assert_ne!(class(FIRST), 0);
    }
}
