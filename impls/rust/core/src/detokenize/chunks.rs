//! The answers to a batch, without an allocation each.

/// The new text of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// The text of a token, which the manager has.
    Token(u32),
    /// A text.
    Text(&'a str),
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Token(u32),
    Text { start: usize, end: usize },
}

/// The answers to a batch, in order. Cleared and used again, it allocates nothing.
#[derive(Debug, Default)]
pub struct Chunks {
    text: String,
    entries: Vec<Entry>,
}

impl Chunks {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forget all.
    pub fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
    }

    /// Forget all but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
    }

    /// The chunk of a message. Panics if there is none.
    pub fn get(&self, at: usize) -> Chunk<'_> {
        match self.entries[at] {
            Entry::Token(token) => Chunk::Token(token),
            Entry::Text { start, end } => Chunk::Text(&self.text[start..end]),
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Chunk<'_>> {
        (0..self.entries.len()).map(|at| self.get(at))
    }

    pub(super) fn push_token(&mut self, token: u32) {
        self.entries.push(Entry::Token(token));
    }

    pub(super) fn push_empty(&mut self) {
        self.push_text("");
    }

    pub(super) fn push_text(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        let end = self.text.len();
        self.entries.push(Entry::Text { start, end });
    }
}
