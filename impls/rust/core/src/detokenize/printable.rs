//! How much of an uncommitted text the reference shows.

/// What invalid bytes decode to; a text that ends in it is not committed.
pub const REPLACEMENT: char = '\u{fffd}';

/// Whether the printable rule takes a character for a CJK ideograph.
pub fn is_ideograph(char: char) -> bool {
    matches!(
        char,
        '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b820}'..='\u{2ceaf}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}

/// The part of an uncommitted text that is shown all the same.
pub fn printable(text: &str) -> &str {
    let mut back = text.char_indices().rev();
    match (back.next(), back.next()) {
        (Some((_, '\n')), _) => text,
        (Some((_, last)), _) if is_ideograph(last) => text,
        (Some((at, _)), Some((_, before))) if is_ideograph(before) => &text[..at],
        _ => &text[..text.rfind(' ').map_or(0, |space| space + 1)],
    }
}
