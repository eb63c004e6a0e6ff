//! Text that is decoded but not committed, with the few facts that decide how much of it is shown.
//!
//! A text that isn't committed is empty or ends in U+FFFD, and its printable part depends on where its last space
//! ends and on its last two characters. The positions kept here are all within the one text that only grows, so
//! counting them in bytes says the same as counting code points, and costs nothing.

use super::printable::{REPLACEMENT, is_ideograph};

/// The uncommitted text of a stream, from its last space on: what comes before was shown and stays shown.
///
/// Bytes that more tokens can still change are not in it. `sent` is the end of what was shown; it may go back, and
/// the text is then sent a second time, so the text can't be cut there.
#[derive(Debug, Default)]
pub struct Held {
    text: String,
    after_space: usize,
    sent: usize,
}

impl Held {
    /// Whether there is no text, and none was shown.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.sent == 0
    }

    /// Whether the text is one that commits: not empty, and not ending in U+FFFD.
    pub fn is_whole(&self) -> bool {
        !self.text.is_empty() && !self.text.ends_with(REPLACEMENT)
    }

    /// Add settled text at the end, written by `write`.
    pub fn write(&mut self, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        if let Some(space) = self.text[start..].rfind(' ') {
            self.after_space = start + space + 1;
        }
    }

    /// Add settled text at the end.
    pub fn push_str(&mut self, text: &str) {
        self.write(|own| own.push_str(text));
    }

    /// Add as many U+FFFD.
    pub fn push_replacements(&mut self, count: usize) {
        self.text.extend(std::iter::repeat_n(REPLACEMENT, count));
    }

    /// The chunk of a message that commits nothing: what of the printable part wasn't sent.
    ///
    /// With `unsettled`, a U+FFFD follows the text. There may be more of them if the text is empty or ends in one
    /// itself: none of them are shown then.
    pub fn show(&mut self, unsettled: bool, emit: impl FnOnce(&str)) {
        let mut back = self.text.char_indices().rev();
        let (end, probe) =
            if unsettled { (self.text.len(), back.next()) } else { (back.next().map_or(0, |(at, _)| at), back.next()) };
        let shown = match probe {
            Some((_, char)) if is_ideograph(char) => end,
            _ => self.after_space,
        };
        emit(self.text.get(self.sent..shown).unwrap_or(""));
        self.text.drain(..self.after_space);
        self.sent = shown.saturating_sub(self.after_space);
        self.after_space = 0;
    }

    /// The chunk of a message that commits: all that wasn't sent.
    pub fn commit(&self) -> &str {
        self.text.get(self.sent..).unwrap_or("")
    }
}
