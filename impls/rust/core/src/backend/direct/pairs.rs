//! A number for each of some pairs of tokens.

use ahash::AHashMap;

/// Pairs and their numbers, in two tables: those with low numbers, which are asked for more often than all others, are
/// found in near memory.
pub struct Pairs {
    near: Table,
    far: Table,
}

/// Pairs and their numbers, with open addressing.
struct Table {
    /// Two bits of a word for what a pair is mixed to: they tell most pairs that have no number.
    filter: Box<[u64]>,
    /// A pair and its number in one.
    slots: Box<[u64]>,
}

const TOKEN: u32 = 20;
const NUMBER: u32 = 64 - 2 * TOKEN;
const FREE: u64 = u64::MAX;
/// So many bits are there for each pair.
const BITS: usize = 8;
const WORD: usize = 64;
/// Numbers below it are near.
const NEAR: u32 = 1 << 14;

impl Pairs {
    /// Tokens and numbers are below it.
    pub const END: usize = 1 << TOKEN;

    /// Of equal pairs the last one counts.
    pub fn new(pairs: impl Iterator<Item = ([u32; 2], u32)>) -> Self {
        let pairs: AHashMap<[u32; 2], u32> = pairs.collect();
        let (near, far): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(_, number)| *number < NEAR);
        Self { near: Table::new(&near), far: Table::new(&far) }
    }

    /// The number of a pair.
    #[inline]
    pub fn get(&self, pair: [u32; 2]) -> Option<u32> {
        let (key, mixed) = mixed(pair);
        self.near.get(key, mixed).or_else(|| self.far.get(key, mixed))
    }
}

impl Table {
    fn new(pairs: &[([u32; 2], u32)]) -> Self {
        let words = (BITS * pairs.len()).div_ceil(WORD).max(1);
        let mut own = Self { filter: vec![0; words].into(), slots: vec![FREE; pairs.len() * 3 / 2 + 1].into() };
        for (pair, number) in pairs {
            let (key, mixed) = mixed(*pair);
            let word = place(mixed, own.filter.len());
            own.filter[word] |= bits(mixed);
            let mut at = place(mixed, own.slots.len());
            while own.slots[at] != FREE {
                at = own.next(at);
            }
            own.slots[at] = (key << NUMBER) | u64::from(*number);
        }
        own
    }

    #[inline]
    fn get(&self, key: u64, mixed: u64) -> Option<u32> {
        let bits = bits(mixed);
        if self.filter[place(mixed, self.filter.len())] & bits != bits {
            return None;
        }
        let mut at = place(mixed, self.slots.len());
        loop {
            let slot = self.slots[at];
            if slot == FREE {
                return None;
            }
            if slot >> NUMBER == key {
                return Some((slot % (1 << NUMBER)) as u32);
            }
            at = self.next(at);
        }
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}

/// A place among so many, by the high bits of a number.
#[inline]
fn place(mixed: u64, end: usize) -> usize {
    ((u128::from(mixed) * end as u128) >> 64) as usize
}

/// Two bits of a word, by the middle bits of a number.
#[inline]
fn bits(mixed: u64) -> u64 {
    (1 << ((mixed >> 24) & 63)) | (1 << ((mixed >> 30) & 63))
}

/// A pair as a number, and that number mixed: its high bits are of use.
#[inline]
fn mixed([left, right]: [u32; 2]) -> (u64, u64) {
    let key = (u64::from(left) << TOKEN) | u64::from(right);
    (key, key.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_has_its_number_and_others_have_none() {
        for count in [0, 1, 2, 1000, NEAR + 1000] {
            let last = Pairs::END as u32 - 1;
            let pair = |at: u32| [last - at % 1000, at / 1000];
            let pairs = Pairs::new((0..count).map(|at| (pair(at), at)));
            assert!((0..count).all(|at| pairs.get(pair(at)) == Some(at)));
            assert!((0..count).all(|at| pairs.get([pair(at)[0], pair(at)[1] ^ 1 << 19]).is_none()));
            assert_eq!(pairs.get([last, last]), None);
        }
    }

    #[test]
    fn of_equal_pairs_the_last_one_counts() {
        let pairs = Pairs::new([([1, 2], 3), ([2, 1], 4), ([1, 2], 5), ([3, 4], 6), ([3, 4], NEAR)].into_iter());
        assert_eq!([[1, 2], [2, 1], [3, 4]].map(|pair| pairs.get(pair)), [Some(5), Some(4), Some(NEAR)]);
    }
}
