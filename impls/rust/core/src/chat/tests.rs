//! The tests of jinja2; those that are missing here are errors.

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, tests};

use super::filters::iterable;
use super::operators;
use super::python::{self, Lazy, kind, refuse};

type Result<T> = std::result::Result<T, Error>;

/// Tests that a template may name.
pub const TESTS: [&str; 33] = [
    "boolean",
    "callable",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "true",
    "undefined",
    "upper",
    "==",
    "!=",
    "<",
];

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", |value: &Value| value.is_undefined());
    environment.add_test("true", tests::is_true);
    environment.add_test("false", tests::is_false);
    environment.add_test("float", tests::is_float);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("sameas", tests::is_sameas);
    environment.add_test("string", tests::is_string);
    environment.add_test("py_unknown", |_: &Value, name: &str| unknown(name));
    environment.add_test("none", |value: &Value| value.is_none());
    environment.add_test("number", |value: &Value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool));
    environment.add_test("sequence", |value: &Value| match value.downcast_object_ref::<Lazy>() {
        Some(Lazy::Range(_)) => true,
        _ => iterable(value),
    });
    environment.add_test("mapping", python::is_map);
    environment.add_test("iterable", |value: &Value| {
        let is_lazy = value.downcast_object_ref::<Lazy>().is_some();
        is_lazy || iterable(value)
    });
    for (name, operator) in
        [("lt", "<"), ("lessthan", "<"), ("<", "<"), ("le", "<="), ("gt", ">"), ("greaterthan", ">"), ("ge", ">=")]
    {
        environment.add_test(name, move |value: &Value, other: &Value| operators::compare(value, operator, other));
    }
    for name in ["eq", "equalto", "=="] {
        environment.add_test(name, operators::equal);
    }
    for name in ["ne", "!="] {
        environment.add_test(name, |value: &Value, other: &Value| operators::equal(value, other).map(|equal| !equal));
    }
    environment.add_test("in", |value: &Value, within: &Value| operators::contains(within, value));
    environment.add_test("callable", |value: &Value| match value.kind() {
        ValueKind::Plain => refuse("whether an object can be called is not known here"),
        kind => Ok(kind == ValueKind::Undefined),
    });
    environment.add_test("odd", |value: &Value| whole(value).map(|value| value % 2 != 0));
    environment.add_test("even", |value: &Value| whole(value).map(|value| value % 2 == 0));
    environment.add_test("divisibleby", |value: &Value, by: &Value| match (whole(value)?, whole(by)?) {
        (_, 0) => refuse("division by zero"),
        (value, by) => Ok(value % by == 0),
    });
    environment.add_test("lower", |value: &Value| cased(value).map(|text| tests::is_lower(&text.into())));
    environment.add_test("upper", |value: &Value| cased(value).map(|text| tests::is_upper(&text.into())));
}

fn cased(value: &Value) -> Result<String> {
    match value.as_str() {
        Some(text) if text.is_ascii() => Ok(text.to_owned()),
        _ => refuse(format!("the case of {} is not supported", kind(value))),
    }
}

fn whole(value: &Value) -> Result<i128> {
    operators::integer(value).map_or_else(|| refuse(format!("{} is no integer", kind(value))), Ok)
}

fn unknown(name: &str) -> Result<bool> {
    refuse(format!("the test {name:?} is not known"))
}
