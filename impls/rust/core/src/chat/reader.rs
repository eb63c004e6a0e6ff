//! The words of one tag, read from the front.

use super::tokens::Token;

/// Where in a tag the reading is.
pub struct Reader<'t, 's> {
    pub(super) tokens: &'t [Token<'s>],
    pub(super) at: usize,
    pub(super) depth: usize,
    /// Whether names of filters and tests that nobody knows may stand here: jinja2 lets them be inside an `if`.
    pub(super) lenient: bool,
}

impl<'t, 's> Reader<'t, 's> {
    pub fn new(tokens: &'t [Token<'s>], lenient: bool) -> Self {
        Self { tokens, at: 0, depth: 0, lenient }
    }

    pub fn name(&mut self) -> Result<&'s str, String> {
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(format!("a name is missing before {}", self.next())),
        }
    }

    pub fn take_name(&mut self, name: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Name(name));
        self.at += usize::from(found);
        found
    }

    pub fn take(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("{sign} is missing before {}", self.next())) }
    }

    pub fn expect_end(&self) -> Result<(), String> {
        if self.is_end() { Ok(()) } else { Err(format!("{} is not expected", self.next())) }
    }

    pub fn is_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    pub fn is(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Sign(own)) if *own == sign)
    }

    pub fn is_name(&self, names: &[&str]) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Name(own)) if names.contains(own))
    }

    /// What comes next, to be named in an error.
    fn next(&self) -> String {
        match self.tokens.get(self.at) {
            None => "the end of the tag".into(),
            Some(Token::Name(name)) => format!("\"{name}\""),
            Some(Token::Text(text)) => format!("{text:?}"),
            Some(Token::Number(digits, _)) => digits.clone(),
            Some(Token::Sign(sign)) => (*sign).into(),
        }
    }
}
