//! Byte-level BPE: words of a text, of which each is a token, or bytes that are merged by rank.

use std::collections::HashMap;

use ahash::AHashMap;
use serde::Deserialize;
use serde_json::json;

use super::merges::{Merge, Merges, NONE, Workspace};
use super::nfc::nfc;
use super::scanner::{Rules, Scanner};
use super::{Family, Memory, model_of};
use crate::backend::choice::is_byte_level;
use crate::detokenize::byte_of_char;
use crate::folder::{Definition, TokenizerFolder};

/// The encoder.
pub struct ByteLevel {
    /// Whether texts are brought into NFC.
    is_normalized: bool,
    scanner: Option<Scanner>,
    pieces: Pieces,
}

struct Pieces {
    /// The token of each byte.
    bytes: Box<[u32; 256]>,
    /// The rank of each byte and the next one.
    ranks: Box<[u32]>,
    merges: Merges,
    /// The words that are one token.
    whole: AHashMap<Box<[u8]>, u32>,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
    #[serde(default)]
    ignore_merges: Option<bool>,
}

/// Whether a tokenizer.json is of this family.
pub fn knows(folder: &TokenizerFolder) -> bool {
    let definition = &folder.definition;
    let model = &definition.model;
    let alphabet = || (0..0x144).filter_map(char::from_u32).filter(|char| byte_of_char(*char).is_some());
    model.is_plain_bpe()
        && model.byte_fallback != Some(true)
        && normalized(definition).is_some()
        && split(definition).is_some()
        && alphabet().all(|char| model.has(char.encode_utf8(&mut [0; 4])))
        && model.has_ids_once()
        && Merges::fit(model)
}

/// Whether texts are brought into NFC; `None` if it is another normalizer.
fn normalized(definition: &Definition) -> Option<bool> {
    match definition.normalizer.as_ref().filter(|given| !given.is_null()) {
        None => Some(false),
        Some(given) => (*given == json!({"type": "NFC"})).then_some(true),
    }
}

/// The rules that texts are split by, if they are; `None` if it is another pre-tokenizer.
fn split(definition: &Definition) -> Option<Option<Rules>> {
    let given = definition.pre_tokenizer.as_ref()?;
    if is_byte_level(given) {
        return Some(None);
    }
    match given["pretokenizers"].as_array().map(Vec::as_slice) {
        Some([split, bytes]) if given["type"] == "Sequence" && is_byte_level(bytes) => Rules::of(split).map(Some),
        _ => None,
    }
}

impl ByteLevel {
    /// The encoder of a tokenizer of this family; otherwise the error says what it lacks.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, String> {
        let model: Model = model_of(folder)?;
        let rules = split(&folder.definition).ok_or("its pre_tokenizer is another")?;
        Ok(Self {
            is_normalized: normalized(&folder.definition).ok_or("its normalizer is another")?,
            scanner: rules.map(Scanner::new),
            pieces: Pieces::new(&model)?,
        })
    }
}

impl Pieces {
    fn new(model: &Model) -> Result<Self, String> {
        let id_of = |piece: &str| {
            model.vocab.get(piece).copied().ok_or_else(|| format!("its vocabulary has no token {piece:?}"))
        };
        let mut rules = Vec::with_capacity(model.merges.len());
        for merge in model.merges.iter().filter(|merge| !merge.is_comment()) {
            let (left, right) = merge.pair().ok_or("one of its merges is not of two tokens")?;
            rules.push([id_of(left)?, id_of(right)?, id_of(&[left, right].concat())?]);
        }
        // A piece with a character that is no byte is never found.
        let written = |piece: &str| piece.chars().map(byte_of_char).collect::<Option<Vec<u8>>>();
        let words = || model.vocab.iter().filter_map(|(piece, id)| Some((written(piece)?, *id)));
        let mut bytes = Box::new([NONE; 256]);
        for (word, id) in words() {
            if let [byte] = word[..] {
                bytes[usize::from(byte)] = id;
            }
        }
        if let Some(byte) = bytes.iter().position(|id| *id == NONE) {
            return Err(format!("its vocabulary has no token for byte {byte:#04x}"));
        }
        let merges = Merges::new(&rules);
        let ranks = bytes.iter().flat_map(|left| bytes.iter().map(|right| merges.rank(*left, *right))).collect();
        let mut own = Self { bytes, ranks, merges, whole: AHashMap::new() };
        let (mut ids, mut workspace) = (Vec::new(), Workspace::default());
        let mut is_made = |word: &[u8], id: u32| {
            ids.clear();
            own.merge(word, &mut workspace, &mut ids);
            ids == [id]
        };
        let ignored = model.ignore_merges == Some(true);
        own.whole =
            words().filter(|(word, id)| ignored || is_made(word, *id)).map(|(word, id)| (word.into(), id)).collect();
        Ok(own)
    }

    fn encode(&self, word: &[u8], workspace: &mut Workspace, ids: &mut Vec<u32>) {
        match self.whole.get(word) {
            Some(id) => ids.push(*id),
            None => self.merge(word, workspace, ids),
        }
    }

    fn merge(&self, word: &[u8], workspace: &mut Workspace, ids: &mut Vec<u32>) {
        let from = ids.len();
        ids.extend(word.iter().map(|byte| self.bytes[usize::from(*byte)]));
        let rank = |_: &[u32], at: usize| self.ranks[usize::from(word[at]) << 8 | usize::from(word[at + 1])];
        self.merges.apply_from(ids, from, workspace, rank);
    }
}

impl Family for ByteLevel {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>) {
        let Memory { recent, merging, text: normalized, .. } = memory;
        let text = if self.is_normalized { nfc(text, normalized) } else { text };
        let bytes = text.as_bytes();
        let mut from = 0;
        while from < text.len() {
            let to = self.scanner.as_ref().map_or(text.len(), |scanner| scanner.end(text, from));
            recent.append(bytes, from, to, ids, |ids| self.pieces.encode(&bytes[from..to], merging, ids));
            from = to;
        }
    }
}
