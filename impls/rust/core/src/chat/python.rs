//! What templates expect of Python's values: how they print, and what can be iterated over.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::IntoIter;

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Tuple, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::message::Fields;

/// Something of Python's that can be iterated over and little else.
#[derive(Debug)]
pub enum Lazy {
    /// The keys, values or items of a map.
    View(Vec<Value>),
    /// What `range()` gives.
    Range(Vec<Value>),
    /// What a filter yields: each item once.
    Generator(Arc<Mutex<IntoIter<Value>>>),
}

impl Lazy {
    pub fn view(items: Vec<Value>) -> Value {
        Value::from_object(Self::View(items))
    }

    pub fn generator(items: Vec<Value>) -> Value {
        Value::from_object(Self::Generator(Arc::new(Mutex::new(items.into_iter()))))
    }
}

impl Object for Lazy {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (Self::Range(items), Some(at)) = (&**self, key.as_i64()) else { return None };
        let from_end = usize::try_from(at.unsigned_abs()).ok().and_then(|back| items.len().checked_sub(back));
        items.get(if at < 0 { from_end? } else { usize::try_from(at).ok()? }).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        match &**self {
            Self::View(items) | Self::Range(items) => !items.is_empty(),
            Self::Generator(_) => true,
        }
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("<generator>")
    }
}

/// An error of a template, in words.
pub fn refuse<T>(why: impl Into<String>) -> Result<T, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, why.into()))
}

/// Texts that a template makes may be this long, in bytes.
const LONGEST: usize = 1 << 26;

/// Refuse a text that is too long.
pub fn limit(length: usize) -> Result<(), Error> {
    if length > LONGEST { refuse("a text is too long") } else { Ok(()) }
}

/// Let a text of this length be made, at the cost of some fuel.
pub fn pay(state: &State<'_, '_>, length: usize) -> Result<(), Error> {
    limit(length)?;
    state.consume_fuel(length as u64 / 8)
}

/// Refuse what replacing all of a text's parts could lead to, if that is too long.
pub fn limit_replaced(text: &str, from: &str, to: &str) -> Result<(), Error> {
    limit(text.len().saturating_add((text.len() / from.len().max(1) + 1).saturating_mul(to.len())))
}

/// Texts with another one between them.
pub fn joined(texts: impl Iterator<Item = Result<String, Error>>, by: &str) -> Result<String, Error> {
    let mut out = String::new();
    for (at, text) in texts.enumerate() {
        out.push_str(if at > 0 { by } else { "" });
        out.push_str(&text?);
        limit(out.len())?;
    }
    Ok(out)
}

/// A value's kind, for errors.
pub fn kind(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "what is undefined",
        ValueKind::None => "None",
        ValueKind::Bool => "a truth",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq => "a list",
        ValueKind::Map if is_map(value) => "a map",
        _ => "an object",
    }
}

/// What Python iterates over.
pub fn iterate(value: &Value) -> Result<Box<dyn Iterator<Item = Value>>, Error> {
    match value.downcast_object_ref::<Lazy>() {
        Some(Lazy::View(items) | Lazy::Range(items)) => return Ok(Box::new(items.clone().into_iter())),
        Some(Lazy::Generator(rest)) => {
            let rest = rest.clone();
            return Ok(Box::new(std::iter::from_fn(move || {
                rest.lock().unwrap_or_else(PoisonError::into_inner).next()
            })));
        }
        None => {}
    }
    match value.kind() {
        ValueKind::Undefined => Ok(Box::new(std::iter::empty())),
        ValueKind::String => {
            let chars: Vec<Value> = value.as_str().unwrap_or_default().chars().map(Value::from).collect();
            Ok(Box::new(chars.into_iter()))
        }
        ValueKind::Seq => Ok(Box::new(value.try_iter()?)),
        ValueKind::Map if is_map(value) => Ok(Box::new(value.try_iter()?)),
        _ => refuse(format!("{} is not iterable", kind(value))),
    }
}

/// Whether a value is a map to Python, too: to minijinja namespaces, macros and loops are maps as well.
pub fn is_map(value: &Value) -> bool {
    let is_map = |object: &DynObject| object.is::<Fields>() || object.type_name().contains("Map<");
    value.kind() == ValueKind::Map && value.as_object().is_some_and(is_map)
}

/// A value as `str()` gives it.
pub fn text(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None if value.is_undefined() => Ok(String::new()),
        None => repr(value),
    }
}

/// A text made of another: safe as HTML if that is.
pub fn like(value: &Value, text: String) -> Value {
    if value.is_safe() { Value::from_safe_string(text) } else { text.into() }
}

/// A value as `repr()` gives it.
fn repr(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_repr(value, &mut out).map(|()| out)
}

fn write_repr(value: &Value, out: &mut String) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number if value.is_integer() => out.push_str(&value.to_string()),
        ValueKind::Number => out.push_str(&float(f64::try_from(value.clone())?)),
        ValueKind::String if value.is_safe() => {
            out.push_str(&format!("Markup({})", quoted(value.as_str().unwrap_or_default())));
        }
        ValueKind::String => out.push_str(&quoted(value.as_str().unwrap_or_default())),
        ValueKind::Seq => {
            let [open, close] = if value.is_tuple() { ['(', ')'] } else { ['[', ']'] };
            out.push(open);
            for (at, item) in value.try_iter()?.enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write_repr(&item, out)?;
            }
            out.push_str(if value.is_tuple() && value.len() == Some(1) { "," } else { "" });
            out.push(close);
        }
        ValueKind::Map if is_map(value) => {
            out.push('{');
            for (at, key) in value.try_iter()?.enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write_repr(&key, out)?;
                out.push_str(": ");
                write_repr(&value.get_item(&key)?, out)?;
            }
            out.push('}');
        }
        _ => return refuse(format!("{} has no text", kind(value))),
    }
    limit(out.len())
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

/// `str.capitalize()`.
pub fn capitalize(text: &str) -> Result<String, Error> {
    let mut chars = text.chars();
    let first = chars.next().map(title_case).transpose()?.unwrap_or_default();
    Ok(first + &chars.as_str().to_lowercase())
}

/// A character as it begins a title. The few that have an own form for that are refused.
pub fn title_case(char: char) -> Result<String, Error> {
    let upper: String = char.to_uppercase().collect();
    let is_special = upper.chars().count() > 1 || matches!(char, '\u{1c4}'..='\u{1cc}' | '\u{1f1}'..='\u{1f3}');
    let has_own = matches!(char, '\u{1f80}'..='\u{1fff}' | '\u{10d0}'..='\u{10ff}');
    if is_special || has_own { refuse(format!("{char:?} has a title case, which is not supported")) } else { Ok(upper) }
}

/// The keys of a map with their values.
pub fn pairs(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    value.try_iter()?.map(|key| value.get_item(&key).map(|own| (key, own))).collect()
}

/// The items of a map, each a tuple.
pub fn tuples(value: &Value) -> Result<Vec<Value>, Error> {
    Ok(pairs(value)?.into_iter().map(|(key, own)| Value::from(Tuple::from([key, own]))).collect())
}
