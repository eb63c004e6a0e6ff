//! The methods of Python's values that templates may call; others are errors.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::operators;
use super::python::{
    Lazy, capitalize, is_map, is_space, iterate, joined, kind, limit, limit_replaced, pairs, refuse, text, tuples,
};

/// Methods of Python's texts, lists, maps and numbers: jinja2 finds them where it looks for a key.
const METHODS: &str = " append as_integer_ratio bit_count bit_length capitalize casefold center clear conjugate copy \
    count denominator encode endswith expandtabs extend find format format_map from_bytes fromhex fromkeys get hex \
    imag index insert isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace \
    istitle isupper items join keys ljust lower lstrip maketrans numerator partition pop popitem real remove \
    removeprefix removesuffix replace reverse rfind rindex rjust rpartition rsplit rstrip setdefault sort split \
    splitlines startswith strip swapcase title to_bytes translate update upper values zfill is_integer ";

/// Whether a key is the name of a method, too.
pub fn is_method(name: &str) -> bool {
    METHODS.contains(&format!(" {name} "))
}

/// A method of one of Python's values.
pub fn call_method(state: &mut State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    if let Some(last) = args.last()
        && last.is_kwargs()
        && method != "format"
    {
        return refuse(format!("the method {method} takes no names here"));
    }
    match value.as_str() {
        Some(text) if value.is_safe() => {
            args.iter().filter_map(Value::as_str).try_for_each(operators::plain)?;
            let made = text_method(state, value, text, method, args)?;
            match (made.as_str(), made.kind()) {
                (Some(text), _) => Ok(Value::from_safe_string(text.to_owned())),
                (None, ValueKind::Seq) => refuse(format!("{method} of a text that is safe as HTML is not supported")),
                _ => Ok(made),
            }
        }
        Some(text) => text_method(state, value, text, method, args),
        None => match (method, args) {
            ("keys", []) if is_map(value) => Ok(Lazy::view(value.try_iter()?.collect())),
            ("values", []) if is_map(value) => Ok(Lazy::view(pairs(value)?.into_iter().map(|(_, own)| own).collect())),
            ("items", []) if is_map(value) => Ok(Lazy::view(tuples(value)?)),
            ("get", [key, ..]) if is_map(value) && matches!(key.kind(), ValueKind::String | ValueKind::Undefined) => {
                unknown_method_callback(state, value, method, args)
            }
            ("count", [_]) if value.kind() == ValueKind::Seq => unknown_method_callback(state, value, method, args),
            _ => refuse(format!("{} has no method {method} here", kind(value))),
        },
    }
}

fn text_method(
    state: &mut State<'_, '_>,
    value: &Value,
    text: &str,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let first = args.first().filter(|first| !first.is_none());
    let argument = first.and_then(Value::as_str);
    if first.is_some() && argument.is_none() && !matches!(method, "startswith" | "endswith" | "join" | "format") {
        return refuse(format!("the method {method} of a text takes a text"));
    }
    let strips = |char: char| argument.map_or_else(|| is_space(char), |chars| chars.contains(char));
    match (method, args.len()) {
        ("strip", 0 | 1) => Ok(text.trim_matches(strips).into()),
        ("lstrip", 0 | 1) => Ok(text.trim_start_matches(strips).into()),
        ("rstrip", 0 | 1) => Ok(text.trim_end_matches(strips).into()),
        ("split", 0 | 1) if argument.is_none() => {
            Ok(text.split(is_space).filter(|word| !word.is_empty()).map(Value::from).collect())
        }
        ("split" | "rsplit", 1 | 2) => split(text, method, argument, args.get(1)),
        ("isspace", 0) => Ok((!text.is_empty() && text.chars().all(is_space)).into()),
        ("capitalize", 0) => capitalize(text).map(Value::from),
        ("removeprefix", 1) => Ok(text.strip_prefix(argument.unwrap_or_default()).unwrap_or(text).into()),
        ("removesuffix", 1) => Ok(text.strip_suffix(argument.unwrap_or_default()).unwrap_or(text).into()),
        ("join", 1) => {
            let texts = iterate(&args[0])?.map(|item| match item.as_str() {
                Some(text) => Ok(text.to_owned()),
                None => refuse("join takes texts"),
            });
            joined(texts, text).map(Value::from)
        }
        ("format", _) => format(text, args),
        ("replace", 2) if argument.is_some() && args[1].as_str().is_some() => {
            limit_replaced(text, argument.unwrap_or_default(), args[1].as_str().unwrap_or_default())?;
            unknown_method_callback(state, value, method, args)
        }
        ("startswith" | "endswith", 1) if argument.is_some() || args[0].is_tuple() => {
            unknown_method_callback(state, value, method, args)
        }
        ("find" | "rfind", 1) if argument.is_some() => unknown_method_callback(state, value, method, args),
        ("count", 1) if argument.is_some_and(|argument| !argument.is_empty()) => {
            unknown_method_callback(state, value, method, args)
        }
        ("upper" | "lower" | "isascii", 0) => unknown_method_callback(state, value, method, args),
        ("isdigit" | "isnumeric" | "isalpha" | "isalnum" | "islower" | "isupper", 0) if text.is_ascii() => {
            unknown_method_callback(state, value, method, args)
        }
        ("splitlines", 0) if !text.contains(|char| "\r\x0b\x0c\x1c\x1d\x1e\u{85}\u{2028}\u{2029}".contains(char)) => {
            unknown_method_callback(state, value, method, args)
        }
        _ => refuse(format!("a text has no method {method} like this here")),
    }
}

fn split(text: &str, method: &str, by: Option<&str>, limit: Option<&Value>) -> Result<Value, Error> {
    let Some(by) = by.filter(|by| !by.is_empty()) else { return refuse("a text is split by a text") };
    let limit = match limit {
        None => None,
        Some(limit) => match limit.as_i64().filter(|_| limit.is_integer()) {
            Some(limit) => usize::try_from(limit).ok(),
            None => return refuse("the limit of a split is an integer"),
        },
    };
    let parts: Vec<&str> = match (method, limit) {
        ("split", Some(limit)) => text.splitn(limit.saturating_add(1), by).collect(),
        ("rsplit", Some(limit)) => {
            let mut parts: Vec<&str> = text.rsplitn(limit.saturating_add(1), by).collect();
            parts.reverse();
            parts
        }
        _ => text.split(by).collect(),
    };
    Ok(parts.into_iter().map(Value::from).collect())
}

/// `str.format()` with `{}` and numbered or named fields, without conversions and formats.
fn format(pattern: &str, args: &[Value]) -> Result<Value, Error> {
    let (named, args) = match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (Some(last), rest),
        _ => (None, args),
    };
    let mut out = String::new();
    let mut automatic = args.iter();
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            out.push_str(&rest[..1]);
            rest = &rest[2..];
            continue;
        }
        let end = rest.find('}').filter(|end| *end > 0);
        let Some(end) = end else { return refuse("a format has a single brace") };
        let field = &rest[1..end];
        let value = match field {
            "" => automatic.next().cloned(),
            _ if field.bytes().all(|byte| byte.is_ascii_digit()) => {
                if automatic.len() < args.len() {
                    return refuse("a format has fields with and without numbers");
                }
                field.parse().ok().and_then(|at: usize| args.get(at)).cloned()
            }
            _ => named.and_then(|named| named.get_attr(field).ok()).filter(|value| !value.is_undefined()),
        };
        let Some(value) = value else { return refuse(format!("a format has no value for {{{field}}}")) };
        out.push_str(&text(&value)?);
        limit(out.len())?;
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out.into())
}
