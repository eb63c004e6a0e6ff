//! Prompts out of Python objects.

use std::borrow::Cow;

use minisgl_tokenizer::{Message, PromptInput};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

type Text<'py> = Bound<'py, PyString>;
type Fields<'py> = Vec<(Text<'py>, Text<'py>)>;

/// The texts that a prompt is made of. Held, they stay what they are, whatever other threads do to the prompt.
pub enum Prompt<'py> {
    Text(Text<'py>),
    Messages(Vec<Fields<'py>>),
}

impl<'py> Prompt<'py> {
    /// The texts of a text or of a list of messages.
    pub fn of(value: Bound<'py, PyAny>) -> PyResult<Self> {
        let value = match value.cast_into::<PyString>() {
            Ok(text) => return Ok(Self::Text(text)),
            Err(error) => error.into_inner(),
        };
        let messages = value.try_iter().map_err(|_| {
            PyTypeError::new_err(format!("a prompt is a text or a list of messages, not {}", value.get_type()))
        })?;
        Ok(Self::Messages(messages.map(|each| message(&each?)).collect::<PyResult<_>>()?))
    }

    /// The same, borrowed.
    pub fn input(&self) -> PyResult<PromptInput<'_>> {
        Ok(match self {
            Self::Text(text) => PromptInput::Text(borrowed(text)?),
            Self::Messages(messages) => PromptInput::Messages(messages.iter().map(fields).collect::<PyResult<_>>()?),
        })
    }
}

fn borrowed<'a>(text: &'a Text<'_>) -> PyResult<Cow<'a, str>> {
    Ok(Cow::Borrowed(text.to_str()?))
}

fn fields<'a>(message: &'a Fields<'_>) -> PyResult<Message<'a>> {
    message.iter().map(|(name, content)| Ok((borrowed(name)?, borrowed(content)?))).collect()
}

fn message<'py>(value: &Bound<'py, PyAny>) -> PyResult<Fields<'py>> {
    let text = |value: Bound<'py, PyAny>| value.cast_into::<PyString>().map_err(PyErr::from);
    if let Ok(fields) = value.cast::<PyDict>() {
        return fields.iter().map(|(key, field)| Ok((text(key)?, text(field)?))).collect();
    }
    let fields = value.cast::<PyMapping>()?.items()?;
    fields.iter().map(|field| field.extract()).collect()
}
