//! What templates expect of Python's values: how they print, and what their methods do.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind};
use minijinja::{Error, State};
use minijinja_contrib::pycompat::unknown_method_callback;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// `None` where it can't be iterated over: minijinja takes its own for an empty list, and would go on.
#[derive(Debug)]
pub struct Absent;

impl Object for Absent {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("None")
    }
}

/// Whether a value is `None` to Python.
pub fn is_none(value: &Value) -> bool {
    value.is_none() || value.downcast_object_ref::<Absent>().is_some()
}

/// A value as `str()` gives it.
pub fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => repr(value),
    }
}

/// A value as `repr()` gives it.
fn repr(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => String::new(),
        ValueKind::None => "None".into(),
        ValueKind::Bool => if value.is_true() { "True" } else { "False" }.into(),
        ValueKind::Number if !value.is_integer() => {
            f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float)
        }
        ValueKind::String => quoted(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<String> = value.try_iter().into_iter().flatten().map(|item| repr(&item)).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Map => {
            let items: Vec<String> = value
                .try_iter()
                .into_iter()
                .flatten()
                .map(|key| format!("{}: {}", repr(&key), repr(&value.get_item(&key).unwrap_or_default())))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
        _ => value.to_string(),
    }
}

/// A float as Python writes it: an exponent has a sign and two digits.
pub fn float(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once('e') {
        None if value.is_infinite() => if value > 0.0 { "inf" } else { "-inf" }.into(),
        None if value.is_nan() => "nan".into(),
        None => text,
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

/// A string in single quotes, or in double ones if it has single ones only.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if char == quote => out.extend(['\\', char]),
            _ if is_printable(char) => out.push(char),
            '\0'..='\u{ff}' => out.push_str(&format!("\\x{:02x}", char as u32)),
            '\0'..='\u{ffff}' => out.push_str(&format!("\\u{:04x}", char as u32)),
            _ => out.push_str(&format!("\\U{:08x}", char as u32)),
        }
    }
    out.push(quote);
    out
}

/// Whether `str.isprintable()` is true of a character.
fn is_printable(char: char) -> bool {
    let group = char.general_category_group();
    char == ' ' || !matches!(group, GeneralCategoryGroup::Other | GeneralCategoryGroup::Separator)
}

/// Whether `str.isspace()` is true of a character: Unicode's white space, and four separators more.
pub fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\x1c'..='\x1f').contains(&char)
}

/// A method of a Python value that minijinja's doesn't have.
pub fn call_method(state: &mut State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        let blank = args.first().is_none_or(Value::is_none);
        match method {
            "strip" | "lstrip" | "rstrip" => {
                let chars = args.first().filter(|_| !blank).map(Value::to_string);
                let strips = |char: char| chars.as_ref().map_or_else(|| is_space(char), |chars| chars.contains(char));
                return Ok(Value::from(match method {
                    "strip" => text.trim_matches(strips),
                    "lstrip" => text.trim_start_matches(strips),
                    _ => text.trim_end_matches(strips),
                }));
            }
            "split" if blank && args.len() < 2 => {
                return Ok(text.split(is_space).filter(|word| !word.is_empty()).map(Value::from).collect());
            }
            "isspace" => return Ok(Value::from(!text.is_empty() && text.chars().all(is_space))),
            _ => {}
        }
    }
    unknown_method_callback(state, value, method, args)
}
