//! Conversations rendered to text by a tokenizer's chat template, as transformers renders them.
//!
//! A template is a program from outside: it runs with a budget of steps, and reaches nothing but the conversation.

mod filters;
mod python;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};

use crate::error::TokenizeError;
use crate::request::Message;

const NAME: &str = "chat_template";
const REASONING_FIELDS: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];
/// Steps that a template may take: a conversation of 65,536 messages takes about 10 million.
const FUEL: u64 = 200_000_000;

/// A compiled chat template, with the special tokens that it may name.
pub struct ChatTemplate {
    environment: Environment<'static>,
    special_tokens: Vec<(String, Value)>,
}

impl ChatTemplate {
    /// Compile a template. The error says where it can't be read.
    pub fn new(source: &str, special_tokens: &[(String, String)]) -> Result<Self, String> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| describe(&error))?);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(print);
        environment.set_unknown_method_callback(python::call_method);
        environment.set_fuel(Some(FUEL));
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        filters::add_to(&mut environment);
        environment.add_template_owned(NAME, without_generation_tags(source)).map_err(|error| describe(&error))?;
        let special_tokens =
            special_tokens.iter().map(|(name, content)| (name.clone(), Value::from(content))).collect();
        Ok(Self { environment, special_tokens })
    }

    /// The text of a conversation, with the prompt for the model's answer at the end.
    pub fn render(&self, messages: &[Message]) -> Result<String, TokenizeError> {
        if messages.is_empty() {
            return Err(TokenizeError::Render("it has no messages".into()));
        }
        let fixed = [
            ("messages", messages.iter().map(with_reasoning).collect()),
            ("tools", Value::from_object(python::Absent)),
            ("documents", Value::from_object(python::Absent)),
            ("add_generation_prompt", Value::from(true)),
        ];
        let special = self.special_tokens.iter().map(|(name, content)| (name.as_str(), content.clone()));
        let context = Value::from_pairs(fixed.into_iter().chain(special));
        let rendered = self.environment.get_template(NAME).and_then(|template| template.render(context));
        rendered.map_err(|error| TokenizeError::Render(describe(&error)))
    }
}

/// A message, its reasoning under each of the names that templates read.
fn with_reasoning(message: &Message) -> Value {
    let pairs = message.iter().map(|(name, content)| (name.as_str(), content.as_str()));
    let find = |name: &&str| message.iter().find(|(own, _)| own == name);
    let Some((_, reasoning)) = REASONING_FIELDS.iter().find_map(find) else {
        return Value::from_pairs(pairs);
    };
    let has = |name: &str| message.iter().any(|(own, _)| own == name);
    let first = (!has("thinking")).then_some(("thinking", reasoning.as_str()));
    let last = (!has("reasoning_content")).then_some(("reasoning_content", reasoning.as_str()));
    Value::from_pairs(first.into_iter().chain(pairs).chain(last))
}

/// The tag `generation` marks the model's own words for training, and has a scope: it becomes an empty `with`.
fn without_generation_tags(source: &str) -> String {
    let mut rest = source;
    let mut text = String::with_capacity(source.len());
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        text.push_str(before);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        let (tag, after) = tag.split_at(end);
        let word = tag.trim_start_matches(['{', '%', '-', '+']).trim_end_matches(['}', '%', '-', '+']).trim();
        match word {
            "generation" => text.push_str(&tag.replacen("generation", "with", 1)),
            "endgeneration" => text.push_str(&tag.replacen("endgeneration", "endwith", 1)),
            _ => text.push_str(tag),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Print a value as Python does.
fn print(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(()),
        _ => out.write_str(&python::text(value)).map_err(Error::from),
    }
}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime_now(format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, &jiff::Zoned::now())
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
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
