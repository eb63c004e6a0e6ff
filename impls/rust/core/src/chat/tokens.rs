//! The inside of a template's tag as jinja2 reads it.

/// One word of a tag.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'s> {
    Name(&'s str),
    /// A string, its escapes resolved.
    Text(String),
    /// Digits without their underscores, and whether they stand for a float.
    Number(String, bool),
    Sign(&'static str),
}

/// The longest come first.
const SIGNS: [&str; 25] = [
    "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "(", ")", "[", "]", "{", "}", ">", "<", "=", ".",
    ":", "|", ",",
];

/// Read up to the end of a tag; gives its words, and what it takes of the source without the end.
pub fn read<'s>(source: &'s str, end: &str) -> Result<(Vec<Token<'s>>, usize), String> {
    let mut tokens = Vec::new();
    let mut open = 0_usize;
    let mut rest = source;
    loop {
        rest = rest.trim_start();
        let marked = rest.strip_prefix(['-', '+']).is_some_and(|rest| rest.starts_with(end));
        if open == 0 && (marked || rest.starts_with(end)) {
            return Ok((tokens, source.len() - rest.len()));
        }
        let Some(first) = rest.chars().next() else {
            return Err(format!("a tag has no end {end}"));
        };
        let (word, taken) = match first {
            '\'' | '"' => string(rest, first)?,
            '0'..='9' => number(rest, tokens.last() == Some(&Token::Sign("."))),
            _ if first == '_' || first.is_alphabetic() => {
                let taken = rest.find(|char: char| char != '_' && !char.is_alphanumeric()).unwrap_or(rest.len());
                (Token::Name(&rest[..taken]), taken)
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| format!("a tag has the character {first:?}"))?;
                match sign {
                    "(" | "[" | "{" => open += 1,
                    ")" | "]" | "}" => {
                        open = open.checked_sub(1).ok_or_else(|| format!("nothing is open where {sign} closes"))?;
                    }
                    _ => {}
                }
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push(word);
        rest = &rest[taken..];
    }
}

fn string(source: &str, quote: char) -> Result<(Token<'_>, usize), String> {
    let mut escaped = false;
    for (at, char) in source.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return Ok((Token::Text(unescape(&source[1..at])?), at + 1)),
            _ => {}
        }
    }
    Err("a string has no end".into())
}

/// Resolve the escapes of a string as Python does.
fn unescape(source: &str) -> Result<String, String> {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(kind) = rest.chars().next() else { break };
        rest = &rest[kind.len_utf8()..];
        let taken = match kind {
            '\n' => 0,
            'x' => code(rest, 2, 16, &mut text)?,
            'u' => code(rest, 4, 16, &mut text)?,
            'U' => code(rest, 8, 16, &mut text)?,
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let digits = format!("{kind}{}", &rest[..more]);
                code(&digits, digits.len(), 8, &mut text)?;
                more
            }
            'N' => return Err("a string names a character by \\N, which is not supported".into()),
            _ => {
                match "abfnrtv\\'\"".find(kind) {
                    Some(known) => {
                        text.push(['\x07', '\x08', '\x0c', '\n', '\r', '\t', '\x0b', '\\', '\'', '"'][known]);
                    }
                    None => text.extend(['\\', kind]),
                }
                0
            }
        };
        rest = &rest[taken..];
    }
    text.push_str(rest);
    Ok(text)
}

/// Add the character of a code in a string.
fn code(source: &str, digits: usize, radix: u32, text: &mut String) -> Result<usize, String> {
    let found = source.get(..digits).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)));
    let char = found.and_then(|digits| u32::from_str_radix(digits, radix).ok()).and_then(char::from_u32);
    text.push(char.ok_or("a string has an escape that is no character")?);
    Ok(digits)
}

/// A number; after a dot it is an index, which has no fraction.
fn number(source: &str, after_dot: bool) -> (Token<'_>, usize) {
    let bytes = source.as_bytes();
    let digits = |from: usize, is_digit: fn(&u8) -> bool| {
        let mut at = from;
        while bytes.get(at).is_some_and(is_digit)
            || (at > from && bytes.get(at) == Some(&b'_') && bytes.get(at + 1).is_some_and(is_digit))
        {
            at += 1;
        }
        at
    };
    let plain = |end: usize, is_float: bool| (Token::Number(source[..end].replace('_', ""), is_float), end);
    if bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) {
        return plain(digits(2, u8::is_ascii_hexdigit), false);
    }
    let whole = digits(0, u8::is_ascii_digit);
    if after_dot {
        return plain(whole, false);
    }
    let fraction = (bytes.get(whole) == Some(&b'.')).then(|| digits(whole + 1, u8::is_ascii_digit));
    let mantissa = fraction.filter(|end| *end > whole + 1).unwrap_or(whole);
    let sign = usize::from(matches!(bytes.get(mantissa + 1), Some(b'+' | b'-')));
    if matches!(bytes.get(mantissa), Some(b'e' | b'E')) {
        let end = digits(mantissa + 1 + sign, u8::is_ascii_digit);
        if end > mantissa + 1 + sign {
            return plain(end, true);
        }
    }
    plain(mantissa, mantissa > whole)
}

/// A text as minijinja reads it, in one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            _ => out.push(char),
        }
    }
    out.push('"');
    out
}
