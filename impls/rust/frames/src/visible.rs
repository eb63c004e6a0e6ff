//! Text made fit to be read in a log.

/// The most characters that are shown of a text.
const LONGEST: usize = 300;

/// A text on one line, with what can't be seen escaped; a long one is cut off.
pub fn visible(text: &str) -> String {
    let (mut shown, mut length) = (String::new(), 0);
    for char in text.chars() {
        if length >= LONGEST {
            shown.push('…');
            break;
        }
        let start = shown.len();
        match char {
            '\'' | '"' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
        length += shown[start..].chars().count();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped_and_the_rest_is_not() {
        assert_eq!(visible("a\nb\u{202e}\u{200b}\0\u{1b}[0m"), r"a\nb\u{202e}\u{200b}\0\u{1b}[0m");
        assert_eq!(visible("é中🙂 'quoted' \"too\""), "é中🙂 'quoted' \"too\"");
        assert_eq!(visible("e\u{301}"), r"e\u{301}");
    }

    #[test]
    fn a_long_text_is_cut_off() {
        let long = visible(&"\u{202e}".repeat(1_000_000));
        assert!((LONGEST..LONGEST + 10).contains(&long.chars().count()));
        assert!(long.ends_with('…'));
        assert_eq!(visible(&"a".repeat(LONGEST)), "a".repeat(LONGEST));
    }
}
