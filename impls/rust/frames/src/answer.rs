//! What the service answers to the requests it holds: frames for the front end and for the back end.

use std::collections::HashSet;

use minisgl_tokenizer::{
    Chunks, DetokenizeManager, TokenizeError, TokenizeManager, TokenizeOutput, TokenizeRequest, caught,
};
use rmp::encode::ByteBuf;

use crate::wire::{Backend, Frontend, Problem, Request, encode_backend, encode_errors, encode_frontend};

/// Where a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Text and errors.
    Frontend,
    /// Ids and aborts.
    Backend,
}

impl End {
    /// What it is called in a log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frontend => "front end",
            Self::Backend => "back end",
        }
    }
}

/// The tokenizer, and what is used again from one answer to the next.
pub struct Answerer {
    tokenizer: TokenizeManager,
    streams: DetokenizeManager,
    error_replies: bool,
    chunks: Chunks,
    fed: Vec<(u64, bool)>,
    frame: ByteBuf,
}

/// Requests that go to the back end together: prompts before aborts.
#[derive(Default)]
struct Group<'a> {
    prompts: Vec<TokenizeRequest<'a>>,
    sampling_params: Vec<&'a [u8]>,
    aborts: Vec<u64>,
    aborted: HashSet<u64>,
}

impl Answerer {
    /// Answer with this tokenizer; with `error_replies`, problems go to the front end as well.
    pub fn new(tokenizer: TokenizeManager, streams: DetokenizeManager, error_replies: bool) -> Self {
        Self { tokenizer, streams, error_replies, chunks: Chunks::default(), fed: Vec::new(), frame: ByteBuf::new() }
    }

    /// Answer requests held together, in the order in which they came: text in one frame, then ids and aborts.
    /// `problems` has what was wrong with the frames, and gets what is wrong with the prompts.
    pub fn answer(
        &mut self,
        requests: Vec<Request<'_>>,
        problems: &mut Vec<Problem>,
        mut send: impl FnMut(End, &[u8]),
    ) {
        self.chunks.clear();
        self.fed.clear();
        let (mut groups, mut group) = (Vec::new(), Group::default());
        for request in requests {
            match request {
                Request::Detokenize(token) => {
                    match caught(|| self.streams.feed([token], &mut self.chunks)) {
                        Ok(()) => self.fed.push((token.uid, token.finished)),
                        Err(panic) => {
                            // Half of it may have been done.
                            self.chunks.truncate(self.fed.len());
                            self.streams.abort(token.uid);
                            problems.push(Problem::new("internal", panic, Some(token.uid)));
                        }
                    }
                }
                // Aborts are sent last, but change their stream now: a later token begins a new one.
                Request::Abort { uid } => {
                    self.streams.abort(uid);
                    group.aborts.push(uid);
                    group.aborted.insert(uid);
                }
                Request::Tokenize { uid, prompt, sampling_params } => {
                    // With the abort sent last, the back end would drop the new request instead of the old one.
                    if group.aborted.contains(&uid) {
                        groups.push(std::mem::take(&mut group));
                    }
                    group.prompts.push(TokenizeRequest { uid, prompt });
                    group.sampling_params.push(sampling_params);
                }
            }
        }
        groups.push(group);
        if !self.fed.is_empty() {
            let replies = self.fed.iter().zip(self.chunks.iter()).map(|((uid, finished), chunk)| Frontend {
                uid: *uid,
                text: self.streams.text(chunk),
                finished: *finished,
            });
            self.frame.as_mut_vec().clear();
            encode_frontend(replies, &mut self.frame);
            send(End::Frontend, self.frame.as_slice());
        }
        for group in groups {
            self.answer_group(&group, problems, &mut send);
        }
        if self.error_replies && !problems.is_empty() {
            self.frame.as_mut_vec().clear();
            encode_errors(problems, &mut self.frame);
            send(End::Frontend, self.frame.as_slice());
        }
    }

    fn answer_group(&mut self, group: &Group<'_>, problems: &mut Vec<Problem>, send: &mut impl FnMut(End, &[u8])) {
        let mut encoded: Vec<(TokenizeOutput, &[u8])> = Vec::with_capacity(group.prompts.len());
        let answers = if group.prompts.is_empty() { Vec::new() } else { self.encode(&group.prompts) };
        for ((answer, request), sampling_params) in answers.into_iter().zip(&group.prompts).zip(&group.sampling_params)
        {
            match answer {
                Ok(output) => encoded.push((output, sampling_params)),
                Err((code, why)) => problems.push(Problem::new(code, why, Some(request.uid))),
            }
        }
        if !encoded.is_empty() {
            let messages = encoded.iter().map(|(output, sampling_params)| Backend::Ids {
                uid: output.uid,
                ids: &output.ids,
                sampling_params,
            });
            self.frame.as_mut_vec().clear();
            encode_backend(messages, &mut self.frame);
            send(End::Backend, self.frame.as_slice());
        }
        if !group.aborts.is_empty() {
            self.frame.as_mut_vec().clear();
            encode_backend(group.aborts.iter().map(|uid| Backend::Abort { uid: *uid }), &mut self.frame);
            send(End::Backend, self.frame.as_slice());
        }
    }

    /// Encode prompts: ids, or a code and what is wrong. A panic costs the prompt that it was about.
    fn encode(&self, prompts: &[TokenizeRequest<'_>]) -> Vec<Result<TokenizeOutput, (&'static str, String)>> {
        let not_encoded = |error: TokenizeError| ("not-encoded", error.to_string());
        match caught(|| self.tokenizer.tokenize(prompts)) {
            Ok(answers) => answers.into_iter().map(|answer| answer.map_err(not_encoded)).collect(),
            Err(panic) if prompts.len() == 1 => vec![Err(("internal", panic))],
            Err(_) => prompts.chunks(1).flat_map(|prompt| self.encode(prompt)).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
