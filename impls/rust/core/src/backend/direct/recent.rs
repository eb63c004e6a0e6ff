//! Words that were met lately, and their tokens.

use ahash::RandomState;

const SLOTS: usize = 1 << 13;
const LONGEST: usize = 30;
const MOST_IDS: usize = 8;

/// A word and its tokens, in one line of the processor's cache.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Slot {
    length: u8,
    count: u8,
    word: [u8; LONGEST],
    ids: [u32; MOST_IDS],
}

/// The tokens of words that were met lately, in half a megabyte: each word has one place, and takes it from another.
pub struct Recent {
    slots: Box<[Slot]>,
    hasher: RandomState,
}

impl Default for Recent {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); SLOTS].into(), hasher: RandomState::new() }
    }
}

impl Recent {
    /// Append the tokens of a word to `ids`: those kept, or else those that `encode` appends, which are kept then.
    pub fn append(&mut self, word: &[u8], ids: &mut Vec<u32>, encode: impl FnOnce(&mut Vec<u32>)) {
        if word.is_empty() || word.len() > LONGEST {
            return encode(ids);
        }
        let slot = &mut self.slots[self.hasher.hash_one(word) as usize % SLOTS];
        if usize::from(slot.length) == word.len() && slot.word[..word.len()] == *word {
            ids.extend_from_slice(&slot.ids[..usize::from(slot.count)]);
            return;
        }
        let before = ids.len();
        encode(ids);
        let found = &ids[before..];
        if found.len() <= MOST_IDS {
            slot.length = word.len() as u8;
            slot.count = found.len() as u8;
            slot.word[..word.len()].copy_from_slice(word);
            slot.ids[..found.len()].copy_from_slice(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_its_own_tokens_however_many_were_met() {
        let mut recent = Recent::default();
        for round in 0..3 {
            for number in 0..4 * SLOTS as u32 {
                let word = format!("{number}");
                let count = number as usize % (MOST_IDS + 2);
                let mut ids = vec![7];
                recent.append(word.as_bytes(), &mut ids, |ids| ids.extend(vec![number; count]));
                assert_eq!((ids[0], &ids[1..]), (7, &vec![number; count][..]), "{round}");
            }
        }
    }

    #[test]
    fn words_of_any_length_are_told_apart() {
        let mut recent = Recent::default();
        for _ in 0..2 {
            for length in 0..2 * LONGEST as u32 {
                let mut ids = Vec::new();
                recent.append(&vec![0; length as usize], &mut ids, |ids| ids.push(length));
                assert_eq!(ids, [length]);
            }
        }
    }

    #[test]
    fn a_word_met_before_is_not_encoded_again() {
        let mut recent = Recent::default();
        recent.append(b"word", &mut Vec::new(), |ids| ids.push(1));
        let mut ids = Vec::new();
        recent.append(b"word", &mut ids, |_| panic!("it is known"));
        assert_eq!(ids, [1]);
    }
}
