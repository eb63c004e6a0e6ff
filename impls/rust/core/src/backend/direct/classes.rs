//! What expressions of pre-tokenizers say of characters, told by the engine that `tokenizers` matches them with.

use std::sync::{LazyLock, OnceLock};

use tokenizers::utils::SysRegex;

use crate::backend::pages::{PAGE, PAGES, Page, Pages};

/// `\p{L}`.
pub const LETTER: u8 = 1;
/// `\p{N}`.
pub const NUMBER: u8 = 1 << 1;
/// `\s`.
pub const SPACE: u8 = 1 << 2;
/// A carriage return or a line feed.
pub const BREAK: u8 = 1 << 3;
/// `\p{Lu}`, `\p{Lt}`, or what has no case: `\p{Lm}`, `\p{Lo}` and `\p{M}`.
pub const UPPER: u8 = 1 << 4;
/// `\p{Ll}`, or what has no case.
pub const LOWER: u8 = 1 << 5;

/// The classes of all characters.
pub static CLASSES: Pages = Pages { pages: [const { OnceLock::new() }; PAGES], make: classes };

static EXPRESSIONS: LazyLock<[(u8, SysRegex); 6]> = LazyLock::new(|| {
    [
        (LETTER, r"\p{L}+"),
        (NUMBER, r"\p{N}+"),
        (SPACE, r"\s+"),
        (BREAK, r"[\r\n]+"),
        (UPPER, r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"),
        (LOWER, r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"),
    ]
    .map(|(class, expression)| (class, SysRegex::new(expression).unwrap_or_else(|_| unreachable!("it is well formed"))))
});

fn classes(chars: &[Option<char>; PAGE]) -> Page {
    let text: String = chars.iter().flatten().collect();
    let mut classes = vec![0; text.len()];
    for (class, expression) in &*EXPRESSIONS {
        for (from, to) in expression.find_iter(&text) {
            classes[from..to].iter_mut().for_each(|own| *own |= class);
        }
    }
    let mut at = 0;
    chars.map(|char| {
        let Some(char) = char else { return 0 };
        at += char.len_utf8();
        classes[at - 1]
    })
}
