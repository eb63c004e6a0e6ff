//! Added tokens, which are cut out of a text before anything else is done to it.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::folder::AddedToken;

/// The added tokens of a tokenizer, all of them looked for as they are.
pub struct Added {
    first: Finder,
    /// Those that are looked for where none of the others is.
    second: Finder,
}

struct Finder {
    finder: AhoCorasick,
    ids: Vec<u32>,
}

/// A stretch of a text: ordinary, or an added token.
pub enum Stretch<'a> {
    Text(&'a str),
    Token(u32),
}

impl Added {
    /// The id that is written beside a token is not always the one that it gets: `id_of` says which that is.
    pub fn new(tokens: &[AddedToken], id_of: impl Fn(&str) -> Option<u32>) -> Result<Self, String> {
        // `tokenizers` leaves empty ones out.
        let given = tokens.iter().filter(|token| !token.content.is_empty());
        let (second, first): (Vec<_>, Vec<_>) = given.partition(|token| token.is_normalized());
        Ok(Self { first: Finder::new(&first, &id_of)?, second: Finder::new(&second, &id_of)? })
    }

    /// Call `each` with the stretches of a text, in order.
    pub fn cut<'a>(&self, text: &'a str, mut each: impl FnMut(Stretch<'a>)) {
        self.first.cut(text, |stretch| match stretch {
            Stretch::Text(text) if !self.second.ids.is_empty() => self.second.cut(text, &mut each),
            stretch => each(stretch),
        });
    }
}

impl Finder {
    fn new(tokens: &[&AddedToken], id_of: impl Fn(&str) -> Option<u32>) -> Result<Self, String> {
        let contents = tokens.iter().map(|token| &token.content);
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(contents);
        let ids = tokens.iter().map(|token| id_of(&token.content).unwrap_or(token.id)).collect();
        Ok(Self { finder: finder.map_err(|error| error.to_string())?, ids })
    }

    fn cut<'a>(&self, text: &'a str, mut each: impl FnMut(Stretch<'a>)) {
        let mut at = 0;
        for found in self.finder.find_iter(text) {
            if at < found.start() {
                each(Stretch::Text(&text[at..found.start()]));
            }
            each(Stretch::Token(self.ids[found.pattern().as_usize()]));
            at = found.end();
        }
        if at < text.len() {
            each(Stretch::Text(&text[at..]));
        }
    }
}
