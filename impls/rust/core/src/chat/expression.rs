//! The expressions of jinja2, written anew for minijinja so that they mean the same.
//!
//! Where the two differ an operator becomes a filter of `operators`; what has no equal there is an error.

use super::reader::Reader;
use super::tokens::{Token, quoted};
use super::{filters, methods, tests};

/// Expressions may be this deep; a template is not trusted.
const DEPTH: usize = 64;

type Written = Result<String, String>;

impl<'s> Reader<'_, 's> {
    /// One expression, or a tuple without parentheses.
    pub fn tuple(&mut self, conditional: bool) -> Written {
        let mut items = vec![self.item(conditional)?];
        let mut is_tuple = false;
        while self.take(",") {
            is_tuple = true;
            if self.is_end() || self.is(")") || self.is("]") || self.is_name(&["recursive"]) {
                break;
            }
            items.push(self.item(conditional)?);
        }
        Ok(match items.len() {
            1 if !is_tuple => items.swap_remove(0),
            1 => format!("({},)", items[0]),
            _ => format!("({})", items.join(", ")),
        })
    }

    fn item(&mut self, conditional: bool) -> Written {
        if conditional { self.expression() } else { self.or() }
    }

    pub fn expression(&mut self) -> Written {
        let mut value = self.or()?;
        while self.take_name("if") {
            let condition = self.or()?;
            value = if self.take_name("else") {
                format!("({value} if {condition} else {})", self.deeper(Self::expression)?)
            } else {
                format!("({value} if {condition})")
            };
        }
        Ok(value)
    }

    pub fn or(&mut self) -> Written {
        self.deeper(|reader| reader.joined(Self::and, "or"))
    }

    fn and(&mut self) -> Written {
        self.joined(Self::not, "and")
    }

    fn joined(&mut self, part: fn(&mut Self) -> Written, word: &str) -> Written {
        let first = part(self)?;
        if !self.is_name(&[word]) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.take_name(word) {
            parts.push(part(self)?);
        }
        Ok(format!("({})", parts.join(&format!(" {word} "))))
    }

    fn not(&mut self) -> Written {
        let mut negations = 0;
        while self.take_name("not") {
            negations += 1;
        }
        let value = self.comparison()?;
        Ok(match negations {
            0 => value,
            _ if negations % 2 == 1 => format!("(not {value})"),
            _ => format!("(not (not {value}))"),
        })
    }

    fn comparison(&mut self) -> Written {
        let left = self.sum()?;
        let Some(operator) = self.comparator() else { return Ok(left) };
        let right = self.sum()?;
        if self.comparator().is_some() {
            return Err("a chain of comparisons is not supported".into());
        }
        Ok(match operator {
            "==" | "!=" if is_literal(&left) || is_literal(&right) => format!("({left} {operator} {right})"),
            "==" => format!("({left}|py_equal({right}))"),
            "!=" => format!("(not {left}|py_equal({right}))"),
            "not in" => format!("(not {left}|py_in({right}))"),
            "in" => format!("({left}|py_in({right}))"),
            _ => format!("({left}|py_compare(\"{operator}\", {right}))"),
        })
    }

    fn comparator(&mut self) -> Option<&'static str> {
        for sign in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.take(sign) {
                return Some(sign);
            }
        }
        if self.take_name("in") {
            return Some("in");
        }
        let rest = self.tokens.get(self.at..self.at + 2)?;
        if rest == [Token::Name("not"), Token::Name("in")] {
            self.at += 2;
            return Some("not in");
        }
        None
    }

    fn sum(&mut self) -> Written {
        let mut value = self.concatenation()?;
        let mut is_sum = false;
        loop {
            if self.take("+") {
                let mut others = vec![self.concatenation()?];
                while self.take("+") {
                    others.push(self.concatenation()?);
                }
                value = format!("{value}|py_add({})", others.join(", "));
            } else if self.take("-") {
                value = format!("({value} - {})", self.concatenation()?);
            } else {
                return Ok(if is_sum { format!("({value})") } else { value });
            }
            is_sum = true;
        }
    }

    fn concatenation(&mut self) -> Written {
        let first = self.product()?;
        let mut others = Vec::new();
        while self.take("~") {
            others.push(self.product()?);
        }
        Ok(if others.is_empty() { first } else { format!("({first}|py_concat({}))", others.join(", ")) })
    }

    fn product(&mut self) -> Written {
        let mut value = self.power()?;
        while let Some(sign) = ["*", "/", "//", "%"].into_iter().find(|sign| self.is(sign)) {
            self.at += 1;
            let right = self.power()?;
            value = match sign {
                "*" => format!("({value}|py_multiply({right}))"),
                "%" => format!("({value}|py_modulo({right}))"),
                _ => format!("({value} {sign} {right})"),
            };
        }
        Ok(value)
    }

    fn power(&mut self) -> Written {
        let mut value = self.unary(true)?;
        while self.take("**") {
            value = format!("({value}|py_power({}))", self.unary(true)?);
        }
        Ok(value)
    }

    fn unary(&mut self, filtered: bool) -> Written {
        let value = if self.take("-") {
            format!("(-{})", self.deeper(|reader| reader.unary(false))?)
        } else if self.take("+") {
            format!("({}|py_plus)", self.deeper(|reader| reader.unary(false))?)
        } else {
            self.primary()?
        };
        let value = self.postfix(value)?;
        if filtered { self.filtered(value) } else { Ok(value) }
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Written) -> Written {
        if self.depth == DEPTH {
            return Err("an expression is too deep".into());
        }
        self.depth += 1;
        let written = read(self);
        self.depth -= 1;
        written
    }

    fn primary(&mut self) -> Written {
        let token = self.tokens.get(self.at).ok_or("a tag ends where a value should be")?;
        self.at += 1;
        match token {
            Token::Name(name) => match *name {
                "true" | "True" => Ok("true".into()),
                "false" | "False" => Ok("false".into()),
                "none" | "None" => Ok("none".into()),
                "self" | "super" | "varargs" | "kwargs" => Err(format!("{name} is not supported")),
                _ => Ok((*name).into()),
            },
            Token::Text(text) => {
                let mut text = text.clone();
                while let Some(Token::Text(more)) = self.tokens.get(self.at) {
                    text.push_str(more);
                    self.at += 1;
                }
                Ok(quoted(&text))
            }
            Token::Number(digits, _) => Ok(digits.clone()),
            Token::Sign("(") if self.take(")") => Ok("()".into()),
            Token::Sign("(") => {
                let value = self.tuple(true)?;
                self.expect(")")?;
                Ok(format!("({value})"))
            }
            Token::Sign("[") => Ok(format!("[{}]", self.list("]", Self::expression)?)),
            Token::Sign("{") => Ok(format!("{{ {} }}", self.list("}", Self::pair)?)),
            Token::Sign(sign) => Err(format!("{sign} is not expected")),
        }
    }

    fn pair(&mut self) -> Written {
        let key = self.expression()?;
        self.expect(":")?;
        Ok(format!("{key}: {}", self.expression()?))
    }

    /// What stands between commas up to a closing sign.
    fn list(&mut self, end: &str, mut part: impl FnMut(&mut Self) -> Written) -> Written {
        let mut items = Vec::new();
        while !self.take(end) {
            if !items.is_empty() {
                self.expect(",")?;
                if self.take(end) {
                    break;
                }
            }
            items.push(part(self)?);
        }
        Ok(items.join(", "))
    }

    fn postfix(&mut self, mut value: String) -> Written {
        loop {
            value = if self.take(".") {
                self.attribute(value)?
            } else if self.take("[") {
                self.subscript(value)?
            } else if self.take("(") {
                format!("{value}({})", self.arguments()?)
            } else {
                return Ok(value);
            };
        }
    }

    fn attribute(&mut self, value: String) -> Written {
        if let Some(Token::Number(digits, false)) = self.tokens.get(self.at) {
            self.at += 1;
            return Ok(format!("{value}[{digits}]"));
        }
        let name = self.name()?;
        if name.starts_with("__") {
            return Err(format!("{name} is out of a template's reach"));
        }
        // The loop's own variables, or a call, can't be taken for a method of a text, a list or a map.
        let is_safe = value == "loop" || self.is("(") || !methods::is_method(name);
        Ok(if is_safe { format!("{value}.{name}") } else { format!("({value}|py_attribute({})).{name}", quoted(name)) })
    }

    fn subscript(&mut self, value: String) -> Written {
        let mut parts = vec![String::new()];
        while !self.take("]") {
            if self.take(":") {
                parts.push(String::new());
            } else {
                let part = parts.last_mut().filter(|part| part.is_empty());
                *part.ok_or("an index has more than one value")? = self.expression()?;
            }
        }
        Ok(match parts.as_mut_slice() {
            [index] if index.is_empty() => return Err("an index is missing".into()),
            [index] if is_plain(index) => format!("{value}[{index}]"),
            [index] => format!("({value}|py_item({index}))"),
            parts if parts.len() > 3 => return Err("a slice has more than three parts".into()),
            parts => {
                parts.iter_mut().filter(|part| part.is_empty()).for_each(|part| *part = "none".into());
                format!("({value}|py_slice({}))", parts.join(", "))
            }
        })
    }

    /// The arguments of a call, after its opening parenthesis.
    fn arguments(&mut self) -> Written {
        let mut names = Vec::new();
        self.list(")", |reader| reader.argument(&mut names))
    }

    fn argument(&mut self, names: &mut Vec<&'s str>) -> Written {
        if let [Token::Name(name), Token::Sign("="), ..] = self.tokens.get(self.at..).unwrap_or_default() {
            self.at += 2;
            if names.contains(name) {
                return Err(format!("the argument {name} is given twice"));
            }
            names.push(name);
            return Ok(format!("{name}={}", self.expression()?));
        }
        if self.is("*") || self.is("**") {
            return Err("arguments can't be unpacked here".into());
        }
        self.expression()
    }

    fn filtered(&mut self, mut value: String) -> Written {
        loop {
            value = if self.is("|") {
                let filters = self.filters()?;
                format!("{value}{filters}")
            } else if self.take_name("is") {
                self.test(&value)?
            } else if self.take("(") {
                format!("{value}({})", self.arguments()?)
            } else {
                return Ok(value);
            };
        }
    }

    /// A chain of filters, each with the sign before it.
    pub fn filters(&mut self) -> Written {
        let mut chain = String::new();
        while self.take("|") {
            chain.push('|');
            chain.push_str(&self.filter()?);
        }
        Ok(chain)
    }

    pub fn filter(&mut self) -> Written {
        let name = self.name()?;
        let is_known = filters::FILTERS.contains(&name) && !self.is(".");
        if !is_known && !self.lenient {
            return Err(format!("the filter {name:?} is not known"));
        }
        let arguments = if self.take("(") { self.arguments()? } else { String::new() };
        Ok(if is_known { format!("{name}({arguments})") } else { format!("py_unknown({})", quoted(name)) })
    }

    fn test(&mut self, value: &str) -> Written {
        let not = if self.take_name("not") { "not " } else { "" };
        let name = self.name()?;
        let is_known = tests::TESTS.contains(&name) && !self.is(".");
        if !is_known && !self.lenient {
            return Err(format!("the test {name:?} is not known"));
        }
        let arguments = if self.take("(") {
            self.arguments()?
        } else if self.is_name(&["is"]) {
            return Err("a chain of tests needs parentheses".into());
        } else if self.argument_follows() {
            let argument = self.primary()?;
            self.postfix(argument)?
        } else {
            String::new()
        };
        let test = if is_known { format!("{name}({arguments})") } else { format!("py_unknown({})", quoted(name)) };
        Ok(format!("({value} is {not}{test})"))
    }

    /// Whether the argument of a test stands here without parentheses.
    fn argument_follows(&self) -> bool {
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) => !matches!(*name, "else" | "or" | "and"),
            Some(Token::Text(_) | Token::Number(..)) => true,
            Some(Token::Sign(sign)) => matches!(*sign, "[" | "{"),
            None => false,
        }
    }
}

/// Whether what is written is a single text, integer, truth or `none`, which only its like is equal to.
fn is_literal(written: &str) -> bool {
    let is_text = written.starts_with('"') && !written[1..written.len() - 1].contains('"');
    is_text || matches!(written, "true" | "false" | "none") || written.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether an index as it is written needs no look at run time: a place, or a key that is no method's name.
fn is_plain(index: &str) -> bool {
    if let Some(text) = index.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return !text.contains('"') && !methods::is_method(text);
    }
    let digits = index.strip_prefix("(-").and_then(|rest| rest.strip_suffix(')')).unwrap_or(index);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
