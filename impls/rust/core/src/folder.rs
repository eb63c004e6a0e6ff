//! A tokenizer's folder: tokenizer.json, tokenizer_config.json and perhaps chat_template.jinja.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::LoadError;

const SPECIAL_TOKENS: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The files of a tokenizer, read and checked.
#[derive(Debug)]
pub struct TokenizerFolder {
    /// Where they are.
    pub path: PathBuf,
    /// The content of tokenizer.json.
    pub tokenizer_json: String,
    /// The special tokens that the configuration names, in a fixed order: name and content.
    pub special_tokens: Vec<(String, String)>,
    /// The chat template, if there is one.
    pub template: Option<String>,
    pub(crate) definition: Definition,
}

/// The parts of tokenizer.json that the detokenizer is made of, and that tell the family of the tokenizer.
#[derive(Debug, Deserialize)]
pub(crate) struct Definition {
    #[serde(default)]
    pub added_tokens: Vec<AddedToken>,
    #[serde(default)]
    pub normalizer: Option<Value>,
    #[serde(default)]
    pub pre_tokenizer: Option<Value>,
    #[cfg_attr(not(any(feature = "direct", feature = "fastokens")), expect(dead_code, reason = "only they read it"))]
    #[serde(default)]
    pub post_processor: Option<Value>,
    #[serde(default)]
    pub decoder: Option<Value>,
    pub model: Model,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AddedToken {
    pub id: u32,
    pub content: String,
    #[serde(flatten)]
    pub flags: Map<String, Value>,
}

impl AddedToken {
    /// Whether it is looked for in a text that is normalized, if it stands somewhere else than one that isn't.
    pub fn is_normalized(&self) -> bool {
        self.flags.get("normalized") != Some(&false.into())
    }

    /// Whether what stands around it doesn't matter.
    fn is_plain(&self) -> bool {
        let is_off = |flag: &&str| self.flags.get(*flag) == Some(&false.into());
        ["single_word", "lstrip", "rstrip"].iter().all(is_off)
            && self.flags.get("normalized").is_some_and(Value::is_boolean)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub byte_fallback: Option<bool>,
    #[cfg_attr(not(feature = "direct"), expect(dead_code, reason = "only the encoder of this library reads it"))]
    pub ignore_merges: Option<bool>,
    unk_id: Option<usize>,
    #[cfg_attr(not(any(feature = "direct", feature = "fastokens")), expect(dead_code, reason = "only they read it"))]
    #[serde(default)]
    pub merges: Vec<serde::de::IgnoredAny>,
    dropout: Option<f64>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    vocab: Vocab,
}

impl Model {
    /// Whether a piece is in its vocabulary.
    #[cfg(feature = "direct")]
    pub fn has(&self, piece: &str) -> bool {
        match &self.vocab {
            Vocab::ById(vocab) => vocab.contains_key(piece),
            Vocab::Scored(vocab) => vocab.iter().any(|(own, _)| own == piece),
        }
    }

    /// The id that all of its vocabulary are below.
    #[cfg(any(feature = "direct", feature = "fastokens"))]
    pub fn end(&self) -> u64 {
        match &self.vocab {
            Vocab::ById(vocab) => vocab.values().filter_map(Value::as_u64).max().map_or(0, |last| last + 1),
            Vocab::Scored(vocab) => vocab.len() as u64,
        }
    }

    /// Whether each id below the end of its vocabulary is that of a piece.
    #[cfg(feature = "fastokens")]
    pub fn has_all_ids(&self) -> bool {
        let count = match &self.vocab {
            Vocab::ById(vocab) => vocab.len(),
            Vocab::Scored(vocab) => vocab.len(),
        };
        self.has_ids_once() && self.end() == count as u64
    }

    /// Whether no two pieces have one id.
    #[cfg(any(feature = "direct", feature = "fastokens"))]
    pub fn has_ids_once(&self) -> bool {
        let Vocab::ById(vocab) = &self.vocab else { return true };
        let mut seen = vec![false; self.end() as usize];
        vocab.values().filter_map(Value::as_u64).all(|id| !std::mem::replace(&mut seen[id as usize], true))
    }

    /// Whether it has a token for what is unknown, by its place among pieces whose scores are logarithms of probabilities.
    pub fn has_unknown(&self) -> bool {
        let Vocab::Scored(vocab) = &self.vocab else { return false };
        let Some((unknown, _)) = self.unk_id.and_then(|id| vocab.get(id)) else { return false };
        let is_logarithm = |score: f64| (-1e6..=0.0).contains(&score);
        // A run of unknown characters is a piece if one is written like that.
        let is_run = |piece: &str| piece.len() > unknown.len() && piece.replace(unknown.as_str(), "").is_empty();
        vocab.iter().all(|(piece, score)| is_logarithm(*score) && !is_run(piece))
    }

    /// Whether it is BPE that drops no merge, with pieces alike at any place in a word.
    pub fn is_plain_bpe(&self) -> bool {
        let affixes = [&self.continuing_subword_prefix, &self.end_of_word_suffix];
        self.kind.as_deref() == Some("BPE")
            && self.dropout.is_none_or(|chance| chance == 0.0)
            && affixes.into_iter().flatten().all(String::is_empty)
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Vocab {
    ById(Map<String, Value>),
    Scored(Vec<(String, f64)>),
}

/// More ids than any vocabulary has: tables are made of this length.
const MOST_IDS: u64 = 1 << 24;

impl Definition {
    /// The normalizer, if it does anything.
    pub fn normalizer(&self) -> Option<&Value> {
        self.normalizer.as_ref().filter(|given| !given.is_null() && given["normalizers"] != json!([]))
    }

    /// Whether all added tokens are looked for in a text as it is.
    pub fn has_plain_tokens(&self) -> bool {
        let is_given = |token: &AddedToken| self.normalizer().is_none() || !token.is_normalized();
        self.added_tokens.iter().all(|token| token.is_plain() && is_given(token))
    }

    fn check_ids(&self, file: &Path) -> Result<(), LoadError> {
        let added = self.added_tokens.iter().map(|token| Some(u64::from(token.id)));
        let highest = match &self.model.vocab {
            Vocab::ById(vocab) => {
                added.chain(vocab.values().map(Value::as_u64)).max_by_key(|id| id.unwrap_or(u64::MAX))
            }
            Vocab::Scored(_) => added.max(),
        };
        match highest {
            Some(None) => Err(malformed(file, "its vocabulary has an id that is not a number from 0 on")),
            Some(Some(id)) if id >= MOST_IDS => Err(malformed(file, &format!("its vocabulary has the id {id}"))),
            _ => Ok(()),
        }
    }
}

impl TokenizerFolder {
    /// Read a folder.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let file = path.join("tokenizer.json");
        let tokenizer_json = read(&file)?;
        let definition: Definition = parse(&file, &tokenizer_json)?;
        definition.check_ids(&file)?;
        let config_file = path.join("tokenizer_config.json");
        let config: Map<String, Value> = parse(&config_file, &read(&config_file)?)?;
        let special_tokens =
            SPECIAL_TOKENS.iter().filter_map(|name| Some(((*name).to_owned(), content(config.get(*name)?)?))).collect();
        let template_file = path.join("chat_template.jinja");
        let template = if template_file.is_file() {
            Some(read(&template_file)?)
        } else {
            config.get("chat_template").and_then(default_template)
        };
        Ok(Self { path: path.to_owned(), tokenizer_json, special_tokens, template, definition })
    }

    /// An error that says why tokenizer.json can't be used.
    #[cfg(feature = "tokenizers")]
    pub(crate) fn unusable(&self, why: &impl ToString) -> LoadError {
        malformed(&self.path.join("tokenizer.json"), &why.to_string())
    }

    /// The content of a special token, by its name in the configuration.
    pub fn special_token(&self, name: &str) -> Option<&str> {
        let found = self.special_tokens.iter().find(|(own, _)| own == name)?;
        Some(&found.1)
    }

    /// The special tokens that tokenizer.json doesn't have as added tokens. They are added after all others.
    pub fn unlisted_special_tokens(&self) -> Vec<&str> {
        let listed = &self.definition.added_tokens;
        let mut unlisted: Vec<&str> = Vec::new();
        for (_, content) in &self.special_tokens {
            let known = listed.iter().any(|token| token.content == *content);
            if !known && !unlisted.contains(&content.as_str()) {
                unlisted.push(content);
            }
        }
        unlisted
    }

    /// The piece of each id; `None` for an id that has none. An added token of the vocabulary keeps its id.
    pub(crate) fn pieces(&self) -> Vec<Option<String>> {
        let mut pieces: Vec<Option<String>> = Vec::new();
        let mut put = |id: usize, piece: &str| {
            if pieces.len() <= id {
                pieces.resize(id + 1, None);
            }
            pieces[id] = Some(piece.to_owned());
        };
        match &self.definition.model.vocab {
            Vocab::ById(vocab) => {
                for (piece, id) in vocab {
                    if let Some(id) = id.as_u64() {
                        put(id as usize, piece);
                    }
                }
            }
            Vocab::Scored(vocab) => {
                for (id, (piece, _)) in vocab.iter().enumerate() {
                    put(id, piece);
                }
            }
        }
        for token in &self.definition.added_tokens {
            put(token.id as usize, &token.content);
        }
        for content in self.unlisted_special_tokens() {
            if !pieces.iter().flatten().any(|piece| piece == content) {
                pieces.push(Some(content.to_owned()));
            }
        }
        pieces
    }
}

fn read(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<T, LoadError> {
    serde_json::from_str(text).map_err(|error| malformed(path, &error.to_string()))
}

fn malformed(path: &Path, why: &str) -> LoadError {
    LoadError::Malformed { path: path.to_owned(), why: why.to_owned() }
}

/// A token in a configuration: a string, or a map with the key `content`.
fn content(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
}

/// A template, or the one named `default` of several.
fn default_template(value: &Value) -> Option<String> {
    if let Some(source) = value.as_str() {
        return Some(source.to_owned());
    }
    let named = value.as_array()?.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some("default"))?;
    Some(named.get("template")?.as_str()?.to_owned())
}
