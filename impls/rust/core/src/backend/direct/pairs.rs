//! A number for each of some pairs of tokens.

/// Pairs and their numbers, each in eight bytes, with open addressing.
pub struct Pairs {
    slots: Box<[u64]>,
    shift: u32,
}

const TOKEN: u32 = 20;
const NUMBER: u32 = 64 - 2 * TOKEN;
const FREE: u64 = u64::MAX;

impl Pairs {
    /// Tokens and numbers are below it.
    pub const END: usize = 1 << TOKEN;

    /// Of equal pairs the last one counts.
    pub fn new(pairs: impl ExactSizeIterator<Item = ([u32; 2], u32)>) -> Self {
        let bits = (2 * pairs.len() + 1).next_power_of_two().trailing_zeros().max(1);
        let mut own = Self { slots: vec![FREE; 1 << bits].into(), shift: u64::BITS - bits };
        for (pair, number) in pairs {
            let key = key(pair);
            let mut at = own.place(key);
            while own.slots[at] != FREE && own.slots[at] >> NUMBER != key {
                at = (at + 1) % own.slots.len();
            }
            own.slots[at] = key << NUMBER | u64::from(number);
        }
        own
    }

    /// The number of a pair; `u32::MAX` if it has none.
    #[inline]
    pub fn get(&self, pair: [u32; 2]) -> u32 {
        let key = key(pair);
        let mut at = self.place(key);
        loop {
            let slot = self.slots[at];
            if slot == FREE {
                return u32::MAX;
            }
            if slot >> NUMBER == key {
                return (slot % (1 << NUMBER)) as u32;
            }
            at = (at + 1) % self.slots.len();
        }
    }

    #[inline]
    fn place(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

#[inline]
fn key([left, right]: [u32; 2]) -> u64 {
    u64::from(left) << TOKEN | u64::from(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_has_its_number_and_others_have_none() {
        for count in [0, 1, 2, 1000] {
            let last = Pairs::END as u32 - 1;
            let pair = |at: u32| [last - at * 7 % 1000, at * at % Pairs::END as u32];
            let pairs = Pairs::new((0..count).map(|at| (pair(at), at)).collect::<Vec<_>>().into_iter());
            assert!((0..count).all(|at| pairs.get(pair(at)) == at));
            assert!((0..count).all(|at| pairs.get([pair(at)[0], pair(at)[1] ^ 1 << 19]) == u32::MAX));
            assert_eq!(pairs.get([last, last]), u32::MAX);
        }
    }

    #[test]
    fn of_equal_pairs_the_last_one_counts() {
        let pairs = Pairs::new([([1, 2], 3), ([2, 1], 4), ([1, 2], 5)].into_iter());
        assert_eq!((pairs.get([1, 2]), pairs.get([2, 1])), (5, 4));
    }
}
