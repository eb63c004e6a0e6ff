//! Where a word may be cut: between characters that no merge reaches over.

/// Pairs of characters that stand side by side in what a merge makes, and a few more.
pub struct Joints {
    /// A bit for what a pair is mixed to.
    pairs: Box<[u64]>,
    /// Of pairs of which a merge takes only a part, the first byte of the right one by the last byte of the left one.
    parts: Box<[[u64; 256 / WORD]; 256]>,
}

const WORD: usize = 64;
const BITS: u32 = 20;

impl Joints {
    /// By the bytes of all that merges make.
    pub fn new<'a>(products: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut own = Self { pairs: vec![0; (1 << BITS) / WORD].into(), parts: Box::new([[0; _]; 256]) };
        for product in products {
            for at in (1..product.len()).filter(|at| !is_inner(product[*at])) {
                let from = product[..at].iter().rposition(|byte| !is_inner(*byte)).unwrap_or(0);
                let (left, right) = (&product[from..at], &product[at..]);
                let is_whole = !is_inner(left[0]) && left.len() == width(left[0]) && right.len() >= width(right[0]);
                if is_whole {
                    let bit = bit(left, &right[..width(right[0])]);
                    own.pairs[bit / WORD] |= 1 << (bit % WORD);
                } else {
                    let first = usize::from(right[0]);
                    own.parts[usize::from(left[left.len() - 1])][first / WORD] |= 1 << (first % WORD);
                }
            }
        }
        own
    }

    /// Whether a merge may reach over two characters.
    #[inline]
    pub fn has(&self, left: &[u8], right: &[u8]) -> bool {
        let (bit, first) = (bit(left, right), usize::from(right[0]));
        let part = self.parts[usize::from(left[left.len() - 1])][first / WORD] >> (first % WORD) & 1;
        part == 1 || self.pairs[bit / WORD] >> (bit % WORD) & 1 == 1
    }
}

/// Whether a byte is one of a character that isn't its first.
fn is_inner(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// How many bytes a character has, by its first byte.
#[inline]
pub fn width(first: u8) -> usize {
    match first {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    }
}

#[inline]
fn bit(left: &[u8], right: &[u8]) -> usize {
    let number = |char: &[u8]| char.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    let pair = (number(left) << 32) | number(right);
    (pair.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_joined_that_a_merge_reaches_over_whole_or_in_part() {
        let products = [
            "中文".as_bytes(),
            " é".as_bytes(),
            &"字母".as_bytes()[..4],
            &"한국".as_bytes()[1..],
            &"나라".as_bytes()[2..],
            b"ab",
        ];
        let joints = Joints::new(products.into_iter());
        let has = |left: &str, right: &str| joints.has(left.as_bytes(), right.as_bytes());
        assert!(has("中", "文") && has(" ", "é") && has("a", "b"));
        assert!(has("字", "母") && has("한", "국") && has("나", "라"));
        assert!(!has("文", "中") && !has("é", " ") && !has("中", "a") && !has("母", "字"));
        // A whole character joins no other with its first byte.
        assert!(!has("中", "旦"));
    }
}
