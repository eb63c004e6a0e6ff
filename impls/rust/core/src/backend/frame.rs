//! The tokens before and after every text.

use std::collections::HashMap;

use serde::Deserialize;

use crate::folder::Definition;

/// What a post-processor adds to a text.
#[derive(Debug, Default, PartialEq)]
pub struct Frame {
    pub before: Vec<u32>,
    pub after: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum PostProcessor {
    TemplateProcessing {
        single: Vec<Part>,
        special_tokens: HashMap<String, SpecialToken>,
    },
    /// It changes offsets.
    ByteLevel {},
    Sequence {
        processors: Vec<PostProcessor>,
    },
}

#[derive(Deserialize)]
enum Part {
    Sequence {},
    SpecialToken { id: String },
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
}

impl Frame {
    /// The frame that a tokenizer.json asks for; `None` if it has more than one template, with one text.
    pub fn of(definition: &Definition) -> Option<Self> {
        let Some(given) = definition.post_processor.as_ref().filter(|given| !given.is_null()) else {
            return Some(Self::default());
        };
        let processors = match PostProcessor::deserialize(given).ok()? {
            PostProcessor::Sequence { processors } => processors,
            only => vec![only],
        };
        let mut own = None;
        for processor in processors {
            match processor {
                PostProcessor::ByteLevel {} => (),
                PostProcessor::TemplateProcessing { single, special_tokens } if own.is_none() => {
                    own = Some(Self::of_template(&single, &special_tokens)?);
                }
                _ => return None,
            }
        }
        Some(own.unwrap_or_default())
    }

    fn of_template(single: &[Part], special_tokens: &HashMap<String, SpecialToken>) -> Option<Self> {
        let text = single.iter().position(|part| matches!(part, Part::Sequence {}))?;
        let tokens = |parts: &[Part]| {
            let ids = parts.iter().map(|part| match part {
                Part::Sequence {} => None,
                Part::SpecialToken { id } => Some(special_tokens.get(id)?.ids.as_slice()),
            });
            ids.collect::<Option<Vec<_>>>().map(|ids| ids.concat())
        };
        Some(Self { before: tokens(&single[..text])?, after: tokens(&single[text + 1..])? })
    }
}
