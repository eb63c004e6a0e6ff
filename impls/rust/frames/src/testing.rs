//! A tokenizer for tests, which panics where it is told to.

#![allow(clippy::missing_panics_doc, reason = "a test that can't be set up has failed")]

use std::fs;
use std::sync::Arc;

use minisgl_tokenizer::{DetokenizeManager, TokenizeError, TokenizeManager, TokenizerBackend, TokenizerFolder};

use crate::answer::Answerer;

pub mod wire;

/// The token and the text that make the tokenizer panic.
pub const PANICS: i64 = 36;

/// A text is its bytes, and so are ids.
struct Bytes;

impl TokenizerBackend for Bytes {
    fn encode_batch(&self, texts: &[&str]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        let encode = |text: &str| match text {
            "$" => panic!("a dollar\nas a text"),
            "!" => Err(TokenizeError::Encode("no\u{202e}".into())),
            _ => Ok(text.bytes().map(u32::from).collect()),
        };
        texts.iter().map(|text| encode(text)).collect()
    }

    fn decode(&self, ids: &[u32]) -> String {
        assert!(!ids.contains(&(PANICS as u32)), "a dollar as a token");
        ids.iter().filter_map(|id| char::from_u32(*id)).collect()
    }
}

/// Answers with that tokenizer; its end of a stream is the token 0.
pub fn answerer(error_replies: bool) -> Answerer {
    let folder = tempfile::tempdir().unwrap();
    let vocab: Vec<String> = (0..128).map(|id| format!(r#""t{id}": {id}"#)).collect();
    let tokenizer = format!(r#"{{"decoder": {{"type": "Fuse"}}, "model": {{"vocab": {{{}}}}}}}"#, vocab.join(", "));
    fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
    fs::write(folder.path().join("tokenizer_config.json"), r#"{"eos_token": "t0"}"#).unwrap();
    let backend = Arc::new(Bytes);
    let streams = DetokenizeManager::new(&TokenizerFolder::open(folder.path()).unwrap(), backend.clone()).unwrap();
    Answerer::new(TokenizeManager::new(backend, None), streams, error_replies)
}
