//! Words that were met lately, and their tokens.

const SLOTS: usize = 1 << 13;
const LONGEST: usize = 31;
const MOST_IDS: usize = 7;
const KEY: usize = 32;

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

/// The tokens of words that were met lately, in half a megabyte: each word has one place, and takes it from another.
pub struct Recent(Box<[Slot; SLOTS]>);

impl Default for Recent {
    fn default() -> Self {
        let slots: Box<[Slot]> = vec![Slot::default(); SLOTS].into();
        Self(slots.try_into().unwrap_or_else(|_| unreachable!("it has that many slots")))
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
        if to - from > LONGEST {
            return encode(ids);
        }
        let key = key(text, from, to);
        let slot = &mut self.0[place(&key)];
        if slot.key == key {
            // All of them are copied, as that takes no loop, and those that are none taken back.
            let end = ids.len() + slot.count as usize;
            ids.extend_from_slice(&slot.ids);
            ids.truncate(end);
            return;
        }
        let before = ids.len();
        encode(ids);
        let found = &ids[before..];
        if found.len() <= MOST_IDS {
            slot.key = key;
            slot.count = found.len() as u32;
            slot.ids[..found.len()].copy_from_slice(found);
        }
    }
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

#[inline]
fn place(key: &Key) -> usize {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let [a, b, c, d] = *key;
    let mixed = fold(a ^ 0x9e37_79b9_7f4a_7c15, b ^ 0xd1b5_4a32_d192_ed03)
        ^ fold(c ^ 0x8cb9_2ba7_2f3d_8dd7, d ^ 0xaef1_7502_108e_f2d9);
    fold(mixed, 0x9e37_79b9_7f4a_7c15) as usize % SLOTS
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
