//! A message as a template sees it.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};

use crate::request::Message;

/// With more fields than this a message is a map like others.
const FEW: usize = 16;
const REASONING_FIELDS: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// The fields of a message. They are few: looking through them takes less than hashing their names.
#[derive(Debug)]
pub struct Fields(Vec<(Value, Value)>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        self.get_value_by_str(name.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.0.iter().find(|(own, _)| own.as_str() == Some(name)).map(|(_, content)| content.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| name.clone()).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

/// A message, its reasoning under each of the names that templates read.
pub fn value(message: &Message<'_>) -> Value {
    let has = |name: &str| message.iter().any(|(own, _)| own == name);
    let find = |name: &&str| message.iter().find(|(own, _)| own == name);
    let reasoning = REASONING_FIELDS.iter().find_map(find).map(|(_, reasoning)| reasoning.as_ref());
    let first = reasoning.filter(|_| !has("thinking")).map(|reasoning| ("thinking", reasoning));
    let last = reasoning.filter(|_| !has("reasoning_content")).map(|reasoning| ("reasoning_content", reasoning));
    let own = message.iter().map(|(name, content)| (name.as_ref(), content.as_ref()));
    let pairs = first.into_iter().chain(own).chain(last);
    if message.len() > FEW {
        return Value::from_pairs(pairs);
    }
    let mut fields: Vec<(Value, Value)> = Vec::with_capacity(message.len() + 2);
    for (name, content) in pairs {
        // As in Python: the first one of a name has its place, the last one its content.
        match fields.iter_mut().find(|(own, _)| own.as_str() == Some(name)) {
            Some((_, own)) => *own = content.into(),
            None => fields.push((name.into(), content.into())),
        }
    }
    Value::from_object(Fields(fields))
}
