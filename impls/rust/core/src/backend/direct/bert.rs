//! The normalizer and the pre-tokenizer of BERT, as a table of what becomes of each character.

use std::sync::OnceLock;

use serde::Deserialize;
use tokenizers::Normalizer;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::tokenizer::NormalizedString;
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::canonical_combining_class;

/// What a character adds to a text's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Nothing.
    Nothing,
    /// The end of a word.
    Space,
    /// A letter of a word.
    Letter(char),
    /// A word of its own.
    Alone(char),
    /// Several parts; the number is their place in the page.
    Several(u8),
    /// A letter that NFD may move past others of its kind beside it.
    Mark(char),
    /// Letters with such a mark among them: their text has to be normalized as a whole.
    Moves,
}

const PAGE: usize = 256;
const PAGES: usize = 0x11_0000 / PAGE;

struct Page {
    parts: [Part; PAGE],
    several: Vec<Box<[Part]>>,
}

/// Splits texts into normalized words.
pub struct Words {
    normalizer: BertNormalizer,
    /// Made when a text first needs them.
    pages: Box<[OnceLock<Page>]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(rename = "type")]
    kind: String,
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

impl Words {
    /// By the normalizer of a tokenizer.json; `None` if it is another.
    pub fn of(normalizer: &serde_json::Value) -> Option<Self> {
        let given = Settings::deserialize(normalizer).ok().filter(|given| given.kind == "BertNormalizer")?;
        let Settings { clean_text, handle_chinese_chars, strip_accents, lowercase, .. } = given;
        let normalizer = BertNormalizer::new(clean_text, handle_chinese_chars, strip_accents, lowercase);
        Some(Self { normalizer, pages: (0..PAGES).map(|_| OnceLock::new()).collect() })
    }

    /// Call `each` with the words of a text; `word` is memory to make them in.
    /// `false`, perhaps after some words, if the text can't be taken character by character.
    pub fn split(&self, text: &str, word: &mut Vec<u8>, mut each: impl FnMut(&[u8])) -> bool {
        word.clear();
        let ascii = self.page(0);
        let mut after_mark = false;
        for char in text.chars() {
            let page = if char.is_ascii() { ascii } else { self.page(char as usize / PAGE) };
            match page.parts[char as usize % PAGE] {
                Part::Moves => return false,
                Part::Mark(_) if after_mark => return false,
                Part::Mark(char) => {
                    add(Part::Letter(char), word, &mut each);
                    after_mark = true;
                    continue;
                }
                // What is stripped doesn't keep marks apart.
                Part::Nothing => continue,
                Part::Several(at) => {
                    page.several[usize::from(at)].iter().for_each(|part| add(*part, word, &mut each));
                }
                part => add(part, word, &mut each),
            }
            after_mark = false;
        }
        add(Part::Space, word, &mut each);
        true
    }

    /// The same by way of `tokenizers`, for any text.
    pub fn split_whole(&self, text: &str, word: &mut Vec<u8>, mut each: impl FnMut(&[u8])) -> Result<(), String> {
        word.clear();
        let mut normalized = NormalizedString::from(text);
        self.normalizer.normalize(&mut normalized).map_err(|error| error.to_string())?;
        normalized.get().chars().for_each(|char| add(part(char), word, &mut each));
        add(Part::Space, word, &mut each);
        Ok(())
    }

    fn page(&self, at: usize) -> &Page {
        self.pages[at].get_or_init(|| {
            let mut page = Page { parts: [Part::Nothing; PAGE], several: Vec::new() };
            for (place, char) in (at * PAGE..).map(|point| char::from_u32(point as u32)).take(PAGE).enumerate() {
                let parts = char.map(|char| self.parts(char)).unwrap_or_default();
                page.parts[place] = match parts[..] {
                    [] => Part::Nothing,
                    [only] => only,
                    [Part::Space, Part::Letter(char), Part::Space] => Part::Alone(char),
                    _ => {
                        page.several.push(parts.into());
                        Part::Several((page.several.len() - 1) as u8)
                    }
                };
            }
            page
        })
    }

    /// What becomes of a character: what `BertNormalizer` does to it, step by step.
    fn parts(&self, char: char) -> Vec<Part> {
        let BertNormalizer { clean_text, handle_chinese_chars, strip_accents, lowercase, .. } = self.normalizer;
        if clean_text && is_cleaned_away(char) {
            return Vec::new();
        }
        if clean_text && char.is_whitespace() {
            return vec![Part::Space];
        }
        let strips = strip_accents.unwrap_or(lowercase);
        let mut chars = vec![char];
        if strips {
            chars =
                std::iter::once(char).nfd().map(|(char, _)| char).filter(|char| !char.is_mark_nonspacing()).collect();
            if chars.iter().any(|char| canonical_combining_class(*char) != 0) {
                let alone = !lowercase || chars[0].to_lowercase().eq([chars[0]]);
                let is_mark = chars.len() == 1 && alone && part(chars[0]) == Part::Letter(chars[0]);
                return vec![if is_mark { Part::Mark(chars[0]) } else { Part::Moves }];
            }
        }
        if lowercase {
            chars = chars.into_iter().flat_map(char::to_lowercase).collect();
        }
        let around = (handle_chinese_chars && is_chinese(char)).then_some(Part::Space);
        around.into_iter().chain(chars.into_iter().map(part)).chain(around).collect()
    }
}

#[inline]
fn add(part: Part, word: &mut Vec<u8>, each: &mut impl FnMut(&[u8])) {
    if let Part::Letter(char) = part {
        if char.is_ascii() {
            word.push(char as u8);
        } else {
            word.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        return;
    }
    if part == Part::Nothing {
        return;
    }
    if !word.is_empty() {
        each(word);
        word.clear();
    }
    if let Part::Alone(char) = part {
        each(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// What `BertPreTokenizer` makes of a normalized character.
fn part(char: char) -> Part {
    if char.is_whitespace() {
        Part::Space
    } else if char.is_ascii_punctuation() || char.is_punctuation() {
        Part::Alone(char)
    } else {
        Part::Letter(char)
    }
}

fn is_cleaned_away(char: char) -> bool {
    char == '\0' || char == '\u{fffd}' || !matches!(char, '\t' | '\n' | '\r') && char.is_other()
}

/// The blocks that `BertNormalizer` takes for Chinese.
fn is_chinese(char: char) -> bool {
    matches!(char,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(split: impl FnOnce(&mut Vec<u8>, &mut dyn FnMut(&[u8]))) -> Vec<Vec<u8>> {
        let mut words = Vec::new();
        split(&mut Vec::new(), &mut |word| words.push(word.to_vec()));
        words
    }

    #[test]
    fn every_character_is_split_as_tokenizers_does() {
        let settings = [(true, true, None, true), (false, true, Some(false), true), (true, false, Some(true), false)];
        for (clean_text, handle_chinese_chars, strip_accents, lowercase) in settings {
            let own = Words::of(&json!({"type": "BertNormalizer", "clean_text": clean_text,
                "handle_chinese_chars": handle_chinese_chars, "strip_accents": strip_accents, "lowercase": lowercase}));
            let own = own.unwrap();
            let mut moved = 0;
            for char in '\0'..=char::MAX {
                let text = format!("a{char}b {char}");
                let mut taken = false;
                let got = words(|word, each| taken = own.split(&text, word, each));
                let expected = words(|word, each| own.split_whole(&text, word, each).unwrap());
                if taken {
                    assert_eq!(got, expected, "{text:?}");
                } else {
                    moved += 1;
                }
            }
            assert!(moved < 100, "{moved}");
        }
    }
}
