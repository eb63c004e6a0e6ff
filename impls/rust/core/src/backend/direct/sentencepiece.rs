//! SentencePiece BPE with byte fallback: spaces are marks, unknown characters are bytes, all merged by rank.

use std::collections::HashMap;

use ahash::{AHashMap, AHashSet};
use serde::Deserialize;

use super::merges::{Merges, Workspace};
use super::{Family, Memory};
use crate::backend::choice::is_sentencepiece_bpe;
use crate::folder::TokenizerFolder;

const MARK: char = '▁';

/// The encoder.
pub struct SentencePiece {
    pieces: Pieces,
    /// Characters that stand side by side in what a merge makes: between others no merge reaches, and a text is cut.
    /// `None` if merges reach into unknown characters, and it is nowhere.
    joined: Option<AHashSet<(char, char)>>,
}

struct Pieces {
    chars: AHashMap<char, u32>,
    /// The token of each byte.
    bytes: Box<[u32; 256]>,
    merges: Merges,
    /// The tokens that the merges make of their own text.
    whole: AHashMap<Box<[u8]>, u32>,
}

#[derive(Deserialize)]
struct Document {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
}

/// A merge as it is written: two tokens, or both in a line.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

impl Merge {
    fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Self::Pair(left, right) => Some((left, right)),
            Self::Line(line) => line.split_once(' '),
        }
    }
}

/// Whether a tokenizer.json is of this family.
pub fn knows(folder: &TokenizerFolder) -> bool {
    let model = &folder.definition.model;
    is_sentencepiece_bpe(&folder.definition)
        && model.ignore_merges != Some(true)
        && (0..=255).all(|byte| model.has(&byte_token(byte)))
}

fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

impl SentencePiece {
    /// The encoder of a tokenizer of this family; otherwise the error says what it lacks.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, String> {
        let Document { model } = serde_json::from_str(&folder.tokenizer_json).map_err(|error| error.to_string())?;
        let id_of = |piece: &str| {
            model.vocab.get(piece).copied().ok_or_else(|| format!("its vocabulary has no token {piece:?}"))
        };
        let mut bytes = Box::new([0; 256]);
        for (byte, id) in (0..=255).zip(&mut *bytes) {
            *id = id_of(&byte_token(byte))?;
        }
        let (mut rules, mut joined) = (Vec::with_capacity(model.merges.len()), AHashSet::new());
        for merge in &model.merges {
            let (left, right) = merge.pair().ok_or("one of its merges is not of two tokens")?;
            let product = [left, right].concat();
            joined.extend(product.chars().zip(product.chars().skip(1)));
            rules.push([id_of(left)?, id_of(right)?, id_of(&product)?]);
        }
        let joined = if rules.iter().flatten().any(|id| bytes.contains(id)) { None } else { Some(joined) };
        let chars = model.vocab.iter().filter_map(|(piece, id)| Some((only_char(piece)?, *id))).collect();
        let mut pieces = Pieces { chars, bytes, merges: Merges::new(rules), whole: AHashMap::new() };
        let (mut ids, mut workspace) = (Vec::new(), Workspace::default());
        for (piece, id) in &model.vocab {
            ids.clear();
            pieces.merge(piece, &mut workspace, &mut ids);
            if ids == [*id] {
                pieces.whole.insert(piece.as_bytes().into(), *id);
            }
        }
        Ok(Self { pieces, joined })
    }
}

impl Pieces {
    fn merge(&self, piece: &str, workspace: &mut Workspace, ids: &mut Vec<u32>) {
        let from = ids.len();
        for char in piece.chars() {
            if let Some(id) = self.chars.get(&char) {
                ids.push(*id);
            } else {
                let mut utf8 = [0; 4];
                ids.extend(char.encode_utf8(&mut utf8).bytes().map(|byte| self.bytes[usize::from(byte)]));
            }
        }
        self.merges.apply(ids, from, workspace);
    }

    fn encode(&self, piece: &str, memory: &mut Memory, ids: &mut Vec<u32>) {
        let Memory { recent, merging, .. } = memory;
        recent.append(piece.as_bytes(), ids, |ids| match self.whole.get(piece.as_bytes()) {
            Some(id) => ids.push(*id),
            None => self.merge(piece, merging, ids),
        });
    }
}

impl Family for SentencePiece {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>) {
        let mut marked = std::mem::take(&mut memory.text);
        marked.clear();
        marked.push(MARK);
        for (at, word) in text.split(' ').enumerate() {
            if at > 0 {
                marked.push(MARK);
            }
            marked.push_str(word);
        }
        let (mut start, mut before) = (0, MARK);
        for (at, char) in marked.char_indices() {
            // Letters of an alphabet are joined to their neighbours, mostly: only where they may not be is it looked up.
            let likely = char.len_utf8() > 2 || before.len_utf8() > 2;
            if at > 0 && likely && self.joined.as_ref().is_some_and(|joined| !joined.contains(&(before, char))) {
                self.pieces.encode(&marked[start..at], memory, ids);
                start = at;
            }
            before = char;
        }
        self.pieces.encode(&marked[start..], memory, ids);
        memory.text = marked;
    }
}

fn only_char(piece: &str) -> Option<char> {
    let mut chars = piece.chars();
    chars.next().filter(|_| chars.next().is_none())
}
