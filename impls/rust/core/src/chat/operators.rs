//! What jinja2's operators do where minijinja's do something else; `expression` writes them as filters.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Rest, Tuple, Value, ValueKind};
use minijinja::{Environment, Error, State};

use super::methods;
use super::python::{self, Lazy, iterate, kind, refuse, text};

/// Lists that a template makes may be this long.
const LONGEST: usize = 1 << 20;

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("py_compare", |left: &Value, operator: &str, right: &Value| compare(left, operator, right));
    environment.add_filter("py_equal", |left: &Value, right: &Value| equal(left, right));
    environment.add_filter("py_in", |state: &State<'_, '_>, value: &Value, within: &Value| {
        state.consume_fuel(within.len().unwrap_or_default() as u64 / 8)?;
        contains(within, value)
    });
    environment.add_filter("py_concat", concat);
    environment.add_filter("py_add", sum);
    environment.add_filter("py_multiply", multiply);
    environment.add_filter("py_modulo", modulo);
    environment.add_filter("py_power", power);
    environment.add_filter("py_plus", |value: Value| match value.kind() {
        ValueKind::Number => Ok(value),
        _ => refuse(format!("{} has no sign", kind(&value))),
    });
    environment.add_filter("py_slice", slice);
    environment.add_filter("py_item", item);
    environment.add_filter("py_attribute", attribute);
    environment.add_filter("py_each", |value: &Value| match value.kind() {
        ValueKind::Seq => Ok(value.clone()),
        _ => Ok(Value::from(iterate(value)?.collect::<Vec<_>>())),
    });
}

fn is_number(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
}

/// An integer, which a truth is, too.
pub fn integer(value: &Value) -> Option<i128> {
    match value.kind() {
        ValueKind::Bool => Some(i128::from(value.is_true())),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok(),
        _ => None,
    }
}

/// An order of two numbers or two texts; nothing else has one here.
pub fn compare(left: &Value, operator: &str, right: &Value) -> Result<bool, Error> {
    let comparable = (is_number(left) && is_number(right)) || (left.as_str().is_some() && right.as_str().is_some());
    if !comparable {
        return refuse(format!("{operator} can't compare {} with {}", kind(left), kind(right)));
    }
    Ok(match operator {
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    })
}

/// Whether two values are equal. What only minijinja could tell apart, or only Python, is refused.
pub fn equal(left: &Value, right: &Value) -> Result<bool, Error> {
    for value in [left, right] {
        let is_object = matches!(value.kind(), ValueKind::Plain | ValueKind::Iterable | ValueKind::Invalid);
        if is_object || (value.kind() == ValueKind::Map && !python::is_map(value)) {
            return refuse("an object can't be compared here");
        }
    }
    let is_nested = |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Map);
    if left.kind() != right.kind() || !is_nested(left) {
        return Ok(left == right);
    }
    if left.is_tuple() != right.is_tuple() || left.len() != right.len() {
        return Ok(false);
    }
    if left.kind() == ValueKind::Map {
        for key in left.try_iter()? {
            let own = right.as_object().and_then(|map| map.get_value(&key));
            match own {
                Some(own) if equal(&left.get_item(&key)?, &own)? => {}
                _ => return Ok(false),
            }
        }
        return Ok(true);
    }
    for (left, right) in left.try_iter()?.zip(right.try_iter()?) {
        if !equal(&left, &right)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a value is in a text, a list or a map.
pub fn contains(within: &Value, value: &Value) -> Result<bool, Error> {
    match (within.as_str(), value.as_str()) {
        (Some(within), Some(value)) => return Ok(within.contains(value)),
        (Some(_), None) => return refuse(format!("{} can't be in a text", kind(value))),
        _ => {}
    }
    let is_plain = !matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Plain);
    if !is_plain && within.kind() != ValueKind::Seq && !within.is_undefined() {
        return refuse(format!("{} can't be looked for here", kind(value)));
    }
    if python::is_map(within) {
        return Ok(within.as_object().is_some_and(|map| map.get_value(value).is_some()));
    }
    for item in iterate(within)? {
        if equal(&item, value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn concat(state: &State<'_, '_>, first: &Value, others: Rest<Value>) -> Result<String, Error> {
    let joined = python::joined(std::iter::once(first).chain(others.iter()).map(text), "")?;
    python::pay(state, joined.len())?;
    Ok(joined)
}

/// A sum of two or more. Texts, which most sums are of, are joined at once.
fn sum(state: &State<'_, '_>, first: &Value, others: Rest<Value>) -> Result<Value, Error> {
    let plain = |value: &Value| value.as_str().filter(|_| !value.is_safe()).map(str::len);
    let lengths: Option<usize> = std::iter::once(first).chain(others.iter()).map(plain).sum();
    let Some(length) = lengths else {
        return others.iter().try_fold(first.clone(), |sum, value| add(state, &sum, value));
    };
    python::pay(state, length)?;
    let mut joined = String::with_capacity(length);
    joined.extend(std::iter::once(first).chain(others.iter()).filter_map(Value::as_str));
    Ok(joined.into())
}

fn add(state: &State<'_, '_>, left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(first), Some(second)) = (left.as_str(), right.as_str()) {
        python::pay(state, first.len() + second.len())?;
        // To Python a text that is safe as HTML makes the other one so.
        if left.is_safe() != right.is_safe() {
            plain(if left.is_safe() { second } else { first })?;
            return Ok(Value::from_safe_string(format!("{first}{second}")));
        }
        return Ok(python::like(left, [first, second].concat()));
    }
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return left.checked_add(right).map_or_else(|| refuse("a sum is too large"), |sum| Ok(sum.into()));
    }
    if is_number(left) && is_number(right) {
        return Ok((f64::try_from(left.clone())? + f64::try_from(right.clone())?).into());
    }
    if left.kind() != ValueKind::Seq || right.kind() != ValueKind::Seq || left.is_tuple() != right.is_tuple() {
        return refuse(format!("+ is not supported for {} and {}", kind(left), kind(right)));
    }
    let length = left.len().unwrap_or_default() + right.len().unwrap_or_default();
    if length > LONGEST {
        return refuse("a list is too long");
    }
    state.consume_fuel(length as u64)?;
    let items: Vec<Value> = left.try_iter()?.chain(right.try_iter()?).collect();
    Ok(if left.is_tuple() { Tuple::from(items).into() } else { items.into() })
}

/// Refuse a text that would be changed by being made safe as HTML.
pub fn plain(text: &str) -> Result<(), Error> {
    if text.contains(['&', '<', '>', '\'', '"']) {
        return refuse("a text that is safe as HTML is joined with one that is not");
    }
    Ok(())
}

fn multiply(state: &State<'_, '_>, left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return left.checked_mul(right).map_or_else(|| refuse("a product is too large"), |product| Ok(product.into()));
    }
    if is_number(left) && is_number(right) {
        return Ok((f64::try_from(left.clone())? * f64::try_from(right.clone())?).into());
    }
    let (repeated, count) = if is_number(left) { (right, integer(left)) } else { (left, integer(right)) };
    match (repeated.as_str(), count) {
        (Some(text), Some(count)) => {
            let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
            let length = text.len().saturating_mul(count);
            python::pay(state, length)?;
            Ok(text.repeat(count).into())
        }
        _ => refuse(format!("* is not supported for {} and {}", kind(left), kind(right))),
    }
}

/// The rest of a division, with the sign of the divisor, or a text whose `%` fields are filled.
fn modulo(left: &Value, right: &Value) -> Result<Value, Error> {
    if let Some(pattern) = left.as_str() {
        let args = if right.is_tuple() { right.try_iter()?.collect() } else { vec![right.clone()] };
        return fill(pattern, &args).map(Value::from);
    }
    match (integer(left), integer(right)) {
        (Some(_), Some(0)) => refuse("division by zero"),
        (Some(left), Some(right)) => match left.checked_rem(right) {
            Some(rest) if rest != 0 && (rest < 0) != (right < 0) => Ok((rest + right).into()),
            Some(rest) => Ok(rest.into()),
            None => refuse("a number is too large"),
        },
        _ => refuse(format!("% is not supported for {} and {}", kind(left), kind(right))),
    }
}

/// A text with `%s` and the like, which must take all the values.
pub fn fill(pattern: &str, args: &[Value]) -> Result<String, Error> {
    let mut fields = 0;
    let mut printable = Vec::with_capacity(args.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        let flags = &rest[at + 1..];
        rest = flags.trim_start_matches(|char: char| "-+ 0#.123456789".contains(char));
        if flags.len() - rest.len() > 4 {
            return refuse("a % field is not supported");
        }
        match rest.chars().next() {
            Some('%') => {}
            Some('s') => {
                printable.extend(args.get(fields).map(text).transpose()?.map(Value::from));
                fields += 1;
            }
            Some(field @ ('d' | 'i' | 'f' | 'x')) => {
                let value = args.get(fields).filter(|value| value.kind() == ValueKind::Number);
                let Some(value) = value else { return refuse("a % field for a number has none") };
                let is_whole = field != 'f';
                printable.push(if is_whole { value.clone() } else { f64::try_from(value.clone())?.into() });
                fields += 1;
            }
            _ => return refuse("a % field is not supported"),
        }
        rest = &rest[1..];
    }
    if fields != args.len() {
        return refuse(format!("{} values are given for {fields} % fields", args.len()));
    }
    let texts = printable.iter().filter_map(Value::as_str).map(str::len);
    python::limit(texts.fold(pattern.len(), usize::saturating_add))?;
    format(FormatStyle::Printf, pattern, &printable)
}

fn power(left: &Value, right: &Value) -> Result<Value, Error> {
    let exponent = integer(right).and_then(|right| u32::try_from(right).ok());
    let power = integer(left).zip(exponent).and_then(|(left, exponent)| left.checked_pow(exponent));
    power.map_or_else(|| refuse("** is supported for small integers only"), |power| Ok(power.into()))
}

/// `value[start:stop:stride]`.
fn slice(value: &Value, start: &Value, stop: Option<&Value>, stride: Option<&Value>) -> Result<Value, Error> {
    let bound = |bound: Option<&Value>| match bound.filter(|bound| !bound.is_none()) {
        None => Ok(None),
        Some(bound) => match integer(bound).filter(|_| bound.kind() == ValueKind::Number) {
            Some(bound) => Ok(Some(bound.clamp(i128::from(i32::MIN), i128::from(i32::MAX)))),
            None => refuse(format!("a slice is bound by integers, not {}", kind(bound))),
        },
    };
    let (start, stop, stride) = (bound(Some(start))?, bound(stop)?, bound(stride)?.unwrap_or(1));
    let is_text = value.as_str().is_some();
    if !is_text && value.kind() != ValueKind::Seq {
        return refuse(format!("{} can't be sliced", kind(value)));
    }
    if stride == 0 {
        return refuse("the step of a slice is zero");
    }
    let items: Vec<Value> = iterate(value)?.collect();
    let length = items.len() as i128;
    // Going down, "before the first" is a place of its own.
    let lowest = if stride < 0 { -1 } else { 0 };
    let highest = if stride < 0 { length - 1 } else { length };
    let place = |at: i128| (if at < 0 { at + length } else { at }).clamp(lowest, highest);
    let (first, last) = if stride < 0 { (highest, lowest) } else { (lowest, highest) };
    let (mut at, stop) = (start.map_or(first, place), stop.map_or(last, place));
    let mut taken = Vec::new();
    while (stride > 0 && at < stop) || (stride < 0 && at > stop) {
        taken.push(items[usize::try_from(at).unwrap_or_default()].clone());
        at += stride;
    }
    Ok(if is_text {
        taken.iter().filter_map(Value::as_str).collect::<String>().into()
    } else if value.is_tuple() {
        Tuple::from(taken).into()
    } else {
        taken.into()
    })
}

/// `value[key]` for a key that is known at run time.
fn item(value: &Value, key: &Value) -> Result<Value, Error> {
    match key.kind() {
        ValueKind::String | ValueKind::Undefined => {}
        ValueKind::Number if key.is_integer() => {}
        _ => return refuse(format!("{} is not supported as an index", kind(key))),
    }
    let found = match integer(key) {
        Some(at) if at < 0 && value.kind() == ValueKind::Seq => {
            let length = iterate(value)?.count() as i128;
            if at + length < 0 { Value::UNDEFINED } else { value.get_item(&Value::from(at + length))? }
        }
        _ => value.get_item(key)?,
    };
    if found.is_undefined() && key.as_str().is_some_and(methods::is_method) && is_native(value) {
        return refuse(format!("{} as an index is a method, which is no value here", text(key)?));
    }
    Ok(found)
}

/// A value whose attribute is asked for by the name of a method: Python would give that.
fn attribute(value: &Value, name: &str) -> Result<Value, Error> {
    if is_native(value) { refuse(format!("{name} is a method, which is no value here")) } else { Ok(value.clone()) }
}

/// Whether a value has Python's methods.
fn is_native(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => false,
        ValueKind::Map => python::is_map(value),
        ValueKind::Plain => value.downcast_object_ref::<Lazy>().is_some(),
        _ => true,
    }
}
