//! WordPiece: of each word the longest piece that it begins with, then of the rest, in the pieces that don't begin words.

use std::collections::HashMap;

use serde::Deserialize;

use super::bert::Words;
use super::trie::Trie;
use super::{Family, Memory, model_of};
use crate::folder::{Definition, TokenizerFolder};

/// The encoder.
pub struct WordPiece {
    words: Words,
    pieces: Pieces,
}

struct Pieces {
    first: Trie,
    later: Trie,
    unknown: u32,
    /// A word with more characters is unknown.
    longest: usize,
}

#[derive(Deserialize)]
struct Model {
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, u32>,
}

/// Whether a tokenizer.json is of this family.
pub fn knows(definition: &Definition) -> bool {
    let is_bert = definition.pre_tokenizer.as_ref().is_some_and(|given| given["type"] == "BertPreTokenizer");
    let words = definition.normalizer.as_ref().and_then(Words::of);
    definition.model.kind.as_deref() == Some("WordPiece") && is_bert && words.is_some()
}

impl WordPiece {
    /// The encoder of a tokenizer of this family; otherwise the error says what it has that others haven't.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, String> {
        let words = folder.definition.normalizer.as_ref().and_then(Words::of);
        let model: Model = model_of(folder)?;
        let prefix = model.continuing_subword_prefix.as_str();
        let vocabulary = || model.vocab.iter().map(|(piece, id)| (piece.as_str(), *id));
        let later = vocabulary().filter_map(|(piece, id)| Some((piece.strip_prefix(prefix)?.as_bytes(), id)));
        let pieces = Pieces {
            first: Trie::new(vocabulary().map(|(piece, id)| (piece.as_bytes(), id))),
            later: Trie::new(later),
            unknown: *model.vocab.get(&model.unk_token).ok_or("its vocabulary has no token for unknown words")?,
            longest: model.max_input_chars_per_word,
        };
        Ok(Self { words: words.ok_or("its normalizer is not that of BERT")?, pieces })
    }
}

impl Pieces {
    fn encode(&self, word: &[u8], ids: &mut Vec<u32>) {
        let begin = ids.len();
        let chars = || word.iter().filter(|byte| !matches!(byte, 0x80..0xc0)).count();
        let mut rest = if word.len() > self.longest && chars() > self.longest { None } else { Some(word) };
        while let Some(left) = rest.filter(|left| !left.is_empty()) {
            let pieces = if left.len() == word.len() { &self.first } else { &self.later };
            rest = pieces.longest(left).map(|(length, id)| {
                ids.push(id);
                &left[length..]
            });
        }
        if rest.is_none() {
            ids.truncate(begin);
            ids.push(self.unknown);
        }
    }
}

impl Family for WordPiece {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>) {
        let Memory { recent, word, .. } = memory;
        let begin = ids.len();
        let mut each = |ids: &mut Vec<u32>, word: &[u8]| {
            recent.append(word, 0, word.len(), ids, |ids| self.pieces.encode(word, ids));
        };
        if !self.words.split(text, word, |word| each(ids, word)) {
            ids.truncate(begin);
            // It has no way to fail.
            let _ = self.words.split_whole(text, word, |word| each(ids, word));
        }
    }
}
