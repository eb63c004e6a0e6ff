//! The filters of jinja2, as transformers sets it up; those that are missing here are errors.

use std::borrow::Cow;

use minijinja::value::{Kwargs, Rest, Tuple, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, filters};

use super::json::to_json;
use super::operators;
use super::python::{self, Lazy, iterate, kind, like, refuse, text};

/// Filters that a template may name.
pub const FILTERS: [&str; 36] = [
    "abs",
    "batch",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "sort",
    "string",
    "sum",
    "tojson",
    "trim",
    "unique",
    "upper",
];

type Args = Rest<ValueOrKwargs>;
type Test<'a> = Option<Cow<'a, str>>;
type Result<T> = std::result::Result<T, Error>;

pub fn add_to(environment: &mut Environment<'_>) {
    add_text_filters(environment);
    add_list_filters(environment);
    environment
        .add_filter("py_unknown", |_: &Value, name: &str| refuse::<Value>(format!("the filter {name:?} is not known")));
    environment.add_filter("tojson", to_json);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("abs", |value: Value| number(&value).and_then(|()| filters::abs(value)));
    environment.add_filter("int", |state: &State<'_, '_>, value: &Value, default: Option<Value>| {
        if has_number(value)? {
            filters::int(state, value, default, None, no_names())
        } else {
            Ok(default.unwrap_or_else(|| 0.into()))
        }
    });
    environment.add_filter("float", |state: &State<'_, '_>, value: &Value, default: Option<Value>| {
        if has_number(value)? {
            filters::float(state, value, default, no_names())
        } else {
            Ok(default.unwrap_or_else(|| 0.0.into()))
        }
    });
    environment.add_filter("round", |value: Value, precision: Option<i32>| {
        number(&value)?;
        let rounded = filters::round(value.clone(), precision, None, no_names())?;
        if value.is_integer() && precision.is_some_and(|precision| precision < 0) {
            return refuse("an integer is rounded to its places only");
        }
        Ok(rounded)
    });
}

fn add_text_filters(environment: &mut Environment<'_>) {
    environment.add_filter("string", |value: &Value| text(value).map(|text| like(value, text)));
    environment.add_filter("safe", |value: &Value| text(value).map(Value::from_safe_string));
    environment.add_filter("upper", |value: &Value| Ok::<_, Error>(like(value, text(value)?.to_uppercase())));
    environment.add_filter("lower", |value: &Value| Ok::<_, Error>(like(value, text(value)?.to_lowercase())));
    environment
        .add_filter("capitalize", |value: &Value| python::capitalize(&text(value)?).map(|text| like(value, text)));
    environment.add_filter("trim", |value: &Value, chars: Option<String>| {
        let strips = |char: char| chars.as_ref().map_or_else(|| python::is_space(char), |chars| chars.contains(char));
        Ok::<_, Error>(like(value, text(value)?.trim_matches(strips).to_owned()))
    });
    environment.add_filter("replace", |value: &Value, from: &str, to: &str, count: Option<usize>| {
        let own = text(value)?;
        if value.is_safe() {
            operators::plain(from).and_then(|()| operators::plain(to))?;
        }
        python::limit_replaced(&own, from, to)?;
        let replaced = count.map_or_else(|| own.replace(from, to), |count| own.replacen(from, to, count));
        Ok::<_, Error>(like(value, replaced))
    });
    environment.add_filter("format", |value: &Value, args: Rest<Value>| operators::fill(&text(value)?, &args));
    environment.add_filter("indent", indent);
}

fn add_list_filters(environment: &mut Environment<'_>) {
    environment.add_filter("length", length);
    environment.add_filter("count", length);
    environment.add_filter("list", |value: &Value| Ok::<_, Error>(Value::from(iterate(value)?.collect::<Vec<_>>())));
    environment.add_filter("first", |value: &Value| Ok::<_, Error>(iterate(value)?.next().unwrap_or_default()));
    environment.add_filter("last", |value: &Value| match value.downcast_object_ref::<Lazy>() {
        Some(Lazy::Generator(_)) => refuse("what a filter yields has no last item"),
        _ => Ok(iterate(value)?.last().unwrap_or_default()),
    });
    environment.add_filter("join", join);
    environment.add_filter("items", |value: &Value| match value.kind() {
        ValueKind::Map if python::is_map(value) => Ok(Lazy::generator(python::tuples(value)?)),
        ValueKind::Undefined => Ok(Lazy::generator(Vec::new())),
        _ => refuse(format!("{} has no items", kind(value))),
    });
    environment.add_filter("dictsort", |value: &Value, options: Kwargs| match value.kind() {
        ValueKind::Map if python::is_map(value) && !options.has("by") => {
            alike(&listed(value)?)?;
            let sorted = filters::dictsort(value, options)?.try_iter()?;
            let tuple = |pair: Value| Ok(Value::from(Tuple::from(pair.try_iter()?.collect::<Vec<_>>())));
            sorted.map(tuple).collect::<Result<Value>>()
        }
        _ => refuse(format!("dictsort is not supported for {} like this", kind(value))),
    });
    environment.add_filter("reverse", |value: &Value| match value.as_str() {
        Some(text) => Ok(text.chars().rev().collect::<String>().into()),
        None => Ok::<_, Error>(Lazy::generator(listed(value)?.into_iter().rev().collect())),
    });
    environment.add_filter("select", |state: &mut State<'_, '_>, value: &Value, test: Test<'_>, args: Args| {
        yielded(filters::select(state, items(value)?, test, args)?)
    });
    environment.add_filter("reject", |state: &mut State<'_, '_>, value: &Value, test: Test<'_>, args: Args| {
        yielded(filters::reject(state, items(value)?, test, args)?)
    });
    environment.add_filter(
        "selectattr",
        |state: &mut State<'_, '_>, value: &Value, name: Cow<'_, str>, test: Test<'_>, args: Args| {
            yielded(filters::selectattr(state, items(value)?, name, test, args)?)
        },
    );
    environment.add_filter(
        "rejectattr",
        |state: &mut State<'_, '_>, value: &Value, name: Cow<'_, str>, test: Test<'_>, args: Args| {
            yielded(filters::rejectattr(state, items(value)?, name, test, args)?)
        },
    );
    environment.add_filter("map", |state: &mut State<'_, '_>, value: &Value, args: Args| {
        yielded(filters::map(state, items(value)?, args)?)
    });
    environment.add_filter("sort", |state: &mut State<'_, '_>, value: &Value, options: Kwargs| {
        let items = listed(value)?;
        if !options.has("attribute") {
            alike(&items)?;
        }
        filters::sort(state, items.into(), options)
    });
    environment.add_filter("max", |state: &mut State<'_, '_>, value: &Value| {
        alike(&listed(value)?)?;
        filters::max(state, value.clone(), no_names())
    });
    environment.add_filter("min", |state: &mut State<'_, '_>, value: &Value| {
        alike(&listed(value)?)?;
        filters::min(state, value.clone(), no_names())
    });
    environment.add_filter("unique", |state: &mut State<'_, '_>, value: &Value| {
        let items = listed(value)?;
        alike(&items)?;
        yielded(filters::unique(state, items.into(), no_names())?)
    });
    environment.add_filter("sum", |state: &mut State<'_, '_>, value: &Value| {
        let items = listed(value)?;
        items.iter().try_for_each(number)?;
        filters::sum(state, items.into(), None, None, no_names())
    });
    environment.add_filter("batch", |state: &mut State<'_, '_>, value: &Value, count: usize, fill: Option<Value>| {
        if count > 10_000 {
            return refuse("a batch is too large");
        }
        yielded(filters::batch(state, listed(value)?.into(), count, fill)?)
    });
}

/// What Python iterates over, and has a length for.
pub fn iterable(value: &Value) -> bool {
    use ValueKind::{Seq, String, Undefined};
    matches!(value.kind(), Seq | String | Undefined) || python::is_map(value)
}

fn number(value: &Value) -> Result<()> {
    if value.kind() == ValueKind::Number { Ok(()) } else { refuse(format!("{} is no number", kind(value))) }
}

/// What can be put in order, or told apart: numbers only, or texts only, whose case is known.
fn alike(items: &[Value]) -> Result<()> {
    let texts = items.iter().filter(|item| item.as_str().is_some_and(str::is_ascii)).count();
    let numbers = items.iter().filter(|item| item.kind() == ValueKind::Number).count();
    if texts == items.len() || numbers == items.len() {
        Ok(())
    } else {
        refuse("only numbers, or texts in ASCII, can be put in order here")
    }
}

fn no_names() -> Kwargs {
    std::iter::empty::<(String, Value)>().collect()
}

fn listed(value: &Value) -> Result<Vec<Value>> {
    Ok(iterate(value)?.collect())
}

/// The same for filters that take `None` and what is false for nothing.
fn items(value: &Value) -> Result<Value> {
    if !value.is_true() && !iterable(value) { Ok(Vec::<Value>::new().into()) } else { listed(value).map(Value::from) }
}

fn yielded(items: impl Into<Value>) -> Result<Value> {
    Ok(Lazy::generator(items.into().try_iter()?.collect()))
}

fn default(value: &Value, args: Args) -> Result<Value> {
    let args: Vec<Value> = args.0.into_iter().map(ValueOrKwargs::into_value).collect();
    let (default, options) = match args.split_first() {
        Some((default, options)) => (default.clone(), options),
        None => ("".into(), &[][..]),
    };
    let boolean = match options {
        [] => false,
        [flag] if !flag.is_kwargs() => flag.is_true(),
        [names] => {
            let names = Kwargs::try_from(names.clone())?;
            let flag = names.get::<Value>("boolean")?.is_true();
            names.assert_all_used()?;
            flag
        }
        _ => return refuse("default takes two values"),
    };
    if default.is_kwargs() {
        return refuse("default takes its value without a name here");
    }
    Ok(if value.is_undefined() || (boolean && !value.is_true()) { default } else { value.clone() })
}

fn length(value: &Value) -> Result<usize> {
    match value.downcast_object_ref::<Lazy>() {
        Some(Lazy::View(items) | Lazy::Range(items)) => return Ok(items.len()),
        Some(Lazy::Generator(_)) => return refuse("what a filter yields has no length"),
        None => {}
    }
    match value.kind() {
        ValueKind::Undefined => Ok(0),
        _ if iterable(value) => filters::length(value),
        _ => refuse(format!("{} has no length", kind(value))),
    }
}

fn join(value: &Value, by: Option<Value>, options: Kwargs) -> Result<String> {
    let attribute = options.get::<Option<String>>("attribute")?;
    options.assert_all_used()?;
    let by = by.as_ref().map(text).transpose()?.unwrap_or_default();
    let of = |item: Value| attribute.as_ref().map_or(Ok(item.clone()), |name| item.get_attr(name));
    python::joined(iterate(value)?.map(|item| text(&of(item)?)), &by)
}

/// Whether `int` and `float` find a number in a value; others have none, or one that is told differently here.
fn has_number(value: &Value) -> Result<bool> {
    match (value.kind(), value.as_str()) {
        (ValueKind::Number | ValueKind::Bool, _) => Ok(true),
        (_, Some(text)) => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
            let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let is_unknown = !text.is_ascii() || text.contains(|char: char| char.is_ascii_digit());
            match is_plain(whole) && is_plain(fraction) {
                true => Ok(true),
                false if is_unknown || ["inf", "nan"].iter().any(|name| text.to_lowercase().contains(name)) => {
                    refuse("a text may have a number, but not one that is supported")
                }
                false => Ok(false),
            }
        }
        _ => refuse(format!("{} is no number", kind(value))),
    }
}

/// Lines with spaces before them, but for the first and the blank ones unless asked for.
fn indent(
    value: &Value,
    width: Option<Value>,
    first: Option<bool>,
    blank: Option<bool>,
    names: Kwargs,
) -> Result<String> {
    let Some(text) = value.as_str() else { return refuse(format!("{} has no lines", kind(value))) };
    if text.contains(|char| "\r\x0b\x0c\x1c\x1d\x1e\u{85}\u{2028}\u{2029}".contains(char)) {
        return refuse("indent is not supported for these ends of lines");
    }
    let width = width.or(names.get::<Option<Value>>("width")?);
    let first = first.or(names.get("first")?).unwrap_or(false);
    let blank = blank.or(names.get("blank")?).unwrap_or(false);
    names.assert_all_used()?;
    let before = match width {
        None => "    ".to_owned(),
        Some(width) => match (width.as_str(), width.as_usize()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(width)) if width < 1000 => " ".repeat(width),
            _ => return refuse("a text is indented by a text or by a number of spaces"),
        },
    };
    python::limit(text.len() + (text.matches('\n').count() + 1).saturating_mul(before.len()))?;
    let line = |(at, line): (usize, &str)| {
        let indented = if at == 0 { first } else { blank || !line.is_empty() };
        if indented { format!("{before}{line}") } else { line.to_owned() }
    };
    Ok(text.split('\n').enumerate().map(line).collect::<Vec<_>>().join("\n"))
}
