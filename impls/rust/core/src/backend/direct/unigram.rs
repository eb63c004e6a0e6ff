//! Unigram: of all ways to cut a word into pieces the one whose scores add up to most.

use std::ops::Range;

use ahash::AHashSet;
use serde::Deserialize;
use serde_json::Value;

use super::chars::Chars;
use super::charsmap::{self, CharsMap};
use super::trie::Trie;
use super::{Family, Memory, model_of};
use crate::backend::choice::is_unigram;
use crate::folder::TokenizerFolder;

const MARK: &str = "▁";
/// How much less than the least of all scores an unknown character has.
const PENALTY: f64 = 10.0;

/// The encoder.
pub struct Unigram {
    map: CharsMap,
    pieces: Pieces,
}

struct Pieces {
    trie: Trie,
    scores: Vec<f64>,
    unknown: u32,
    unknown_score: f64,
    /// The characters that some piece has.
    known: Chars<bool>,
}

/// A word, and the best way to each place of it. What was never come to has the least of scores.
#[derive(Default)]
pub struct Paths {
    word: String,
    best: Vec<Path>,
}

/// A way's score, where its last piece begins, and that piece.
#[derive(Clone, Copy)]
struct Path {
    score: f64,
    start: u32,
    id: u32,
}

const NOWHERE: Path = Path { score: f64::NEG_INFINITY, start: 0, id: 0 };

#[derive(Deserialize)]
struct Model {
    unk_id: u32,
    vocab: Vec<(String, f64)>,
}

/// Whether a tokenizer.json is of this family.
pub fn knows(folder: &TokenizerFolder) -> bool {
    is_unigram(&folder.definition) && table_of(folder).is_some_and(charsmap::knows)
}

fn table_of(folder: &TokenizerFolder) -> Option<&Value> {
    Some(&folder.definition.normalizer.as_ref()?["normalizers"][0])
}

impl Unigram {
    /// The encoder of a tokenizer of this family; otherwise the error says what it lacks.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, String> {
        let model: Model = model_of(folder)?;
        let scores: Vec<f64> = model.vocab.iter().map(|(_, score)| *score).collect();
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let trie = Trie::new(model.vocab.iter().map(|(piece, _)| piece.as_bytes()).zip(0..));
        let all: AHashSet<char> = model.vocab.iter().flat_map(|(piece, _)| piece.chars()).collect();
        let known = Chars::new(false, |char| all.contains(&char));
        let pieces = Pieces { trie, scores, unknown: model.unk_id, unknown_score: least - PENALTY, known };
        Ok(Self {
            map: table_of(folder).and_then(CharsMap::of).ok_or("its table of characters can't be read")?,
            pieces,
        })
    }
}

impl Pieces {
    /// Append the tokens of a mark and what follows it.
    fn encode(&self, rest: &str, Paths { word, best: paths }: &mut Paths, ids: &mut Vec<u32>) {
        word.clear();
        word.push_str(MARK);
        word.push_str(rest);
        paths.clear();
        paths.resize(word.len() + 1, NOWHERE);
        paths[0].score = 0.0;
        let mut chars = word.char_indices().peekable();
        while let Some((start, char)) = chars.next() {
            let mut next = start + char.len_utf8();
            let before = paths[start].score;
            let mut offer = |end: usize, score: f64, id: u32| {
                if score > paths[end].score {
                    paths[end] = Path { score, start: start as u32, id };
                }
            };
            let mut unknown_score = before + self.unknown_score;
            if self.known.get(char) {
                let mut is_piece = false;
                self.trie.prefixes(&word.as_bytes()[start..], |length, id| {
                    offer(start + length, before + self.scores[id as usize], id);
                    is_piece |= start + length == next;
                });
                if is_piece {
                    continue;
                }
            } else {
                // No piece reaches over it, nor over others of its kind behind it: there is one way only.
                while let Some((_, char)) = chars.next_if(|(_, char)| !self.known.get(*char)) {
                    unknown_score += self.unknown_score;
                    next += char.len_utf8();
                }
            }
            offer(next, unknown_score, self.unknown);
        }
        let (from, mut end) = (ids.len(), word.len());
        while end > 0 {
            let path = paths[end];
            // Unknown characters side by side are one token.
            if path.id != self.unknown || ids[from..].last() != Some(&self.unknown) {
                ids.push(path.id);
            }
            end = path.start as usize;
        }
        ids[from..].reverse();
    }
}

impl Family for Unigram {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>) {
        let Memory { recent, text: mapped, paths, .. } = memory;
        mapped.clear();
        self.map.apply(text, mapped);
        let text = mapped.trim_end();
        let mut push = |from: usize, to: usize| {
            recent.append(text.as_bytes(), from, to, ids, |ids| self.pieces.encode(&text[from..to], paths, ids));
        };
        // Each mark begins a word, and one is put in front where there is none.
        let mut rest = marks(text).peekable();
        let mut from = rest.next_if(|mark| mark.start == 0).map_or(0, |mark| mark.end);
        if text.is_empty() {
            return;
        }
        for mark in rest {
            push(from, mark.start);
            from = mark.end;
        }
        push(from, text.len());
    }
}

/// Where in a text its marks are: a run of spaces is one.
fn marks(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut after = 0;
    memchr::memchr2_iter(b' ', MARK.as_bytes()[0], bytes).filter_map(move |at| {
        let end = match bytes[at] {
            b' ' if at >= after => at + bytes[at..].iter().take_while(|byte| **byte == b' ').count(),
            b' ' => return None,
            _ if bytes[at..].starts_with(MARK.as_bytes()) => at + MARK.len(),
            _ => return None,
        };
        after = end;
        Some(at..end)
    })
}
