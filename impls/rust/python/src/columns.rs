//! Detokenize requests out of Python objects and buffers, checked.

use minisgl_tokenizer::DetokenizeRequest;
use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;

/// The requests of a batch of objects with `uid`, `next_token` and `finished`.
pub fn from_objects(requests: &Bound<'_, PyAny>) -> PyResult<Vec<DetokenizeRequest>> {
    let py = requests.py();
    let (uid_name, token_name, finished_name) =
        (intern!(py, "uid"), intern!(py, "next_token"), intern!(py, "finished"));
    let mut made = Vec::with_capacity(requests.len()?);
    for request in requests.try_iter()? {
        let request = request?;
        let uid = uid(&request.getattr(uid_name)?)?;
        let token = request.getattr(token_name)?;
        let Ok(token) = token.extract() else { return Err(bad_token(uid, &token)) };
        let finished = request.getattr(finished_name)?.is_truthy()?;
        made.push(DetokenizeRequest { uid, token, finished });
    }
    Ok(made)
}

/// The requests of a batch in three columns.
pub fn from_buffers(
    uids: &Bound<'_, PyAny>,
    tokens: &Bound<'_, PyAny>,
    finished: &Bound<'_, PyAny>,
) -> PyResult<Vec<DetokenizeRequest>> {
    let (uids, tokens, finished) = (uid_column(uids)?, token_column(tokens)?, finished_column(finished)?);
    if uids.len() != tokens.len() || uids.len() != finished.len() {
        let lengths = format!("{}, {} and {}", uids.len(), tokens.len(), finished.len());
        return Err(PyValueError::new_err(format!("the columns are not of the same length: {lengths}")));
    }
    let rows = uids.into_iter().zip(tokens).zip(finished);
    Ok(rows.map(|((uid, token), finished)| DetokenizeRequest { uid, token, finished }).collect())
}

/// A uid from 0 to 2^64 - 1.
pub fn uid(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(|_| PyValueError::new_err(format!("{value:?} is not a uid: those are from 0 to 2**64 - 1")))
}

fn bad_token(uid: u64, value: &Bound<'_, PyAny>) -> PyErr {
    PyValueError::new_err(format!("uid {uid}: {value:?} is not a token id; ids are from 0 to 2**32 - 1"))
}

fn uid_column(values: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    if let Some(uids) = column::<u64>(values)? {
        return Ok(uids);
    }
    let uids = column::<i64>(values)?.ok_or_else(|| wrong_type("uids", "64-bit integers"))?;
    uids.into_iter()
        .map(|uid| u64::try_from(uid).map_err(|_| PyValueError::new_err(format!("{uid} is not a uid"))))
        .collect()
}

fn token_column(values: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    if let Some(tokens) = column::<u32>(values)? {
        return Ok(tokens);
    }
    if let Some(tokens) = column::<i32>(values)? {
        return checked(tokens);
    }
    if let Some(tokens) = column::<u64>(values)? {
        return checked(tokens);
    }
    checked(column::<i64>(values)?.ok_or_else(|| wrong_type("tokens", "32-bit or 64-bit integers"))?)
}

fn checked<T: Copy + std::fmt::Display + TryInto<u32>>(tokens: Vec<T>) -> PyResult<Vec<u32>> {
    tokens
        .into_iter()
        .map(|token| {
            token
                .try_into()
                .map_err(|_| PyValueError::new_err(format!("{token} is not a token id; ids are from 0 to 2**32 - 1")))
        })
        .collect()
}

fn finished_column(values: &Bound<'_, PyAny>) -> PyResult<Vec<bool>> {
    if let Some(bytes) = column::<u8>(values)? {
        return Ok(as_booleans(bytes));
    }
    // Booleans have a format of their own, and one byte each.
    let view = values.py().import("builtins")?.getattr("memoryview")?.call1((values,))?;
    let size: usize = view.getattr("itemsize")?.extract()?;
    let bytes = if size == 1 { column::<u8>(&view.call_method1("cast", ("B",))?)? } else { None };
    bytes.map(as_booleans).ok_or_else(|| wrong_type("finished", "booleans or bytes"))
}

fn as_booleans(bytes: Vec<u8>) -> Vec<bool> {
    bytes.into_iter().map(|byte| byte != 0).collect()
}

/// A buffer's items, if they are of this type.
fn column<T: Element>(values: &Bound<'_, PyAny>) -> PyResult<Option<Vec<T>>> {
    match PyBuffer::<T>::get(values) {
        Ok(buffer) => buffer.to_vec(values.py()).map(Some),
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyBufferError>(values.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

fn wrong_type(column: &str, wanted: &str) -> PyErr {
    PyTypeError::new_err(format!("the column {column} must be a buffer of {wanted}"))
}
