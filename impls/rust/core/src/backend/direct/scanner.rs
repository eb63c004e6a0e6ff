//! The words of a text, by the expressions that pre-tokenizers of byte-level BPE split it with.

use serde_json::Value;

use super::classes::{BREAK, CLASSES, LETTER, LOWER, NUMBER, SPACE, UPPER};
use crate::backend::splits;

/// What expressions differ in. All of them take, in this order: letters with one other character in front, numbers,
/// other characters with a space in front and line breaks behind, spaces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    contractions: Contractions,
    /// Whether a word ends before an upper case letter that comes after a lower case one, and takes marks for letters.
    cased: bool,
    /// So many digits are one word.
    digits: usize,
    /// Whether slashes may stand among the line breaks behind other characters.
    slashes: bool,
    /// Whether spaces at the end of a text are one word, whatever line breaks are among them.
    end_first: bool,
}

/// What becomes of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` and `'d`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Contractions {
    /// Nothing.
    Ordinary,
    /// They are words.
    Words,
    /// They end words.
    Ends,
}

/// The expressions that are known, and their rules.
const KNOWN: [(&str, Rules); 5] = [
    (splits::QWEN2, QWEN2),
    (splits::LLAMA3, Rules { digits: 3, ..QWEN2 }),
    (splits::TEKKEN, TEKKEN),
    (splits::CL100K, Rules { digits: 3, end_first: true, ..QWEN2 }),
    (splits::O200K, Rules { contractions: Contractions::Ends, digits: 3, ..TEKKEN }),
];
const QWEN2: Rules =
    Rules { contractions: Contractions::Words, cased: false, digits: 1, slashes: false, end_first: false };
const TEKKEN: Rules = Rules { contractions: Contractions::Ordinary, cased: true, slashes: true, ..QWEN2 };

impl Rules {
    /// The rules of a pre-tokenizer that splits by an expression which is known.
    pub fn of(split: &Value) -> Option<Self> {
        KNOWN.iter().find(|(expression, _)| splits::is_by(split, expression)).map(|(_, rules)| *rules)
    }
}

/// Tells words.
pub struct Scanner {
    rules: Rules,
    /// The classes of each byte that is a character, or `WIDE`.
    ascii: Box<[u8; 256]>,
}

/// The class of a byte that is a part of a character.
const WIDE: u8 = 1 << 6;
/// The class of the end of a text.
const END: u8 = 1 << 7;

impl Scanner {
    pub fn new(rules: Rules) -> Self {
        let class = |byte: usize| if byte < 128 { CLASSES.get(byte) } else { WIDE };
        Self { rules, ascii: Box::new(std::array::from_fn(class)) }
    }

    /// Where the word ends that begins at a place before the end of a text.
    #[inline]
    pub fn end(&self, text: &str, from: usize) -> usize {
        let text = text.as_bytes();
        let (class, after) = self.class(text, from);
        if class & LETTER != 0 {
            return self.letters(text, from, None);
        }
        // Most words are a space and letters.
        let (next, behind) = self.class(text, after);
        if text[from] == b' ' && next & LETTER != 0 {
            return self.letters(text, after, None);
        }
        if class & NUMBER != 0 {
            return self.numbers(text, after);
        }
        if self.rules.contractions == Contractions::Words
            && let Some(end) = contraction(text, from)
        {
            return end;
        }
        let letters = if self.rules.cased { LETTER | UPPER } else { LETTER };
        if class & BREAK == 0 && next & letters != 0 {
            let mark = Some(after).filter(|_| class & letters != 0);
            return self.letters(text, after, mark);
        }
        // A mark that nothing follows is a word of letters too.
        if class & letters != 0 {
            return self.behind_letters(text, after);
        }
        if class & SPACE == 0 {
            return self.others(text, after);
        }
        if text[from] == b' ' && is_other(next) {
            return self.others(text, behind);
        }
        self.spaces(text, from)
    }

    /// The class of the character at a place, and the place behind it.
    #[inline]
    fn class(&self, text: &[u8], at: usize) -> (u8, usize) {
        let Some(byte) = text.get(at) else { return (END, at) };
        match self.ascii[usize::from(*byte)] {
            WIDE => wide(text, at),
            class => (class, at + 1),
        }
    }

    /// Where a run of characters of some classes ends.
    #[inline]
    fn run(&self, text: &[u8], mut at: usize, classes: u8) -> usize {
        loop {
            while text.get(at).is_some_and(|byte| self.ascii[usize::from(*byte)] & classes != 0) {
                at += 1;
            }
            if text.get(at).is_none_or(|byte| *byte < 0x80) {
                return at;
            }
            let (class, after) = wide(text, at);
            if class & classes == 0 {
                return at;
            }
            at = after;
        }
    }

    /// Where letters end. If there is a mark in front, it ends at `mark`, and is a word if no lower case letter follows.
    #[inline]
    fn letters(&self, text: &[u8], from: usize, mark: Option<usize>) -> usize {
        if !self.rules.cased {
            return self.run(text, from, LETTER);
        }
        let (mut at, mut uncased) = (from, mark);
        loop {
            let (class, after) = self.class(text, at);
            if class & UPPER != 0 {
                if class & LOWER != 0 {
                    uncased = Some(after);
                }
                at = after;
                continue;
            }
            let end = if class & LOWER != 0 { self.run(text, after, LOWER) } else { uncased.unwrap_or(at) };
            return self.behind_letters(text, end);
        }
    }

    #[inline]
    fn behind_letters(&self, text: &[u8], at: usize) -> usize {
        match self.rules.contractions {
            Contractions::Ends => contraction(text, at).unwrap_or(at),
            _ => at,
        }
    }

    fn numbers(&self, text: &[u8], mut at: usize) -> usize {
        for _ in 1..self.rules.digits {
            let (class, after) = self.class(text, at);
            if class & NUMBER == 0 {
                break;
            }
            at = after;
        }
        at
    }

    fn others(&self, text: &[u8], mut at: usize) -> usize {
        loop {
            let (class, after) = self.class(text, at);
            if !is_other(class) {
                break;
            }
            at = after;
        }
        let slash = if self.rules.slashes { b'/' } else { b'\n' };
        at + text[at..].iter().take_while(|byte| matches!(**byte, b'\r' | b'\n') || **byte == slash).count()
    }

    fn spaces(&self, text: &[u8], from: usize) -> usize {
        let (mut at, mut last, mut broken) = (from, from, from);
        loop {
            let (class, after) = self.class(text, at);
            if class & SPACE == 0 {
                break;
            }
            if class & BREAK != 0 {
                broken = after;
            }
            (last, at) = (at, after);
        }
        if self.rules.end_first && at == text.len() {
            at
        } else if broken > from {
            broken
        } else if at == text.len() || last == from {
            at
        } else {
            last
        }
    }
}

/// The same for a character of several bytes.
#[inline]
fn wide(text: &[u8], at: usize) -> (u8, usize) {
    let part = |within: usize| usize::from(text[at + within]) % 64;
    let (number, length) = match text[at] {
        lead @ 0..0xe0 => (((usize::from(lead) % 32) << 6) | part(1), 2),
        lead @ 0xe0..0xf0 => (((usize::from(lead) % 16) << 12) | (part(1) << 6) | part(2), 3),
        lead @ 0xf0.. => (((usize::from(lead) % 8) << 18) | (part(1) << 12) | (part(2) << 6) | part(3), 4),
    };
    (CLASSES.get(number), at + length)
}

#[inline]
fn is_other(class: u8) -> bool {
    class & (LETTER | NUMBER | SPACE | END) == 0
}

/// Where a contraction ends that begins at a place.
#[inline]
fn contraction(text: &[u8], at: usize) -> Option<usize> {
    let behind = text[at..].strip_prefix(b"'")?;
    let lower = |at: usize| behind.get(at).map(u8::to_ascii_lowercase);
    match (lower(0)?, lower(1)) {
        (b's' | b't' | b'm' | b'd', _) => Some(at + 2),
        // The last is the long s, which is an s to an expression that doesn't look at cases.
        (b'r' | b'v', Some(b'e')) | (b'l', Some(b'l')) | (0xc5, Some(0xbf)) => Some(at + 3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokenizers::utils::SysRegex;

    use super::*;
    use crate::backend::chance::numbers;

    const TELLING: [&str; 36] = [
        "a", "b", "A", "Z", "é", "Ω", "中", "か", "ʰ", "ǅ", "\u{301}", "\u{93e}", "1", "٣", "Ⅷ", " ", " ", "  ", "\t",
        "\u{3000}", "\u{85}", "\n", "\r\n", "\n\n", "'", "'s", "'S", "'ſ", "'re", "'lL", ".", "/", "-", "!", "😀",
        "\0",
    ];

    #[test]
    fn words_are_those_that_the_expression_matches() {
        for (expression, rules) in KNOWN {
            let (regex, scanner) = (SysRegex::new(expression).unwrap(), Scanner::new(rules));
            let mut below = numbers(1);
            for _ in 0..60_000 {
                let text: String = (0..=below(7)).map(|_| TELLING[below(TELLING.len())]).collect();
                let mut at = 0;
                for (from, to) in regex.find_iter(&text) {
                    let end = scanner.end(&text, at);
                    assert_eq!((from, to), (at, end), "{text:?} {expression}");
                    at = end;
                }
                assert_eq!(at, text.len(), "{text:?} {expression}");
            }
        }
    }
}
