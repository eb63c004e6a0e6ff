//! NFC, for texts that are not in it yet, by the tables of `tokenizers`.

use std::sync::{LazyLock, OnceLock};

use serde_json::json;
use unicode_normalization_alignments::char::canonical_combining_class;
use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::pages::{PAGES, Pages};
use crate::folder::Definition;

/// The combining class of each character that NFC leaves as it is whatever stands before it, or `CHANGES`.
static CLASSES: Pages =
    Pages { pages: [const { OnceLock::new() }; PAGES], make: |chars| chars.map(|char| char.map_or(0, class)) };
const CHANGES: u8 = u8::MAX;

/// Which characters may have a class, by their bytes.
struct Classed {
    /// Where the row of a first byte begins; those of no such characters have one without bits.
    rows: [u16; 256],
    /// By the low bits of the second byte, a bit by those of the third one; all or none of them if there is none.
    bits: Box<[u64; BITS]>,
}

const LOW: usize = 64;
/// More than there are.
const BITS: usize = 1 << 12;

static CLASSED: LazyLock<Classed> = LazyLock::new(|| {
    let (mut bits, mut end) = (Box::new([0; BITS]), LOW);
    let bit = |number: usize| u64::from(CLASSES.get(number) != 0);
    let rows = std::array::from_fn(|first| {
        let row: [u64; LOW] = std::array::from_fn(|second| match first {
            0xc2..0xe0 => bit((first % 32) * LOW + second) * u64::MAX,
            0xe0..0xf0 => (0..LOW).map(|third| bit(((first % 16) * LOW + second) * LOW + third) << third).sum(),
            // Characters of four bytes are looked at one by one.
            0xf0..0xf5 => u64::MAX,
            _ => 0,
        });
        if row == [0; LOW] {
            return 0;
        }
        bits[end..end + LOW].copy_from_slice(&row);
        end += LOW;
        (end - LOW) as u16
    });
    Classed { rows, bits }
});

impl Classed {
    /// Whether one that begins with a byte has a class.
    #[inline]
    fn has_some(&self, first: u8) -> bool {
        self.rows[usize::from(first)] > 0
    }

    #[inline]
    fn has(&self, first: u8, second: u8, third: u8) -> bool {
        let place = usize::from(self.rows[usize::from(first)]) + usize::from(second) % LOW;
        self.bits[place % BITS] >> (third % LOW as u8) & 1 == 1
    }
}

fn class(char: char) -> u8 {
    match is_nfc_quick(std::iter::once(char)) {
        IsNormalized::Yes => canonical_combining_class(char),
        _ => CHANGES,
    }
}

/// Whether texts are brought into NFC; `None` if it is another normalizer.
pub fn normalized(definition: &Definition) -> Option<bool> {
    match definition.normalizer() {
        None => Some(false),
        Some(given) => (*given == json!({"type": "NFC"})).then_some(true),
    }
}

/// A text in NFC; `memory` is where it is made if it isn't.
pub fn nfc<'a>(text: &'a str, memory: &'a mut String) -> &'a str {
    let mut done = 0;
    while let Some((from, to)) = next_change(text, done) {
        if done == 0 {
            memory.clear();
            memory.reserve(text.len());
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
    let at = next_out_of_order(text, from)?;
    let is_first = |(_, char): &(usize, char)| CLASSES.get(*char as usize) == 0;
    let begin = text[from..at].char_indices().rfind(is_first).map_or(from, |(begin, _)| from + begin);
    let end = text[at..].char_indices().skip(1).find(is_first).map_or(text.len(), |(end, _)| at + end);
    Some((begin, end))
}

/// The next character that NFC may change, or that stands behind one of a higher class.
fn next_out_of_order(text: &str, from: usize) -> Option<usize> {
    let mut at = from + next_classed(&text.as_bytes()[from..])?;
    loop {
        let char = text[at..].chars().next()?;
        let class = CLASSES.get(char as usize);
        let before = || text[from..at].chars().next_back().map_or(0, |char| CLASSES.get(char as usize));
        if class == CHANGES || class != 0 && class < before() {
            return Some(at);
        }
        at += char.len_utf8();
        at += next_classed(&text.as_bytes()[at..])?;
    }
}

/// Where the next character begins that may have a class.
fn next_classed(text: &[u8]) -> Option<usize> {
    let classed = &*CLASSED;
    let mut at = 0;
    while let Some(some) = text[at..].first_chunk::<10>() {
        // All of them are looked at, which takes no branch.
        let may_be = some[..8].iter().fold(false, |any, first| any | classed.has_some(*first));
        if may_be && (0..8).fold(false, |any, at| any | classed.has(some[at], some[at + 1], some[at + 2])) {
            break;
        }
        at += 8;
    }
    let byte = |at: usize| text.get(at).copied().unwrap_or_default();
    (at..text.len()).find(|at| classed.has(text[*at], byte(at + 1), byte(at + 2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::chance::numbers;

    fn composed(text: &str) -> String {
        text.nfc().map(|(char, _)| char).collect()
    }

    #[test]
    fn a_text_becomes_what_all_of_it_composed_is() {
        let special: Vec<char> = (0..=0x10_ffff)
            .filter(|number| CLASSES.get(*number) != 0)
            .filter_map(|number| char::from_u32(number as u32))
            .collect();
        let plain: Vec<char> = "ae ひカ中한ดคन가ᄀאب\u{1f600}/".chars().collect();
        let (mut below, mut memory) = (numbers(1), String::new());
        for round in 0..200_000 {
            let of = [special.as_slice(), plain.as_slice(), &['\u{301}', '\u{323}', '\u{3099}', '\u{5b0}', '\u{5b1}']];
            let text: String = (0..below(24))
                .map(|_| {
                    let from = of[[0, 1, 1, 1, 1, 1, 2][below(7)]];
                    from[below(from.len())]
                })
                .collect();
            assert_eq!(nfc(&text, &mut memory), composed(&text), "{round}: {text:?}");
        }
    }

    #[test]
    fn each_character_is_composed_behind_and_before_others() {
        let mut memory = String::new();
        for char in '\0'..=char::MAX {
            let text = format!("plain text {char}\u{301} e{char}");
            assert_eq!(nfc(&text, &mut memory), composed(&text), "{text:?}");
        }
    }
}
