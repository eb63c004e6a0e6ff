//! SentencePiece BPE with byte fallback: spaces are marks, unknown characters are bytes, all merged by rank.

use std::collections::HashMap;

use ahash::{AHashMap, AHashSet};
use serde::Deserialize;

use super::chars::Chars;
use super::merges::{Merge, Merges, Workspace};
use super::{Family, Memory, model_of};
use crate::backend::choice::is_sentencepiece_bpe;
use crate::folder::TokenizerFolder;

const MARK: char = '▁';

/// The encoder.
pub struct SentencePiece {
    chars: Chars<Char>,
    /// Characters that stand side by side in what a merge makes: between others no merge reaches, and a text is cut.
    /// `None` if it is nowhere: merges reach into the bytes of unknown characters, or two tokens have one id.
    joined: Option<Joined>,
    pieces: Pieces,
}

/// Pairs of characters.
struct Joined {
    /// Of ASCII: which ones stand behind each.
    ascii: Box<[u128; 128]>,
    all: AHashSet<(char, char)>,
}

/// What is known of a character. A space is the mark that it becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Char {
    /// Its token; `NONE` if it is the tokens of its bytes.
    id: u32,
    /// What it stands before in any merge's product: `OTHER`, `MARKS` or both.
    before: u8,
    /// What of these it is itself, if it stands behind another in any merge's product.
    behind: u8,
}

const NONE: u32 = u32::MAX;
const OTHER: u8 = 1;
const MARKS: u8 = 2;

struct Pieces {
    /// The token of each byte.
    bytes: Box<[u32; 256]>,
    merges: Merges,
    /// The tokens that the merges make of their own text, in which marks are spaces.
    whole: AHashMap<Box<[u8]>, u32>,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
}

/// Whether a tokenizer.json is of this family.
pub fn knows(folder: &TokenizerFolder) -> bool {
    let model = &folder.definition.model;
    is_sentencepiece_bpe(&folder.definition)
        && model.ignore_merges != Some(true)
        && Merges::fit(model)
        && (0..=255).all(|byte| model.has(&byte_token(byte)))
}

fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

impl SentencePiece {
    /// The encoder of a tokenizer of this family; otherwise the error says what it lacks.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, String> {
        let model: Model = model_of(folder)?;
        let id_of = |piece: &str| {
            model.vocab.get(piece).copied().ok_or_else(|| format!("its vocabulary has no token {piece:?}"))
        };
        let mut bytes = Box::new([0; 256]);
        for (byte, id) in (0..=255).zip(&mut *bytes) {
            *id = id_of(&byte_token(byte))?;
        }
        let (mut rules, mut joined) = (Vec::with_capacity(model.merges.len()), AHashSet::new());
        for merge in model.merges.iter().filter(|merge| !merge.is_comment()) {
            let (left, right) = merge.pair().ok_or("one of its merges is not of two tokens")?;
            let product = [left, right].concat();
            joined.extend(product.chars().zip(product.chars().skip(1)));
            rules.push([id_of(left)?, id_of(right)?, id_of(&product)?]);
        }
        let chars = chars(&model.vocab, &joined);
        let ids: AHashSet<u32> = model.vocab.values().copied().collect();
        let can_cut = ids.len() == model.vocab.len() && !rules.iter().flatten().any(|id| bytes.contains(id));
        let joined = can_cut.then(|| Joined::new(joined));
        let mut pieces = Pieces { bytes, merges: Merges::new(&rules), whole: AHashMap::new() };
        let (mut ids, mut workspace) = (Vec::new(), Workspace::default());
        for (piece, id) in &model.vocab {
            ids.clear();
            pieces.merge(&chars, piece, &mut workspace, &mut ids);
            if ids == [*id] {
                pieces.whole.insert(piece.replace(MARK, " ").into_bytes().into(), *id);
            }
        }
        Ok(Self { chars, joined, pieces })
    }
}

impl Joined {
    fn new(all: AHashSet<(char, char)>) -> Self {
        let ascii = |char: char| if char == MARK { ' ' } else { char };
        let mut pairs = Box::new([0; 128]);
        for (left, right) in all.iter().map(|(left, right)| (ascii(*left), ascii(*right))) {
            if left.is_ascii() && right.is_ascii() {
                pairs[left as usize] |= 1 << right as u32;
            }
        }
        Self { ascii: pairs, all }
    }

    /// Whether a pair is one of them, or may be one.
    #[inline]
    fn has(&self, left: char, right: char, chars: &Chars<Char>) -> bool {
        if left.is_ascii() && right.is_ascii() {
            return self.ascii[left as usize] >> right as u32 & 1 == 1;
        }
        let common = chars.get(left).before & chars.get(right).behind;
        // Of alphabets nearly all that are found in a word are joined somewhere, and it is not looked up.
        let is_letter = || left.len_utf8() < 3 && right.len_utf8() < 3;
        common == MARKS || common != 0 && (is_letter() || self.all.contains(&(marked(left), right)))
    }
}

fn chars(vocabulary: &HashMap<String, u32>, joined: &AHashSet<(char, char)>) -> Chars<Char> {
    let mut known: AHashMap<char, Char> = AHashMap::new();
    let unknown = Char { id: NONE, before: 0, behind: 0 };
    for (piece, id) in vocabulary {
        if let Some(char) = only_char(piece) {
            known.entry(char).or_insert(unknown).id = *id;
        }
    }
    for (left, right) in joined {
        let kind = if *right == MARK { MARKS } else { OTHER };
        known.entry(*left).or_insert(unknown).before |= kind;
        known.entry(*right).or_insert(unknown).behind = kind;
    }
    Chars::new(unknown, |char| known.get(&marked(char)).copied().unwrap_or(unknown))
}

/// A character as the normalizer leaves it.
#[inline]
fn marked(char: char) -> char {
    if char == ' ' { MARK } else { char }
}

impl Pieces {
    fn merge(&self, chars: &Chars<Char>, piece: &str, workspace: &mut Workspace, ids: &mut Vec<u32>) {
        let from = ids.len();
        piece.chars().for_each(|char| self.push(char, chars.get(char).id, ids));
        self.merges.apply(ids, from, workspace);
    }

    /// The tokens of a character by itself.
    #[inline]
    fn push(&self, char: char, id: u32, ids: &mut Vec<u32>) {
        if id == NONE {
            ids.extend(char.encode_utf8(&mut [0; 4]).bytes().map(|byte| self.bytes[usize::from(byte)]));
        } else {
            ids.push(id);
        }
    }
}

impl Family for SentencePiece {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>) {
        let Memory { recent, merging, text: marked, .. } = memory;
        marked.clear();
        marked.push(' ');
        marked.push_str(text);
        // The word from a place to another one, and its last character.
        let mut push_word = |from: usize, to: usize, last: char| {
            if to - from == last.len_utf8() {
                return self.pieces.push(last, self.chars.get(last).id, ids);
            }
            recent.append(marked.as_bytes(), from, to, ids, |ids| {
                let piece = &marked[from..to];
                match self.pieces.whole.get(piece.as_bytes()) {
                    Some(id) => ids.push(*id),
                    None => self.pieces.merge(&self.chars, piece, merging, ids),
                }
            });
        };
        let (mut from, mut last) = (0, ' ');
        for (at, char) in marked.char_indices() {
            if at > 0 && self.joined.as_ref().is_some_and(|joined| !joined.has(last, char, &self.chars)) {
                push_word(from, at, last);
                from = at;
            }
            last = char;
        }
        push_word(from, marked.len(), last);
    }
}

fn only_char(piece: &str) -> Option<char> {
    let mut chars = piece.chars();
    chars.next().filter(|_| chars.next().is_none())
}
