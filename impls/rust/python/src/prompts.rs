//! Prompts out of Python objects.

use std::borrow::Cow;

use minisgl_tokenizer::{Message, PromptInput};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

/// A text, borrowed from its object, or a conversation.
pub fn prompt<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<PromptInput<'a>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(PromptInput::Text(Cow::Borrowed(text.to_str()?)));
    }
    let messages = value.try_iter().map_err(|_| {
        PyTypeError::new_err(format!("a prompt is a text or a list of messages, not {}", value.get_type()))
    })?;
    Ok(PromptInput::Messages(messages.map(|each| message(&each?)).collect::<PyResult<_>>()?))
}

fn message(value: &Bound<'_, PyAny>) -> PyResult<Message> {
    if let Ok(fields) = value.cast::<PyDict>() {
        return fields.iter().map(|(key, field)| Ok((key.extract()?, field.extract()?))).collect();
    }
    let fields = value.cast::<PyMapping>()?.items()?;
    fields.iter().map(|field| field.extract()).collect()
}
