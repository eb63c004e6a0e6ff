//! A number for each character, found out when a text first has one of its page.

use std::sync::OnceLock;

/// So many characters are found out at once.
pub const PAGE: usize = 256;
pub const PAGES: usize = 0x11_0000 / PAGE;

/// A page: a number for each of its characters, of which some may be no character.
pub type Page = [u8; PAGE];

/// Numbers of all characters, in pages that are made of their characters by `make`.
pub struct Pages {
    pub pages: [OnceLock<Page>; PAGES],
    pub make: fn(&[Option<char>; PAGE]) -> Page,
}

impl Pages {
    /// What a character has, by its number.
    #[inline]
    pub fn get(&self, number: usize) -> u8 {
        let at = number / PAGE;
        let page = self.pages[at]
            .get_or_init(|| (self.make)(&std::array::from_fn(|within| char::from_u32((at * PAGE + within) as u32))));
        page[number % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_has_its_own() {
        static ALL: Pages = Pages {
            pages: [const { OnceLock::new() }; PAGES],
            make: |chars| chars.map(|char| char.map_or(0, |char| (char as u32 % 251) as u8)),
        };
        assert!(('\0'..=char::MAX).rev().all(|char| ALL.get(char as usize) == (char as u32 % 251) as u8));
    }
}
