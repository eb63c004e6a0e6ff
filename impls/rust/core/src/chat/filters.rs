//! Filters and tests that differ between jinja2, as transformers sets it up, and minijinja.

use std::borrow::Cow;

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, filters};

use super::python;

type Test<'a> = Option<Cow<'a, str>>;
type Args = Rest<ValueOrKwargs>;

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("tojson", to_json);
    environment.add_filter("trim", trim);
    environment.add_filter("string", |value: Value| python::text(&value));
    environment.add_filter("select", |state: &mut State<'_, '_>, value: &Value, test: Test<'_>, args: Args| {
        filters::select(state, none_as_empty(value), test, args)
    });
    environment.add_filter("reject", |state: &mut State<'_, '_>, value: &Value, test: Test<'_>, args: Args| {
        filters::reject(state, none_as_empty(value), test, args)
    });
    environment.add_filter(
        "selectattr",
        |state: &mut State<'_, '_>, value: &Value, name: Cow<'_, str>, test: Test<'_>, args: Args| {
            filters::selectattr(state, none_as_empty(value), name, test, args)
        },
    );
    environment.add_filter(
        "rejectattr",
        |state: &mut State<'_, '_>, value: &Value, name: Cow<'_, str>, test: Test<'_>, args: Args| {
            filters::rejectattr(state, none_as_empty(value), name, test, args)
        },
    );
    environment.add_filter("map", |state: &mut State<'_, '_>, value: &Value, args: Args| {
        filters::map(state, none_as_empty(value), args)
    });
    environment.add_test("sequence", is_sized);
    environment.add_test("iterable", is_sized);
    environment.add_test("none", |value: &Value| python::is_none(value));
    environment.add_test("number", |value: Value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool));
}

/// These filters of jinja2 give nothing for `None`, which a loop refuses.
fn none_as_empty(value: &Value) -> Value {
    if python::is_none(value) { Value::from(Vec::<Value>::new()) } else { value.clone() }
}

/// What Python can iterate over and index: also texts, maps, and what is undefined.
fn is_sized(value: Value) -> bool {
    use ValueKind::{Iterable, Map, Seq, String, Undefined};
    matches!(value.kind(), Seq | Map | String | Iterable | Undefined)
}

fn trim(value: Value, chars: Option<String>) -> String {
    let strips = |char: char| chars.as_ref().map_or_else(|| python::is_space(char), |chars| chars.contains(char));
    python::text(&value).trim_matches(strips).to_owned()
}

/// How `json.dumps` is asked to write.
struct Style {
    ensure_ascii: bool,
    indent: Option<usize>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
}

/// `json.dumps`, which leaves HTML's characters as they are.
fn to_json(value: Value, options: Kwargs) -> Result<String, Error> {
    let indent = options.get::<Option<usize>>("indent")?;
    let separators = options.get::<Option<Vec<String>>>("separators")?;
    let (item_separator, key_separator) = match separators.as_deref() {
        Some([item, key]) => (item.clone(), key.clone()),
        Some(_) => return Err(Error::new(ErrorKind::InvalidOperation, "separators are two texts")),
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
    };
    let style = Style {
        ensure_ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        indent,
        item_separator,
        key_separator,
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    let mut out = String::new();
    style.write(&value, 0, &mut out)?;
    Ok(out)
}

impl Style {
    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        match value.kind() {
            _ if python::is_none(value) => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => out.push_str(&value.to_string()),
            ValueKind::Number => out.push_str(&python::float(f64::try_from(value.clone())?)),
            ValueKind::String => self.write_text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.write_items(['[', ']'], &items, depth, out, |item, out| self.write(item, depth + 1, out))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sort_keys {
                    keys.sort();
                }
                self.write_items(['{', '}'], &keys, depth, out, |key, out| {
                    self.write_text(&python::text(key), out);
                    out.push_str(&self.key_separator);
                    self.write(&value.get_item(key)?, depth + 1, out)
                })?;
            }
            kind => {
                return Err(Error::new(ErrorKind::InvalidOperation, format!("{kind} can't be written as JSON")));
            }
        }
        Ok(())
    }

    fn write_items(
        &self,
        brackets: [char; 2],
        items: &[Value],
        depth: usize,
        out: &mut String,
        write: impl Fn(&Value, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(brackets[0]);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(&self.item_separator);
            }
            self.write_line_break(depth + 1, out);
            write(item, out)?;
        }
        if !items.is_empty() {
            self.write_line_break(depth, out);
        }
        out.push(brackets[1]);
        Ok(())
    }

    fn write_line_break(&self, depth: usize, out: &mut String) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn write_text(&self, text: &str, out: &mut String) {
        out.push('"');
        for char in text.chars() {
            match char {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", char as u32)),
                _ if char.is_ascii() || !self.ensure_ascii => out.push(char),
                _ => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        out.push('"');
    }
}
