//! Byte-level BPE, by the encoder of this library and by fastokens: all texts are encoded as `tokenizers` does.

mod support;
mod texts;

use minisgl_tokenizer::TokenizerFolder;
use minisgl_tokenizer::backend::{Direct, Fastokens, HuggingFace, TokenizerBackend};
use serde_json::{Value, json};
use texts::{Numbers, TELLING, changed, text, words};

/// Each expression that pre-tokenizers split by: the name of a tokenizer that has the vocabulary, and what its expression
/// is changed to.
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
fn assert_equal(folder: &TokenizerFolder, texts: &[String]) {
    let mut own: Vec<Box<dyn TokenizerBackend>> = Vec::new();
    if Direct::knows(folder) {
        own.push(Box::new(Direct::new(folder).unwrap()));
    }
    if Fastokens::knows(folder) {
        own.push(Box::new(Fastokens::new(folder).unwrap()));
    }
    assert!(!own.is_empty());
    let yardstick = HuggingFace::new(folder).unwrap();
    for some in texts.chunks(4096) {
        let slices: Vec<&str> = some.iter().map(String::as_str).collect();
        let expected = yardstick.encode_batch(&slices);
        for own in &own {
            for ((got, expected), text) in own.encode_batch(&slices).iter().zip(&expected).zip(some) {
                assert_eq!(got, expected, "{text:?}");
            }
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
        let mut numbers = Numbers(3);
        let mut around = || AROUND[numbers.below(AROUND.len())];
        let all = ('\0'..=char::MAX).filter(|char| *char < '\u{3000}' || *char as u32 % 31 == 3);
        let texts: Vec<String> = all
            .map(|char| {
                let (left, right) = (around(), around());
                format!("a{char}b {char}1{char} {char}\n{left}{char}{right}'{char}'r{char} A{char}{char}{left} {char}s'{char}")
            })
            .collect();
        assert_equal(&folder, &texts);
        let mut telling = || {
            let strings = (0..=numbers.below(7)).map(|_| numbers.pick(&TELLING)).collect::<String>();
            strings + &text(&mut numbers, &words, &[]).replace('a', "1234")
        };
        let texts: Vec<String> = (0..4000).map(|_| telling()).collect();
        assert_equal(&folder, &texts);
    }
}

/// Those of DeepSeek-V3, which only fastokens knows.
const STEPS: [&str; 3] = [
    r"\p{N}{1,3}",
    "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+",
    concat!(
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|"##,
        "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
    ),
];

#[test]
fn expressions_that_split_one_after_the_other_do_as_in_tokenizers() {
    let (into, words) = (tempfile::tempdir().unwrap(), words());
    let change = |all: &mut Value| {
        let split =
            |regex| json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
        let bytes = all["pre_tokenizer"]["pretokenizers"][1].clone();
        let steps = STEPS.map(split).into_iter().chain([bytes]).collect::<Vec<_>>();
        all["pre_tokenizer"]["pretokenizers"] = json!(steps);
        all["normalizer"] = json!({"type": "Sequence", "normalizers": []});
    };
    let folder = changed("qwen2.5", change, into.path());
    assert!(Fastokens::knows(&folder));
    let mut numbers = Numbers(17);
    let chars = ('\0'..=char::MAX).filter(|char| *char < '\u{3400}' || *char as u32 % 31 == 3);
    let mut texts: Vec<String> =
        chars.map(|char| format!("a{char}b {char}1{char} {char}\n.{char}-{char}{char}x 中{char}か{char}")).collect();
    texts.extend((0..8000).map(|_| text(&mut numbers, &words, &["<|im_start|>".to_owned()])));
    assert_equal(&folder, &texts);
}

#[test]
fn added_tokens_that_are_normalized_stand_between_those_that_are_not() {
    let into = tempfile::tempdir().unwrap();
    let change = |all: &mut Value| {
        for (content, id, normalized) in
            [("<a>", 200_000, false), ("x<a", 200_001, true), (">y", 200_002, true), ("<a>x", 200_003, false)]
        {
            all["added_tokens"]
                .as_array_mut()
                .unwrap()
                .push(json!({"content": content, "id": id, "normalized": normalized,
                "single_word": false, "lstrip": false, "rstrip": false, "special": false}));
        }
    };
    let folder = changed("tekken", change, into.path());
    assert!(Fastokens::knows(&folder) && Direct::knows(&folder));
    let numbers = &mut Numbers(19);
    let mut text = || (0..6).map(|_| numbers.pick(&["<a>", "x", "<", "a", ">", "y", " ", "é"])).collect::<String>();
    assert_equal(&folder, &(0..4000).map(|_| text()).collect::<Vec<_>>());
}

#[test]
fn marks_are_put_in_order_and_composed_as_tokenizers_does() {
    let into = tempfile::tempdir().unwrap();
    let folder = changed("qwen2.5", |_| (), into.path());
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
    assert_equal(&folder, &texts);
}

#[test]
fn made_up_words_are_merged_as_tokenizers_does() {
    let scripts = [(0x61, 26), (0x41, 26), (0x430, 32), (0x4e00, 20_000), (0xac00, 11_000), (0x915, 36), (0x1f600, 60)];
    for name in ["qwen2.5", "tekken"] {
        let into = tempfile::tempdir().unwrap();
        let folder = changed(name, |_| (), into.path());
        let mut numbers = Numbers(11);
        let mut word = |at: usize| {
            let (first, count) = scripts[numbers.below(scripts.len())];
            let length = if at.is_multiple_of(100) { numbers.below(700) } else { numbers.below(12) };
            (0..length).filter_map(|_| char::from_u32((first + numbers.below(count)) as u32)).collect::<String>()
        };
        let texts: Vec<String> = (0..12_000).map(|at| word(at) + &word(at + 1)).collect();
        assert_equal(&folder, &texts);
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
        assert_equal(&folder, &["a qzxqzx".to_owned()]);
        // The new id is behind a gap.
        assert!(!Fastokens::knows(&folder));
        let ids = Direct::new(&folder).unwrap().encode_batch(&["a qzxqzx"]).remove(0).unwrap();
        assert_eq!(ids.contains(&151_999), ignored);
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
        assert_eq!(Fastokens::knows(&folder), templates == 1);
        if templates == 1 {
            assert_equal(&folder, &[" one two".to_owned()]);
        }
    }
}

#[test]
fn a_long_text_is_encoded_as_tokenizers_does() {
    let words = words();
    for name in ["qwen2.5", "tekken"] {
        let into = tempfile::tempdir().unwrap();
        let folder = changed(name, |_| (), into.path());
        let added = if name == "qwen2.5" { "<|im_start|>" } else { "[INST]" };
        let mut numbers = Numbers(13);
        let mut long = |size: usize| {
            let mut all = String::new();
            while all.len() < size {
                all.push_str(&text(&mut numbers, &words, &[]));
            }
            all
        };
        assert_equal(&folder, &[long(70_000) + added + &long(10) + added + &long(200_000) + added, String::new()]);
    }
}
