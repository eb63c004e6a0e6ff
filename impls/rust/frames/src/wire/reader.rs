//! Requests out of a frame: what is well-formed is taken, the rest is named.

use std::borrow::Cow;

use minisgl_tokenizer::{DetokenizeRequest, Message, PromptInput};
use rmp::decode::{read_bool, read_int};

use super::value::{Wrong, are_texts, array, boolean, map, split, text, unsigned};
use crate::visible::visible;

/// The most messages in a frame, and the most in a conversation. Checked before anything of that length is made.
const MOST_MESSAGES: u32 = 65_536;
/// The most fields of a message in a conversation, which are looked through for each other.
const MOST_FIELDS: u32 = 64;
const LAST_UID: u64 = i64::MAX as u64;

/// A request, which borrows its texts from the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// A prompt to be encoded; the sampling parameters go back as they came.
    Tokenize {
        /// The stream.
        uid: u64,
        /// A text or a conversation.
        prompt: PromptInput<'a>,
        /// An encoded map.
        sampling_params: &'a [u8],
    },
    /// One token of a stream.
    Detokenize(DetokenizeRequest),
    /// A stream to be forgotten.
    Abort {
        /// The stream.
        uid: u64,
    },
}

/// What is wrong with a frame, or with one message in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `long-frame` or `bad-frame` for a whole frame, `bad-message`, `long-prompt`, `not-encoded` or `internal` for
    /// one message.
    pub code: &'static str,
    /// What, in a line that is short and shows what can't be seen.
    pub message: String,
    /// Whose message it is, if that can be told.
    pub uid: Option<u64>,
}

impl Problem {
    /// A problem; `message` may quote what came from outside.
    pub fn new(code: &'static str, message: impl AsRef<str>, uid: Option<u64>) -> Self {
        Self { code, message: visible(message.as_ref()), uid }
    }
}

/// The most that is taken.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a frame.
    pub frame: usize,
    /// Characters of a prompt, with its roles and other fields.
    pub prompt: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frame: 16 << 20, prompt: 4_000_000 }
    }
}

/// Read a frame: its good requests and the problems with the others, each in the frame's order.
pub fn read<'a>(frame: &'a [u8], limits: Limits, requests: &mut Vec<Request<'a>>, problems: &mut Vec<Problem>) {
    if frame.len() > limits.frame {
        let message = format!("frame of {} bytes, the limit is {}", frame.len(), limits.frame);
        return problems.push(Problem::new("long-frame", message, None));
    }
    if usual_batch(frame, requests) == Some(true) {
        return;
    }
    match Fields::read(frame) {
        Err(wrong) => problems.push(Problem::new("bad-frame", wrong, None)),
        Ok(fields) if fields.class == Some("BatchTokenizerMsg") => match fields.items() {
            Err(wrong) => problems.push(Problem::new("bad-frame", wrong, None)),
            Ok((count, items)) => take_all(count, items, limits, requests, problems),
        },
        Ok(fields) => {
            let before = problems.len();
            take(Ok(fields), limits, requests, problems);
            for problem in &mut problems[before..] {
                if problem.uid.is_none() {
                    problem.code = "bad-frame";
                }
            }
        }
    }
}

/// Take the messages of a batch, whose structure has been checked.
fn take_all<'a>(
    count: u32,
    mut items: &'a [u8],
    limits: Limits,
    requests: &mut Vec<Request<'a>>,
    problems: &mut Vec<Problem>,
) {
    for _ in 0..count {
        if let Some((token, rest)) = usual_token(items) {
            requests.push(Request::Detokenize(token));
            items = rest;
        } else if let Ok((item, rest)) = split(items) {
            take(Fields::read(item), limits, requests, problems);
            items = rest;
        }
    }
}

/// A batch of nothing but usual tokens: its structure need not be looked through before it is read.
fn usual_batch(frame: &[u8], requests: &mut Vec<Request<'_>>) -> Option<bool> {
    let (count, mut rest) = array(frame.strip_prefix(b"\x82\xa8__type__\xb1BatchTokenizerMsg\xa4data")?)?;
    let before = requests.len();
    while let Some((token, after)) = usual_token(rest) {
        requests.push(Request::Detokenize(token));
        rest = after;
    }
    let all = rest.is_empty() && requests.len() - before == count as usize && count <= MOST_MESSAGES;
    if !all {
        requests.truncate(before);
    }
    Some(all)
}

/// A token whose fields have their usual order, and what follows it: nearly all messages are such.
fn usual_token(bytes: &[u8]) -> Option<(DetokenizeRequest, &[u8])> {
    let mut rest = bytes.strip_prefix(b"\x84\xa8__type__\xadDetokenizeMsg\xa3uid")?;
    let uid = read_int(&mut rest).ok().filter(|uid| *uid <= LAST_UID)?;
    rest = rest.strip_prefix(b"\xaanext_token")?;
    let token = read_int(&mut rest).ok()?;
    rest = rest.strip_prefix(b"\xa8finished")?;
    let finished = read_bool(&mut rest).ok()?;
    Some((DetokenizeRequest { uid, token, finished }, rest))
}

fn take<'a>(
    fields: Result<Fields<'a>, Wrong>,
    limits: Limits,
    requests: &mut Vec<Request<'a>>,
    problems: &mut Vec<Problem>,
) {
    let uid = fields.as_ref().ok().and_then(|fields| fields.uid().ok());
    match fields.and_then(|fields| fields.request()) {
        Err(wrong) => problems.push(Problem::new("bad-message", wrong, uid)),
        Ok(request) => match length(&request) {
            Some(characters) if characters > limits.prompt => {
                let message = format!("prompt of {characters} characters, the limit is {}", limits.prompt);
                problems.push(Problem::new("long-prompt", message, uid));
            }
            _ => requests.push(request),
        },
    }
}

/// The characters of a prompt.
fn length(request: &Request<'_>) -> Option<usize> {
    let Request::Tokenize { prompt, .. } = request else { return None };
    let count = |text: &str| text.chars().count();
    Some(match prompt {
        PromptInput::Text(text) => count(text),
        PromptInput::Messages(messages) => {
            messages.iter().flatten().map(|(name, content)| count(name) + count(content)).sum()
        }
    })
}

/// The values of a map under the names that the wire knows; the last one of a name counts.
#[derive(Default)]
struct Fields<'a> {
    class: Option<&'a str>,
    uid: Option<&'a [u8]>,
    text: Option<&'a [u8]>,
    sampling_params: Option<&'a [u8]>,
    next_token: Option<&'a [u8]>,
    finished: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// The fields of a map that the bytes are, with nothing after it.
    fn read(bytes: &'a [u8]) -> Result<Self, Wrong> {
        let (pairs, mut rest) = map(bytes).ok_or("expected a map")?;
        let mut fields = Self::default();
        for _ in 0..pairs {
            let (key, after) = split(rest)?;
            let (value, after) = split(after)?;
            rest = after;
            let slot = match text(key).ok_or("expected texts as keys")? {
                "__type__" => {
                    fields.class = Some(text(value).ok_or("expected a text as `__type__`")?);
                    continue;
                }
                "uid" => &mut fields.uid,
                "text" => &mut fields.text,
                "sampling_params" => &mut fields.sampling_params,
                "next_token" => &mut fields.next_token,
                "finished" => &mut fields.finished,
                "data" => &mut fields.data,
                _ => continue,
            };
            *slot = Some(value);
        }
        if rest.is_empty() { Ok(fields) } else { Err(format!("{} bytes follow the value", rest.len())) }
    }

    /// How many messages a batch has, and their bytes.
    fn items(&self) -> Result<(u32, &'a [u8]), Wrong> {
        let (count, items) = self.data.and_then(array).ok_or("expected an array as `data`")?;
        if count > MOST_MESSAGES {
            return Err(format!("{count} messages, the limit is {MOST_MESSAGES}"));
        }
        Ok((count, items))
    }

    fn request(&self) -> Result<Request<'a>, Wrong> {
        match self.class {
            Some("DetokenizeMsg") => Ok(Request::Detokenize(DetokenizeRequest {
                uid: self.uid()?,
                token: self
                    .next_token
                    .and_then(unsigned)
                    .and_then(|token| u32::try_from(token).ok())
                    .ok_or("expected an integer from 0 to 2^32 - 1 as `next_token`")?,
                finished: self.finished.and_then(boolean).ok_or("expected a boolean as `finished`")?,
            })),
            Some("AbortMsg") => Ok(Request::Abort { uid: self.uid()? }),
            Some("TokenizeMsg") => Ok(Request::Tokenize {
                uid: self.uid()?,
                prompt: prompt(self.text.ok_or("`text` is missing")?)?,
                sampling_params: self
                    .sampling_params
                    .filter(|bytes| map(bytes).is_some() && are_texts(bytes))
                    .ok_or("expected a map as `sampling_params`, its texts in UTF-8")?,
            }),
            Some(other) => Err(format!("there is no request '{other}'")),
            None => Err("`__type__` is missing".into()),
        }
    }

    fn uid(&self) -> Result<u64, Wrong> {
        let uid = self.uid.and_then(unsigned).filter(|uid| *uid <= LAST_UID);
        uid.ok_or_else(|| "expected an integer from 0 to 2^63 - 1 as `uid`".into())
    }
}

fn prompt(bytes: &[u8]) -> Result<PromptInput<'_>, Wrong> {
    if let Some(text) = text(bytes) {
        return Ok(PromptInput::Text(Cow::Borrowed(text)));
    }
    let (count, mut rest) = array(bytes).ok_or("expected a text or an array as `text`")?;
    if count > MOST_MESSAGES {
        return Err(format!("{count} messages in a conversation, the limit is {MOST_MESSAGES}"));
    }
    let mut messages = Vec::new();
    for _ in 0..count {
        let (item, after) = split(rest)?;
        rest = after;
        messages.push(message(item)?);
    }
    Ok(PromptInput::Messages(messages))
}

fn message(bytes: &[u8]) -> Result<Message<'_>, Wrong> {
    let (pairs, mut rest) = map(bytes).ok_or("expected maps in `text`")?;
    if pairs > MOST_FIELDS {
        return Err(format!("{pairs} fields in a message, the limit is {MOST_FIELDS}"));
    }
    let mut message = Message::new();
    for _ in 0..pairs {
        let (key, after) = split(rest)?;
        let (content, after) = split(after)?;
        rest = after;
        let (key, content) = text(key).zip(text(content)).ok_or("expected texts in `text`")?;
        // As in Python: the first one of a name has its place, the last one its content.
        match message.iter_mut().find(|(name, _)| name == key) {
            Some((_, own)) => *own = content.into(),
            None => message.push((key.into(), content.into())),
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests;
