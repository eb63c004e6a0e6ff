//! Which back end is chosen, and that it encodes random texts as `tokenizers` does.

mod support;
mod texts;

use std::collections::HashSet;
use std::fs;

use minisgl_tokenizer::TokenizerFolder;
use minisgl_tokenizer::backend::{Choice, HuggingFace, TokenizerBackend, best};
use serde_json::{Value, json};
use support::pinned;
use texts::{Numbers, changed, text, words};

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

#[test]
fn what_was_not_compared_is_left_to_tokenizers() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 14] = [
        ("straddle", |all| all["added_tokens"][0]["lstrip"] = json!(true)),
        ("qwen2.5", |all| all["added_tokens"][0]["normalized"] = json!(true)),
        ("straddle", |all| drop(all["added_tokens"][0].as_object_mut().unwrap().remove("normalized"))),
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
