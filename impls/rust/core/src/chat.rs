//! Conversations rendered to text by a tokenizer's chat template, as transformers renders them.
//!
//! A template is a program from outside: it runs with a budget of steps, and reaches nothing but the conversation.

mod expression;
mod filters;
mod functions;
mod json;
mod message;
mod methods;
mod operators;
mod python;
mod reader;
mod tests;
mod tokens;
mod translate;

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State};

use crate::error::TokenizeError;
use crate::request::Message;

const NAME: &str = "chat_template";
/// Steps that a template may take: a conversation of 65,536 messages takes about 10 million.
const FUEL: u64 = 100_000_000;

/// A compiled chat template, with the special tokens that it may name.
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// What every conversation is rendered with.
    fixed: Value,
}

/// What a template reads: a conversation, and what is fixed.
#[derive(Debug)]
struct Context {
    messages: Value,
    fixed: Value,
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        self.get_value_by_str(name.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        if name == "messages" {
            return Some(self.messages.clone());
        }
        self.fixed.get_attr(name).ok().filter(|value| !value.is_undefined())
    }
}

impl ChatTemplate {
    /// Compile a template. The error says where it can't be read.
    pub fn new(source: &str, special_tokens: &[(String, String)]) -> Result<Self, String> {
        let mut environment = Environment::empty();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| describe(&error))?);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(print);
        environment.set_unknown_method_callback(methods::call_method);
        environment.set_fuel(Some(FUEL));
        functions::add_to(&mut environment);
        filters::add_to(&mut environment);
        tests::add_to(&mut environment);
        operators::add_to(&mut environment);
        environment.add_template_owned(NAME, translate::translate(source)?).map_err(|error| describe(&error))?;
        let fixed =
            [("tools", Value::from(())), ("documents", Value::from(())), ("add_generation_prompt", Value::from(true))];
        let special = special_tokens.iter().map(|(name, content)| (name.as_str(), Value::from(content)));
        Ok(Self { environment, fixed: Value::from_pairs(fixed.into_iter().chain(special)) })
    }

    /// Let it always be the time at some seconds since 1970, for templates that print the date.
    pub fn set_time(&mut self, seconds: i64) {
        functions::set_time(&mut self.environment, seconds);
    }

    /// The text of a conversation, with the prompt for the model's answer at the end.
    pub fn render(&self, messages: &[Message<'_>]) -> Result<String, TokenizeError> {
        if messages.is_empty() {
            return Err(TokenizeError::Render("it has no messages".into()));
        }
        let messages = messages.iter().map(message::value).collect();
        let context = Value::from_object(Context { messages, fixed: self.fixed.clone() });
        let rendered = self.environment.get_template(NAME).and_then(|template| template.render(context));
        rendered.map_err(|error| TokenizeError::Render(describe(&error)))
    }
}

/// Print a value as Python does.
fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    python::pay(state, value.as_str().map_or(0, str::len))?;
    match value.as_str() {
        Some(text) => out.write_str(text).map_err(Error::from),
        None => out.write_str(&python::text(value)?).map_err(Error::from),
    }
}

/// An error and its causes in one line.
fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(each) = cause {
        text.push_str(": ");
        text.push_str(&each.to_string());
        cause = each.source();
    }
    text
}
