//! NFC, for texts that are not in it yet, by the tables of `tokenizers`.

use std::sync::{LazyLock, OnceLock};

use unicode_normalization_alignments::char::canonical_combining_class;
use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::pages::{PAGES, Pages};

/// The combining class of each character that NFC leaves as it is whatever stands before it, or `CHANGES`.
static CLASSES: Pages =
    Pages { pages: [const { OnceLock::new() }; PAGES], make: |chars| chars.map(|char| char.map_or(0, class)) };
const CHANGES: u8 = u8::MAX;
/// So many characters have all their bytes but the last one in common.
const BLOCK: usize = 64;

/// Which blocks of characters of up to three bytes have only characters of class 0.
static QUIET: LazyLock<Box<[bool; 0x1_0000 / BLOCK]>> = LazyLock::new(|| {
    let is_quiet = |at: usize| (at * BLOCK..(at + 1) * BLOCK).all(|number| CLASSES.get(number) == 0);
    Box::new(std::array::from_fn(is_quiet))
});

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

/// How many bytes a text begins with that are of characters in quiet blocks.
fn plain(text: &[u8]) -> usize {
    let quiet = &**QUIET;
    let mut at = 0;
    loop {
        let block = match text[at..] {
            [..0x80, ..] => {
                at += 1;
                continue;
            }
            [lead @ 0x80..0xe0, _, ..] => usize::from(lead) % 32,
            [lead @ 0xe0..0xf0, second, _, ..] => ((usize::from(lead) % 16) << 6) | (usize::from(second) % 64),
            _ => return at,
        };
        if !quiet[block] {
            return at;
        }
        at += if block < 32 { 2 } else { 3 };
    }
}
