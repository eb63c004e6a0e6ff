//! Detokenize requests out of Python objects and buffers, checked.

use std::fmt::Display;

use minisgl_tokenizer::DetokenizeRequest;
use pyo3::buffer::{Element, ElementType, PyUntypedBuffer};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

/// The requests of a batch of objects with `uid`, `next_token` and `finished`, added to `rows`.
pub fn read_objects(requests: &Bound<'_, PyAny>, rows: &mut Vec<DetokenizeRequest>) -> PyResult<()> {
    let py = requests.py();
    let (uid_name, token_name, finished_name) =
        (intern!(py, "uid"), intern!(py, "next_token"), intern!(py, "finished"));
    rows.reserve(requests.len()?);
    for request in requests.try_iter()? {
        let request = request?;
        let uid = uid(&request.getattr(uid_name)?)?;
        let token = request.getattr(token_name)?;
        let Ok(token) = token.extract() else { return Err(bad_token(uid, &token)) };
        let finished = request.getattr(finished_name)?.is_truthy()?;
        rows.push(DetokenizeRequest { uid, token, finished });
    }
    Ok(())
}

/// The requests of a batch in three columns, added to `rows`.
pub fn read_buffers(
    uids: &Bound<'_, PyAny>,
    tokens: &Bound<'_, PyAny>,
    finished: &Bound<'_, PyAny>,
    rows: &mut Vec<DetokenizeRequest>,
) -> PyResult<()> {
    let columns = [PyUntypedBuffer::get(uids)?, PyUntypedBuffer::get(tokens)?, bytes_of(finished)?];
    let lengths = columns.each_ref().map(PyUntypedBuffer::item_count);
    if lengths != [lengths[0]; 3] {
        let lengths = format!("{}, {} and {}", lengths[0], lengths[1], lengths[2]);
        return Err(PyValueError::new_err(format!("the columns are not of the same length: {lengths}")));
    }
    let py = uids.py();
    let [uids, tokens, finished] = &columns;
    rows.reserve(lengths[0]);
    let start = rows.len();
    read_uids(py, uids, |uid| rows.push(DetokenizeRequest { uid, token: 0, finished: false }))?;
    let mut fed = rows[start..].iter_mut();
    read_tokens(py, tokens, |token| fed.next().into_iter().for_each(|row| row.token = token))?;
    let mut fed = rows[start..].iter_mut();
    each::<u8>(py, finished, |byte| {
        fed.next().into_iter().for_each(|row| row.finished = byte != 0);
        Ok(())
    })
}

/// A uid from 0 to 2^64 - 1.
pub fn uid(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(|_| PyValueError::new_err(format!("{value:?} is not a uid: those are from 0 to 2**64 - 1")))
}

fn bad_token(uid: u64, value: &Bound<'_, PyAny>) -> PyErr {
    PyValueError::new_err(format!("uid {uid}: {value:?} is not a token id; ids are from 0 to 2**32 - 1"))
}

fn read_uids(py: Python<'_>, column: &PyUntypedBuffer, mut take: impl FnMut(u64)) -> PyResult<()> {
    match ElementType::from_format(column.format()) {
        ElementType::UnsignedInteger { bytes: 8 } => each::<u64>(py, column, |uid| {
            take(uid);
            Ok(())
        }),
        ElementType::SignedInteger { bytes: 8 } => each::<i64>(py, column, |uid| {
            take(u64::try_from(uid).map_err(|_| PyValueError::new_err(format!("{uid} is not a uid")))?);
            Ok(())
        }),
        _ => Err(wrong_type("uids", "64-bit integers")),
    }
}

fn read_tokens(py: Python<'_>, column: &PyUntypedBuffer, take: impl FnMut(u32)) -> PyResult<()> {
    match ElementType::from_format(column.format()) {
        ElementType::UnsignedInteger { bytes: 4 } => each_checked::<u32>(py, column, take),
        ElementType::SignedInteger { bytes: 4 } => each_checked::<i32>(py, column, take),
        ElementType::UnsignedInteger { bytes: 8 } => each_checked::<u64>(py, column, take),
        ElementType::SignedInteger { bytes: 8 } => each_checked::<i64>(py, column, take),
        _ => Err(wrong_type("tokens", "32-bit or 64-bit integers")),
    }
}

fn each_checked<T: Element + Display + TryInto<u32>>(
    py: Python<'_>,
    column: &PyUntypedBuffer,
    mut take: impl FnMut(u32),
) -> PyResult<()> {
    each::<T>(py, column, |token| {
        take(
            token.try_into().map_err(|_| {
                PyValueError::new_err(format!("{token} is not a token id; ids are from 0 to 2**32 - 1"))
            })?,
        );
        Ok(())
    })
}

/// The items of a column, in order.
fn each<T: Element>(py: Python<'_>, column: &PyUntypedBuffer, take: impl FnMut(T) -> PyResult<()>) -> PyResult<()> {
    column.as_typed::<T>()?.to_vec(py)?.into_iter().try_for_each(take)
}

/// The column `finished` as bytes: booleans have a format of their own, and one byte each.
fn bytes_of(finished: &Bound<'_, PyAny>) -> PyResult<PyUntypedBuffer> {
    let buffer = PyUntypedBuffer::get(finished)?;
    if buffer.item_size() != 1 {
        return Err(wrong_type("finished", "booleans or bytes"));
    }
    if matches!(ElementType::from_format(buffer.format()), ElementType::UnsignedInteger { .. }) {
        return Ok(buffer);
    }
    let py = finished.py();
    PyUntypedBuffer::get(&PyMemoryView::from(finished)?.call_method1(intern!(py, "cast"), (intern!(py, "B"),))?)
}

fn wrong_type(column: &str, wanted: &str) -> PyErr {
    PyTypeError::new_err(format!("the column {column} must be a buffer of {wanted}"))
}
