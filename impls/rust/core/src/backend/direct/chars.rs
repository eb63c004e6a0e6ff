//! Something for each character.

const PAGE: usize = 256;
const PAGES: usize = 0x11_0000 / PAGE;

/// A value for each character, in pages of which equal ones are one.
pub struct Chars<T> {
    places: Box<[u16; PAGES]>,
    pages: Vec<[T; PAGE]>,
}

impl<T: Copy + PartialEq> Chars<T> {
    /// What `value` says of each character; `otherwise` is for numbers that are none.
    pub fn new(otherwise: T, mut value: impl FnMut(char) -> T) -> Self {
        let (mut places, mut pages): (_, Vec<[T; PAGE]>) = (Box::new([0; PAGES]), Vec::new());
        for (at, place) in places.iter_mut().enumerate() {
            let number = |within: usize| char::from_u32((at * PAGE + within) as u32);
            let page = std::array::from_fn(|within| number(within).map_or(otherwise, &mut value));
            let found = pages.iter().rposition(|own| *own == page).unwrap_or_else(|| {
                pages.push(page);
                pages.len() - 1
            });
            *place = found as u16;
        }
        Self { places, pages }
    }

    #[inline]
    pub fn get(&self, char: char) -> T {
        let number = char as usize;
        self.pages[usize::from(self.places[number / PAGE])][number % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_has_its_own() {
        let value = |char: char| if char as u32 % 700 == 3 { char as u32 } else { 1 };
        let chars = Chars::new(0, value);
        assert!(('\0'..=char::MAX).all(|char| chars.get(char) == value(char)));
        assert!(chars.pages.len() > PAGES / 4);
        assert_eq!(Chars::new(0, |_| 0).pages.len(), 1);
    }
}
