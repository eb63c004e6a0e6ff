//! Unigram: of all ways to cut a word into pieces the one whose scores add up to most.

use serde::Deserialize;

use super::charsmap::CharsMap;
use super::trie::Trie;
use super::{Family, Memory};
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
}

/// The best way to each place of a word: its score, where its last piece begins, and that piece. None without a piece.
pub type Paths = Vec<Option<Path>>;

#[derive(Clone, Copy)]
pub struct Path {
    score: f64,
    start: usize,
    id: u32,
}

#[derive(Deserialize)]
struct Document {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    unk_id: u32,
    vocab: Vec<(String, f64)>,
}

/// Whether a tokenizer.json is of this family.
pub fn knows(folder: &TokenizerFolder) -> bool {
    is_unigram(&folder.definition) && folder.definition.model.has_unknown() && map_of(folder).is_some()
}

fn map_of(folder: &TokenizerFolder) -> Option<CharsMap> {
    CharsMap::of(&folder.definition.normalizer.as_ref()?["normalizers"][0])
}

impl Unigram {
    /// The encoder of a tokenizer of this family; otherwise the error says what it lacks.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, String> {
        let Document { model } = serde_json::from_str(&folder.tokenizer_json).map_err(|error| error.to_string())?;
        let scores: Vec<f64> = model.vocab.iter().map(|(_, score)| *score).collect();
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let trie = Trie::new(model.vocab.iter().map(|(piece, _)| piece.as_bytes()).zip(0..));
        let pieces = Pieces { trie, scores, unknown: model.unk_id, unknown_score: least - PENALTY };
        Ok(Self { map: map_of(folder).ok_or("its table of characters can't be read")?, pieces })
    }
}

impl Pieces {
    fn encode(&self, word: &str, paths: &mut Paths, ids: &mut Vec<u32>) {
        paths.clear();
        paths.resize(word.len() + 1, None);
        for (start, char) in word.char_indices() {
            let before = paths[start].map_or(0.0, |path| path.score);
            let mut offer = |end: usize, score: f64, id: u32| {
                let score = score + before;
                if paths[end].is_none_or(|path| score > path.score) {
                    paths[end] = Some(Path { score, start, id });
                }
            };
            let (next, mut known) = (start + char.len_utf8(), false);
            self.trie.prefixes(&word.as_bytes()[start..], |length, id| {
                offer(start + length, self.scores[id as usize], id);
                known |= start + length == next;
            });
            if !known {
                offer(next, self.unknown_score, self.unknown);
            }
        }
        let (from, mut end) = (ids.len(), word.len());
        while let Some(path) = paths[end] {
            // Unknown characters side by side are one token.
            if path.id != self.unknown || ids[from..].last() != Some(&self.unknown) {
                ids.push(path.id);
            }
            end = path.start;
        }
        ids[from..].reverse();
    }
}

impl Family for Unigram {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>) {
        let Memory { recent, text: mapped, paths, .. } = memory;
        mapped.clear();
        self.map.apply(text, mapped);
        let mut word = String::from(MARK);
        let mut push = |word: &str| recent.append(word.as_bytes(), ids, |ids| self.pieces.encode(word, paths, ids));
        // A run of spaces is one mark. Each mark begins a word, and one is put in front where there is none.
        let (mut begun, mut after_space) = (false, false);
        for char in mapped.trim_end().chars() {
            match char {
                ' ' if after_space => continue,
                ' ' | '▁' => {
                    if begun {
                        push(&word);
                    }
                    word.truncate(MARK.len());
                }
                _ => word.push(char),
            }
            (begun, after_space) = (true, char == ' ');
        }
        if begun {
            push(&word);
        }
    }
}
