//! The functions that transformers gives to templates.

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, functions};

use super::operators::integer;
use super::python::{Lazy, refuse, text};

/// jinja2's sandbox has no longer ranges.
const LONGEST_RANGE: usize = 100_000;

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_function("raise_exception", |message: &Value| refuse::<Value>(text(message)?));
    environment.add_function("strftime_now", |format: &str| date(format, &jiff::Zoned::now()));
    environment.add_function("range", range);
    environment.add_function("namespace", namespace);
    environment.add_function("dict", |names: Kwargs| Ok::<_, Error>(Value::from_pairs(named(&names)?)));
}

/// A namespace, made of named values only.
fn namespace(state: &mut State<'_, '_>, values: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let values: Vec<Value> = values.0.into_iter().map(ValueOrKwargs::into_value).collect();
    match values.as_slice() {
        [] => {}
        [names] if names.is_kwargs() && !names.try_iter()?.any(|name| name.to_string().starts_with('_')) => {}
        _ => return refuse("a namespace takes values with names that begin with a letter only"),
    }
    Value::from_function(functions::namespace).call(state, &values)
}

fn named(names: &Kwargs) -> Result<Vec<(String, Value)>, Error> {
    names.args().map(|name| Ok((name.to_owned(), names.get(name)?))).collect()
}

/// Let it always be the time at some seconds since 1970.
pub fn set_time(environment: &mut Environment<'_>, seconds: i64) {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default().to_zoned(jiff::tz::TimeZone::system());
    environment.add_function("strftime_now", move |format: &str| date(format, &time));
}

/// A date as `strftime` writes it; what depends on the locale is refused.
fn date(format: &str, time: &jiff::Zoned) -> Result<String, Error> {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let directive = rest[at + 1..].strip_prefix('-').unwrap_or(&rest[at + 1..]);
        let kind = directive.chars().next().filter(|kind| "aAbBdeHIjmMpSyYUWuwZzFT%".contains(*kind));
        let Some(kind) = kind else { return refuse(format!("{format:?} is not supported as the format of a date")) };
        rest = &directive[kind.len_utf8()..];
    }
    jiff::fmt::strtime::format(format, time).or_else(|error| refuse(error.to_string()))
}

fn range(state: &State<'_, '_>, bounds: Rest<Value>) -> Result<Value, Error> {
    let numbers: Option<Vec<i128>> =
        bounds.iter().map(|bound| integer(bound).filter(|_| bound.kind() == ValueKind::Number)).collect();
    let (start, stop, stride) = match numbers.as_deref() {
        Some([stop]) => (0, *stop, 1),
        Some([start, stop]) => (*start, *stop, 1),
        Some([start, stop, stride]) if *stride != 0 => (*start, *stop, *stride),
        _ => return refuse("a range has one to three integers"),
    };
    let items = std::iter::successors(Some(start), |at| at.checked_add(stride));
    let items = items.take_while(|at| if stride > 0 { *at < stop } else { *at > stop });
    let items: Vec<Value> = items.take(LONGEST_RANGE + 1).map(Value::from).collect();
    if items.len() > LONGEST_RANGE {
        return refuse("a range is too long");
    }
    state.consume_fuel(items.len() as u64)?;
    Ok(Value::from_object(Lazy::Range(items)))
}
