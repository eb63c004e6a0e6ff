//! Words that were met lately, and their tokens.

/// So many pairs of words are kept that are short and have few ids, so many words that are longer, and so many of any.
const PAIRS: usize = 1 << 13;
const SLOTS: usize = 1 << 13;
const LONG_SLOTS: usize = 1 << 11;

/// So many words are looked up at once.
pub const AT_ONCE: usize = 32;

const SHORTEST: usize = 15;
const FEWEST_IDS: usize = 3;
const LONGEST: usize = 31;
const MOST_IDS: usize = 7;
const KEY: usize = 32;
/// No word of more bytes is kept at all.
const MOST_BYTES: usize = 256;
/// The count of a word that is kept among those with more ids.
const MANY: u32 = u32::MAX;

/// Two words and their tokens, in one line of the processor's cache. The first was met last.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Pair {
    keys: [u128; 2],
    ids: [[u32; FEWEST_IDS]; 2],
    counts: [u32; 2],
}

impl Pair {
    /// Which of the two has a key, if its tokens are here.
    #[inline]
    fn find(&self, key: u128) -> Option<usize> {
        // Which it is can't be foreseen, so it is no branch.
        let which = usize::from(self.keys[1] == key);
        (self.keys[which] == key && self.counts[which] != MANY).then_some(which)
    }

    #[inline]
    fn append(&self, which: usize, ids: &mut Vec<u32>) {
        // All of them are copied, as that takes no loop, and those that are none taken back.
        let end = ids.len() + self.counts[which] as usize;
        ids.extend_from_slice(&self.ids[which]);
        ids.truncate(end);
    }

    fn put(&mut self, key: u128, ids: &[u32]) {
        (self.keys[1], self.ids[1], self.counts[1]) = (self.keys[0], self.ids[0], self.counts[0]);
        self.keys[0] = key;
        self.counts[0] = if ids.len() <= FEWEST_IDS { ids.len() as u32 } else { MANY };
        self.ids[0].iter_mut().zip(ids).for_each(|(own, id)| *own = *id);
    }
}

/// The bytes of a word, and how many they are, in four numbers. No word has the key of zeros.
type Key = [u64; 4];

/// A word and its tokens, in one line of the processor's cache.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Slot {
    key: Key,
    ids: [u32; MOST_IDS],
    count: u32,
}

/// The tokens of words that were met lately, in a megabyte and up to two more for long ones: a word has a place or the one
/// beside it, and takes it from another.
pub struct Recent {
    pairs: Box<[Pair]>,
    slots: Box<[Slot]>,
    long: Box<[(Vec<u8>, Vec<u32>)]>,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            pairs: vec![Pair::default(); PAIRS].into(),
            slots: vec![Slot::default(); SLOTS].into(),
            long: vec![Default::default(); LONG_SLOTS].into(),
        }
    }
}

impl Recent {
    /// Append the tokens of the word `text[from..to]` to `ids`: those kept, or else those that `encode` appends,
    /// which are kept then.
    #[inline]
    pub fn append(
        &mut self,
        text: &[u8],
        from: usize,
        to: usize,
        ids: &mut Vec<u32>,
        encode: impl FnOnce(&mut Vec<u32>),
    ) {
        if to - from > SHORTEST {
            return self.append_longer(text, from, to, ids, encode);
        }
        let key = short_key(text, from, to);
        let place = short_place(key);
        let pair = &self.pairs[place];
        match pair.find(key) {
            Some(which) => pair.append(which, ids),
            None => self.append_beside((key, place), text, from, to, ids, encode),
        }
    }

    /// The same for words that stand one behind the other: where they end, of up to [`AT_ONCE`].
    pub fn append_all(
        &mut self,
        text: &[u8],
        from: usize,
        ends: &[usize],
        ids: &mut Vec<u32>,
        mut encode: impl FnMut(usize, usize, &mut Vec<u32>),
    ) {
        // All places are known before the first is looked at, so that the processor waits for many of them at once.
        let (mut keys, mut places) = ([LONGER; AT_ONCE], [0; AT_ONCE]);
        let mut begin = from;
        for ((key, place), end) in keys.iter_mut().zip(&mut places).zip(ends) {
            if end - begin <= SHORTEST {
                *key = short_key(text, begin, *end);
                *place = short_place(*key);
            }
            begin = *end;
        }
        let (mut found, mut count) = ([0; AT_ONCE * FEWEST_IDS], 0);
        begin = from;
        for ((key, place), end) in keys.iter().zip(&places).zip(ends) {
            let pair = &self.pairs[*place];
            if let (Some(which), Some(room)) = (pair.find(*key), found[count..].first_chunk_mut()) {
                *room = pair.ids[which];
                count += pair.counts[which] as usize;
            } else {
                ids.extend_from_slice(&found[..count]);
                count = 0;
                self.append_beside((*key, *place), text, begin, *end, ids, |ids| encode(begin, *end, ids));
            }
            begin = *end;
        }
        ids.extend_from_slice(&found[..count]);
    }

    /// The same for a word that was not found in its place, but may be in the one beside it.
    #[inline(never)]
    fn append_beside(
        &mut self,
        (key, place): (u128, usize),
        text: &[u8],
        from: usize,
        to: usize,
        ids: &mut Vec<u32>,
        encode: impl FnOnce(&mut Vec<u32>),
    ) {
        if key == LONGER {
            return self.append_longer(text, from, to, ids, encode);
        }
        for place in [place, place ^ 1] {
            let pair = &self.pairs[place];
            if let Some(which) = pair.keys.iter().position(|own| *own == key) {
                if pair.counts[which] == MANY {
                    return self.append_longer(text, from, to, ids, encode);
                }
                return pair.append(which, ids);
            }
        }
        let before = ids.len();
        encode(ids);
        let is_free = |place: &usize| self.pairs[*place].keys[1] == 0;
        let place = [place, place ^ 1].into_iter().find(is_free).unwrap_or(place);
        self.pairs[place].put(key, &ids[before..]);
    }

    fn append_longer(
        &mut self,
        text: &[u8],
        from: usize,
        to: usize,
        ids: &mut Vec<u32>,
        encode: impl FnOnce(&mut Vec<u32>),
    ) {
        if to - from > LONGEST {
            return self.append_long(&text[from..to], ids, encode);
        }
        let key = key(text, from, to);
        let place = place(&key);
        let found = [place, place ^ 1].into_iter().find(|place| self.slots[*place].key == key);
        if let Some(place) = found {
            let slot = &self.slots[place];
            if slot.count == MANY {
                return self.append_long(&text[from..to], ids, encode);
            }
            let end = ids.len() + slot.count as usize;
            ids.extend_from_slice(&slot.ids);
            ids.truncate(end);
            return;
        }
        let before = ids.len();
        encode(ids);
        let found = &ids[before..];
        let is_free = |place: &usize| self.slots[*place].key == Key::default();
        let slot = &mut self.slots[[place, place ^ 1].into_iter().find(is_free).unwrap_or(place)];
        slot.key = key;
        if found.len() <= MOST_IDS {
            slot.count = found.len() as u32;
            slot.ids[..found.len()].copy_from_slice(found);
        } else {
            slot.count = MANY;
        }
    }

    fn append_long(&mut self, word: &[u8], ids: &mut Vec<u32>, encode: impl FnOnce(&mut Vec<u32>)) {
        if word.len() > MOST_BYTES {
            return encode(ids);
        }
        let add = |mixed, part: &[u8]| fold(mixed ^ mix(&key(part, 0, part.len())), MULTIPLIER);
        let (own, found) = &mut self.long[word.chunks(LONGEST).fold(0, add) as usize % LONG_SLOTS];
        if own == word {
            return ids.extend_from_slice(found);
        }
        let before = ids.len();
        encode(ids);
        own.clear();
        own.extend_from_slice(word);
        found.clear();
        found.extend_from_slice(&ids[before..]);
    }
}

/// What is kept of sixteen bytes, by a short word's length.
const SHORT_MASKS: [u128; SHORTEST + 1] = short_masks();

const fn short_masks() -> [u128; SHORTEST + 1] {
    let mut masks = [0; SHORTEST + 1];
    let mut length = 1;
    while length <= SHORTEST {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
}

/// The key of words that are longer.
const LONGER: u128 = u128::MAX;

/// The bytes of a short word, and how many they are, in a number. No word has the key of zero.
#[inline]
fn short_key(text: &[u8], from: usize, to: usize) -> u128 {
    let length = to - from;
    let bytes = match text.get(from..from + SHORTEST + 1).and_then(|more| more.first_chunk()) {
        Some(more) => u128::from_le_bytes(*more) & SHORT_MASKS[length],
        None => text[from..to].iter().rev().fold(0, |bytes, byte| (bytes << 8) | u128::from(*byte)),
    };
    bytes | ((length as u128 + 1) << (8 * SHORTEST))
}

#[inline]
fn short_place(key: u128) -> usize {
    fold(key as u64 ^ MULTIPLIER, (key >> 64) as u64 ^ 0xd1b5_4a32_d192_ed03) as usize % PAIRS
}

/// What is kept of a number of eight bytes, if `index` says which of four it is, by a word's length.
const MASKS: [Key; KEY] = masks();

const fn masks() -> [Key; KEY] {
    let mut masks = [[0; 4]; KEY];
    let mut place = 0;
    while place < KEY * 4 {
        let (length, number) = (place / 4, place % 4);
        masks[length][number] = match length.saturating_sub(8 * number) {
            0 => 0,
            1..8 => (1 << (8 * (length - 8 * number))) - 1,
            _ => u64::MAX,
        };
        place += 1;
    }
    masks
}

#[inline]
fn key(text: &[u8], from: usize, to: usize) -> Key {
    let length = to - from;
    let mut bytes = [0; KEY];
    match text.get(from..from + KEY) {
        Some(more) => bytes.copy_from_slice(more),
        None => bytes[..length].copy_from_slice(&text[from..to]),
    }
    let mut key = MASKS[length];
    for (number, eight) in key.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *number &= u64::from_le_bytes(*eight);
    }
    key[3] |= (length as u64 + 1) << 56;
    key
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn mix([a, b, c, d]: &Key) -> u64 {
    let mixed =
        fold(a ^ MULTIPLIER, b ^ 0xd1b5_4a32_d192_ed03) ^ fold(c ^ 0x8cb9_2ba7_2f3d_8dd7, d ^ 0xaef1_7502_108e_f2d9);
    fold(mixed, MULTIPLIER)
}

#[inline]
fn place(key: &Key) -> usize {
    mix(key) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_its_own_tokens_however_many_were_met() {
        let mut recent = Recent::default();
        for round in 0..3 {
            for number in 0..4 * PAIRS as u32 {
                let word = format!("{number}");
                let count = number as usize % (MOST_IDS + 2);
                let mut ids = vec![7];
                recent.append(word.as_bytes(), 0, word.len(), &mut ids, |ids| ids.extend(vec![number; count]));
                assert_eq!((ids[0], &ids[1..]), (7, &vec![number; count][..]), "{round}");
            }
        }
    }

    #[test]
    fn words_of_any_length_are_told_apart_wherever_they_stand() {
        let mut recent = Recent::default();
        for fill in [0, 1, b'x'] {
            let text = vec![fill; 4 * LONGEST];
            for from in 0..text.len() {
                for length in 1..=(text.len() - from).min(LONGEST + 2) {
                    let (mut ids, own) = (Vec::new(), u32::from(fill) << 8 | length as u32);
                    recent.append(&text, from, from + length, &mut ids, |ids| ids.push(own));
                    assert_eq!(ids, [own]);
                }
            }
        }
    }

    #[test]
    fn a_word_met_before_is_not_encoded_again() {
        let mut recent = Recent::default();
        recent.append(b"word", 0, 4, &mut Vec::new(), |ids| ids.push(1));
        let mut ids = Vec::new();
        recent.append(b"a word, in the midst of a text of some length", 2, 6, &mut ids, |_| panic!("it is known"));
        assert_eq!(ids, [1]);
    }

    #[test]
    fn a_byte_more_or_another_one_is_another_word() {
        let text: Vec<u8> = (1..=80).collect();
        for length in 0..=LONGEST {
            let own = key(&text, 0, length);
            for at in 0..length {
                let mut other = text.clone();
                other[at] ^= 0x80;
                assert_ne!(key(&other, 0, length), own);
                assert_eq!(key(&other, at + 1, length.max(at + 1)), key(&text, at + 1, length.max(at + 1)));
            }
            assert!((0..=LONGEST).all(|other| other == length || key(&text, 0, other) != own));
        }
    }
}
