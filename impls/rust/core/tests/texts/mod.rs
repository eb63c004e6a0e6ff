//! Random texts, and tokenizers that are changed.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use minisgl_tokenizer::TokenizerFolder;
use serde_json::Value;

use crate::support::pinned;

/// A linear congruential generator: the same numbers everywhere.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    pub fn pick<'a, T: AsRef<str>>(&mut self, all: &'a [T]) -> &'a str {
        all[self.below(all.len())].as_ref()
    }
}

/// What pre-tokenizers, normalizers and added tokens look at.
pub const TELLING: [&str; 40] = [
    " ",
    "  ",
    "   ",
    "\n",
    "\r\n",
    "\t",
    "\u{a0}",
    "\u{3000}",
    "\u{85}",
    "\u{2028}",
    "\u{200b}",
    "'",
    "'s",
    "'S",
    "'ſ",
    "'Re",
    "'ll",
    "/",
    "//\n",
    "▁",
    "1",
    "23",
    "٣",
    "Ⅷ",
    "ǅ",
    "ʰ",
    "\u{301}",
    "e\u{301}",
    "\u{fe0f}",
    "👨\u{200d}👩",
    "각",
    "\u{1112}\u{1161}\u{11ab}",
    "\u{0}",
    "\u{11935}\u{11930}",
    "\u{7fd}\u{f7c}",
    "HTTPServer",
    "ﬁ",
    "<",
    "中文",
    "\u{fffd}",
];
/// The ends of ranges of characters, so that each is met often.
const RANGES: [usize; 8] = [0x80, 0x300, 0x800, 0x3000, 0xa000, 0x10000, 0x2_0000, 0x11_0000];

/// A random text of words of a corpus, telling strings, added tokens and any characters.
pub fn text(numbers: &mut Numbers, words: &[String], added: &[String]) -> String {
    let mut text = String::new();
    for _ in 0..=numbers.below(8) {
        match numbers.below(10) {
            0 => text.extend(char::from_u32(numbers.below(RANGES[numbers.0 as usize % RANGES.len()]) as u32)),
            1..=3 => text.push_str(numbers.pick(&TELLING)),
            4 if !added.is_empty() => {
                let token: Vec<char> = numbers.pick(added).chars().collect();
                text.extend(&token[..=numbers.below(token.len())]);
            }
            5 => text.push_str(&numbers.pick(words).repeat(1 + numbers.below(40))),
            _ => text.push_str(numbers.pick(words)),
        }
    }
    text
}

/// The words of corpora.
pub fn words() -> Vec<String> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../corpora");
    let mut words = HashSet::new();
    for name in ["languages", "cjk", "code", "marks", "emoji", "bidi", "controls"] {
        let corpus = fs::read_to_string(corpora.join(format!("{name}.toml"))).unwrap();
        words.extend(corpus.split_inclusive([' ', '\n', '。', '、', '.']).map(str::to_owned));
    }
    let mut words: Vec<String> = words.into_iter().collect();
    words.sort();
    words
}

/// Change tokenizer.json of a pinned tokenizer, and give its folder.
pub fn changed(name: &str, change: impl FnOnce(&mut Value), into: &Path) -> TokenizerFolder {
    let tokenizer = pinned().into_iter().find(|each| each.name == name).unwrap();
    let mut definition: Value =
        serde_json::from_str(&fs::read_to_string(tokenizer.folder.join("tokenizer.json")).unwrap()).unwrap();
    change(&mut definition);
    fs::write(into.join("tokenizer.json"), definition.to_string()).unwrap();
    fs::copy(tokenizer.folder.join("tokenizer_config.json"), into.join("tokenizer_config.json")).unwrap();
    TokenizerFolder::open(into).unwrap()
}
