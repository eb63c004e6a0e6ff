//! Renders conversations, to be compared with another implementation of chat templates.
//!
//! A line of standard input is `{"template": …, "special_tokens": {…}, "conversations": [[{…}]], "time": …}`, and a line
//! of output a list with `{"text": …}` or `{"error": …}` for each conversation. The time is in seconds since 1970.

use std::io::{self, BufRead, Write};

use minisgl_tokenizer::{ChatTemplate, Message};
use serde_json::{Map, Value, json};

fn strings<'a, T: From<&'a str>>(map: &'a Map<String, Value>) -> Vec<(T, T)> {
    map.iter().map(|(key, value)| (key.as_str().into(), value.as_str().unwrap_or_default().into())).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let special = asked["special_tokens"].as_object().map(strings).unwrap_or_default();
        let mut template = ChatTemplate::new(asked["template"].as_str().unwrap_or_default(), &special);
        if let (Ok(template), Some(seconds)) = (&mut template, asked["time"].as_i64()) {
            template.set_time(seconds);
        }
        let answers: Vec<Value> = asked["conversations"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|conversation| {
                let messages: Vec<Message> =
                    conversation.as_array().into_iter().flatten().filter_map(Value::as_object).map(strings).collect();
                let rendered = match &template {
                    Ok(template) => template.render(&messages).map_err(|error| error.to_string()),
                    Err(error) => Err(error.clone()),
                };
                rendered.map_or_else(|error| json!({"error": error}), |text| json!({"text": text}))
            })
            .collect();
        writeln!(out, "{}", Value::from(answers))?;
    }
    Ok(())
}
