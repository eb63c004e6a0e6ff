//! Which back end is chosen, and that it encodes random texts as `tokenizers` does.

mod support;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use minisgl_tokenizer::TokenizerFolder;
use minisgl_tokenizer::backend::{Choice, Direct, HuggingFace, TokenizerBackend, best};
use serde_json::{Value, json};
use support::pinned;

fn choice(name: &str) -> Choice {
    match name {
        "qwen2.5" | "tekken" => Choice::Fastokens,
        "bert" | "llama2" | "straddle" | "t5" => Choice::Direct,
        _ => Choice::Tokenizers,
    }
}

#[test]
fn each_family_has_the_fastest_that_is_exact() {
    let mut seen = HashSet::new();
    for tokenizer in pinned() {
        let folder = TokenizerFolder::open(&tokenizer.folder).unwrap();
        assert_eq!(Choice::of(&folder), choice(&tokenizer.name), "{}", tokenizer.name);
        seen.insert(tokenizer.name);
    }
    assert!(["qwen2.5", "llama2", "tekken", "t5", "bert", "straddle"].iter().all(|name| seen.contains(*name)));
}

/// Change tokenizer.json of a pinned tokenizer, and give its folder.
fn changed(name: &str, change: impl FnOnce(&mut Value), into: &Path) -> TokenizerFolder {
    let tokenizer = pinned().into_iter().find(|each| each.name == name).unwrap();
    let mut definition: Value =
        serde_json::from_str(&fs::read_to_string(tokenizer.folder.join("tokenizer.json")).unwrap()).unwrap();
    change(&mut definition);
    fs::write(into.join("tokenizer.json"), definition.to_string()).unwrap();
    fs::copy(tokenizer.folder.join("tokenizer_config.json"), into.join("tokenizer_config.json")).unwrap();
    TokenizerFolder::open(into).unwrap()
}

#[test]
fn what_was_not_compared_is_left_to_tokenizers() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 13] = [
        ("straddle", |all| all["added_tokens"][0]["lstrip"] = json!(true)),
        ("straddle", |all| all["added_tokens"][0]["normalized"] = json!(true)),
        ("straddle", |all| all["normalizer"] = json!({"type": "NFKC"})),
        ("straddle", |all| all["pre_tokenizer"]["use_regex"] = json!(true)),
        ("straddle", |all| all["model"]["continuing_subword_prefix"] = json!("##")),
        ("qwen2.5", |all| all["pre_tokenizer"]["pretokenizers"][0]["pattern"] = json!({"Regex": r"\s+"})),
        ("llama2", |all| all["normalizer"]["normalizers"][1]["content"] = json!("_")),
        ("llama2", |all| all["model"]["byte_fallback"] = json!(false)),
        ("bert", |all| all["normalizer"]["other"] = json!(true)),
        ("bert", |all| all["pre_tokenizer"]["type"] = json!("Whitespace")),
        ("bert", |all| all["post_processor"]["single"] = json!([])),
        ("t5", |all| all["pre_tokenizer"]["prepend_scheme"] = json!("first")),
        ("t5", |all| all["normalizer"]["normalizers"].as_array_mut().unwrap().truncate(1)),
    ];
    for (at, (name, change)) in changes.into_iter().enumerate() {
        let into = tempfile::tempdir().unwrap();
        assert_eq!(Choice::of(&changed(name, change, into.path())), Choice::Tokenizers, "change {at}, of {name}");
    }
}

#[test]
fn truncation_and_padding_are_left_out() {
    for name in ["qwen2.5", "llama2", "t5", "bert"] {
        let into = tempfile::tempdir().unwrap();
        let limited = |all: &mut Value| {
            all["truncation"] = json!({"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
            all["padding"] = json!({"strategy": {"Fixed": 50}, "direction": "Right", "pad_to_multiple_of": null,
                "pad_id": 0, "pad_type_id": 0, "pad_token": "x"});
        };
        let folder = changed(name, limited, into.path());
        let ids = best(&folder).unwrap().encode_batch(&["one two three four five six", "one"]);
        let lengths: Vec<usize> = ids.into_iter().map(|ids| ids.unwrap().len()).collect();
        assert!(lengths[0] > 3 && lengths[0] < 20 && lengths[1] < 5, "{name}: {lengths:?}");
    }
}

#[test]
fn a_special_token_of_the_configuration_alone_is_found() {
    let into = tempfile::tempdir().unwrap();
    changed("qwen2.5", |_| (), into.path());
    fs::write(into.path().join("tokenizer_config.json"), r#"{"eos_token": "<|im_end|>", "bos_token": "<new>"}"#)
        .unwrap();
    let folder = TokenizerFolder::open(into.path()).unwrap();
    assert_eq!(Choice::of(&folder), Choice::Tokenizers);
    assert_eq!(best(&folder).unwrap().encode_batch(&["<new>"]), [Ok(vec![151_665])]);
}

#[test]
fn an_added_token_has_the_id_that_tokenizers_gives_it() {
    let into = tempfile::tempdir().unwrap();
    let add = |all: &mut Value| {
        let mut token = all["added_tokens"][0].clone();
        (token["content"], token["id"]) = (json!("<new>"), json!(32_005));
        all["added_tokens"].as_array_mut().unwrap().push(token);
    };
    let folder = changed("llama2", add, into.path());
    assert_eq!(Choice::of(&folder), Choice::Direct);
    let expected = HuggingFace::new(&folder).unwrap().encode_batch(&["<new>"]);
    assert_ne!(expected, [Ok(vec![1, 32_005])]);
    assert_eq!(best(&folder).unwrap().encode_batch(&["<new>"]), expected);
}

#[test]
fn what_is_odd_in_a_unigram_is_left_to_tokenizers() {
    type Change = fn(&mut Value);
    let changes: [Change; 4] = [
        |all| all["model"]["vocab"][9][1] = json!(0.5),
        |all| all["model"]["vocab"][9][1] = json!(-1e308),
        |all| all["model"]["vocab"][9][0] = json!("<unk><unk>"),
        |all| all["model"]["unk_id"] = json!(null),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let into = tempfile::tempdir().unwrap();
        assert_eq!(Choice::of(&changed("t5", change, into.path())), Choice::Tokenizers, "change {at}");
    }
}

#[test]
fn a_table_of_characters_that_leads_nowhere_is_refused() {
    let into = tempfile::tempdir().unwrap();
    let empty = |all: &mut Value| all["normalizer"]["normalizers"][0]["precompiled_charsmap"] = json!("AAAAAA==");
    let refused = best(&changed("t5", empty, into.path())).err().unwrap();
    assert!(refused.to_string().contains("table of characters"), "{refused}");
}

/// A linear congruential generator: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn pick<'a, T: AsRef<str>>(&mut self, all: &'a [T]) -> &'a str {
        all[self.below(all.len())].as_ref()
    }
}

/// What pre-tokenizers, normalizers and added tokens look at.
const TELLING: [&str; 40] = [
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
fn text(numbers: &mut Numbers, words: &[String], added: &[String]) -> String {
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

fn words() -> Vec<String> {
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

#[test]
fn random_texts_are_encoded_as_tokenizers_does() {
    let words = words();
    for tokenizer in pinned() {
        let folder = TokenizerFolder::open(&tokenizer.folder).unwrap();
        let definition: Value = serde_json::from_str(&folder.tokenizer_json).unwrap();
        let added: Vec<String> = definition["added_tokens"].as_array().unwrap()[..3]
            .iter()
            .map(|token| token["content"].as_str().unwrap().to_owned())
            .collect();
        let (best, yardstick) = (best(&folder).unwrap(), HuggingFace::new(&folder).unwrap());
        let mut numbers = Numbers(7);
        for size in [1, 3, 2000] {
            for _ in 0..3000 / size {
                let texts: Vec<String> = (0..size).map(|_| text(&mut numbers, &words, &added)).collect();
                let slices: Vec<&str> = texts.iter().map(String::as_str).collect();
                let answers = best.encode_batch(&slices).into_iter().zip(yardstick.encode_batch(&slices));
                for ((got, expected), text) in answers.zip(&texts) {
                    assert_eq!(got, expected, "{} {text:?}", tokenizer.name);
                }
            }
        }
    }
}

/// The encoder of this library for each expression of byte-level BPE: the name of a tokenizer that has the vocabulary,
/// and what the expression is changed to.
const EXPRESSIONS: [(&str, Option<&str>); 5] = [
    ("qwen2.5", None),
    ("tekken", None),
    (
        "qwen2.5",
        Some(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ),
    ),
    (
        "tekken",
        Some(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+\z|\s*[\r\n]|\s+(?!\S)|\s",
        ),
    ),
    (
        "qwen2.5",
        Some(concat!(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
            r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        )),
    ),
];

/// Compare texts in batches, as `tokenizers` has them encoded by all threads.
fn assert_equal(own: &dyn TokenizerBackend, yardstick: &HuggingFace, texts: &[String]) {
    for some in texts.chunks(4096) {
        let slices: Vec<&str> = some.iter().map(String::as_str).collect();
        let answers = own.encode_batch(&slices).into_iter().zip(yardstick.encode_batch(&slices));
        for ((got, expected), text) in answers.zip(some) {
            assert_eq!(got, expected, "{text:?}");
        }
    }
}

#[test]
fn each_expression_of_a_pre_tokenizer_splits_as_tokenizers_does() {
    const AROUND: [&str; 12] = ["a", "A", "1", " ", "\n", "'", "", "é", "ʰ", "\u{301}", ".", "/"];
    let words = words();
    for (name, expression) in EXPRESSIONS {
        let into = tempfile::tempdir().unwrap();
        let change = |all: &mut Value| {
            if let Some(expression) = expression {
                all["pre_tokenizer"]["pretokenizers"][0]["pattern"] = json!({"Regex": expression});
            }
        };
        let folder = changed(name, change, into.path());
        assert!(Direct::knows(&folder), "{name} {expression:?}");
        let (own, yardstick) = (Direct::new(&folder).unwrap(), HuggingFace::new(&folder).unwrap());
        let mut numbers = Numbers(3);
        let mut around = || AROUND[numbers.below(AROUND.len())];
        let all = ('\0'..=char::MAX).filter(|char| *char < '\u{3000}' || *char as u32 % 31 == 3);
        let texts: Vec<String> = all
            .map(|char| {
                let (left, right) = (around(), around());
                format!("a{char}b {char}1{char} {char}\n{left}{char}{right}'{char}'r{char} A{char}{char}{left} {char}s'{char}")
            })
            .collect();
        assert_equal(&own, &yardstick, &texts);
        let mut telling = || {
            let strings = (0..=numbers.below(7)).map(|_| numbers.pick(&TELLING)).collect::<String>();
            strings + &text(&mut numbers, &words, &[]).replace('a', "1234")
        };
        let texts: Vec<String> = (0..4000).map(|_| telling()).collect();
        assert_equal(&own, &yardstick, &texts);
    }
}

#[test]
fn marks_are_put_in_order_and_composed_as_tokenizers_does() {
    let into = tempfile::tempdir().unwrap();
    let folder = changed("qwen2.5", |_| (), into.path());
    let (own, yardstick) = (Direct::new(&folder).unwrap(), HuggingFace::new(&folder).unwrap());
    let bases = ["a", "e", " ", "中", "\u{1100}\u{1161}", "\u{ac00}", "", "क", "\u{9c7}", "が"];
    let marks = ['\u{301}', '\u{323}', '\u{302}', '\u{11a8}', '\u{3099}', '\u{93c}', '\u{9be}', '\u{e38}', '\u{345}'];
    let mut numbers = Numbers(5);
    let mut stack = || {
        let mut text = String::from(bases[numbers.below(bases.len())]);
        for _ in 0..numbers.below(5) {
            let any = char::from_u32(0x300 + numbers.below(0x70) as u32);
            text.push(any.filter(|_| numbers.below(2) == 0).unwrap_or(marks[numbers.below(marks.len())]));
        }
        text
    };
    let texts: Vec<String> = (0..8000).map(|_| (0..4).map(|_| stack()).collect()).collect();
    assert_equal(&own, &yardstick, &texts);
}

#[test]
fn made_up_words_are_merged_as_tokenizers_does() {
    let scripts = [(0x61, 26), (0x41, 26), (0x430, 32), (0x4e00, 20_000), (0xac00, 11_000), (0x915, 36), (0x1f600, 60)];
    for name in ["qwen2.5", "tekken"] {
        let into = tempfile::tempdir().unwrap();
        let folder = changed(name, |_| (), into.path());
        let (own, yardstick) = (Direct::new(&folder).unwrap(), HuggingFace::new(&folder).unwrap());
        let mut numbers = Numbers(11);
        let mut word = |at: usize| {
            let (first, count) = scripts[numbers.below(scripts.len())];
            let length = if at.is_multiple_of(100) { numbers.below(700) } else { numbers.below(12) };
            (0..length).filter_map(|_| char::from_u32((first + numbers.below(count)) as u32)).collect::<String>()
        };
        let texts: Vec<String> = (0..12_000).map(|at| word(at) + &word(at + 1)).collect();
        assert_equal(&own, &yardstick, &texts);
    }
}

#[test]
fn what_is_odd_in_a_byte_level_vocabulary_is_not_known() {
    type Change = fn(&mut Value);
    let changes: [Change; 5] = [
        |all| all["model"]["vocab"]["Ġthe"] = all["model"]["vocab"]["Ġof"].clone(),
        |all| drop(all["model"]["vocab"].as_object_mut().unwrap().remove("Ā")),
        |all| all["model"]["vocab"]["far"] = json!(1 << 20),
        |all| all["model"]["byte_fallback"] = json!(true),
        |all| all["normalizer"] = json!({"type": "NFD"}),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let into = tempfile::tempdir().unwrap();
        assert!(!Direct::knows(&changed("qwen2.5", change, into.path())), "change {at}");
    }
}

#[test]
fn the_vocabulary_goes_before_merges_if_it_is_to() {
    for ignored in [false, true] {
        let into = tempfile::tempdir().unwrap();
        let change = |all: &mut Value| {
            all["model"]["vocab"]["Ġqzxqzx"] = json!(151_999);
            all["model"]["ignore_merges"] = json!(ignored);
        };
        let folder = changed("qwen2.5", change, into.path());
        let expected = HuggingFace::new(&folder).unwrap().encode_batch(&["a qzxqzx"]);
        assert_eq!(Direct::new(&folder).unwrap().encode_batch(&["a qzxqzx"]), expected);
        assert_eq!(expected[0].as_ref().unwrap().contains(&151_999), ignored);
    }
}

#[test]
fn a_post_processor_that_changes_offsets_changes_no_ids() {
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
    for templates in [1, 2] {
        let into = tempfile::tempdir().unwrap();
        let change = |all: &mut Value| {
            let mut processors = vec![all["post_processor"].clone(); templates];
            processors.insert(1, bytes.clone());
            all["post_processor"] = json!({"type": "Sequence", "processors": processors});
        };
        let folder = changed("tekken", change, into.path());
        assert_eq!(Direct::knows(&folder), templates == 1);
        if templates == 1 {
            let expected = HuggingFace::new(&folder).unwrap().encode_batch(&[" one two"]);
            assert_eq!(Direct::new(&folder).unwrap().encode_batch(&[" one two"]), expected);
        }
    }
}
