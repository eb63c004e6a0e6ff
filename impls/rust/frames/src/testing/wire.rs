//! Requests written as frames, for tests.

use rmp::encode::{ByteBuf, write_array_len, write_bool, write_map_len, write_sint, write_str};

/// A value of a message.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string.
    Text(&'static str),
    /// An integer.
    Number(i64),
    /// A boolean.
    Flag(bool),
    /// What is encoded already.
    Raw(Vec<u8>),
}

/// An encoded map.
pub fn map(fields: &[(&str, Value)]) -> Vec<u8> {
    let mut out = ByteBuf::new();
    write_map_len(&mut out, fields.len() as u32).unwrap();
    for (name, value) in fields {
        write_str(&mut out, name).unwrap();
        match value {
            Value::Text(text) => write_str(&mut out, text).unwrap(),
            Value::Number(number) => drop(write_sint(&mut out, *number).unwrap()),
            Value::Flag(flag) => write_bool(&mut out, *flag).unwrap(),
            Value::Raw(bytes) => out.as_mut_vec().extend_from_slice(bytes),
        }
    }
    out.into_vec()
}

/// An encoded array.
pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = ByteBuf::new();
    write_array_len(&mut out, items.len() as u32).unwrap();
    out.as_mut_vec().extend(items.concat());
    out.into_vec()
}

/// Several messages in one frame.
pub fn batch(messages: &[Vec<u8>]) -> Vec<u8> {
    map(&[("__type__", Value::Text("BatchTokenizerMsg")), ("data", Value::Raw(array(messages)))])
}

/// One token of a stream.
pub fn token(uid: i64, token: i64, finished: bool) -> Vec<u8> {
    let fields =
        [("uid", Value::Number(uid)), ("next_token", Value::Number(token)), ("finished", Value::Flag(finished))];
    map(&[&[("__type__", Value::Text("DetokenizeMsg"))], &fields[..]].concat())
}

/// A stream to be forgotten.
pub fn abort(uid: i64) -> Vec<u8> {
    map(&[("__type__", Value::Text("AbortMsg")), ("uid", Value::Number(uid))])
}

/// A prompt to be encoded.
pub fn prompt(uid: i64, text: Value) -> Vec<u8> {
    let fields = [("uid", Value::Number(uid)), ("text", text), ("sampling_params", Value::Raw(map(&[])))];
    map(&[&[("__type__", Value::Text("TokenizeMsg"))], &fields[..]].concat())
}
