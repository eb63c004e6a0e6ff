//! The answers that the Python oracle recorded in goldens/, asked of this library.

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minisgl_tokenizer::backend::{HuggingFace, TokenizerBackend, best};
use minisgl_tokenizer::{
    ChatTemplate, Chunks, DetokenizeManager, DetokenizeRequest, Message, PromptInput, TokenizeManager, TokenizeRequest,
    TokenizerFolder, load,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row, RowAccessor};
use support::{Pinned, pinned};

const ABORT: i8 = 2;
fn rows(path: &Path) -> impl Iterator<Item = Row> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    assert!(reader.num_row_groups() > 0);
    reader.into_iter().map(Result::unwrap)
}

fn files(tokenizer: &Pinned, suffix: &str, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../goldens").join(&tokenizer.name);
    let mut found: Vec<PathBuf> = fs::read_dir(goldens)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.strip_suffix(suffix).is_some_and(&wanted)
        })
        .collect();
    found.sort();
    found
}

/// One batch of a golden, and what the oracle answered.
#[derive(Default)]
struct Batch {
    key: (String, i32),
    requests: Vec<DetokenizeRequest>,
    chunks: Vec<String>,
}

impl Batch {
    fn check(&mut self, streams: &mut DetokenizeManager, chunks: &mut Chunks, path: &Path) {
        chunks.clear();
        streams.feed(self.requests.iter().copied(), chunks);
        assert_eq!(chunks.len(), self.requests.len(), "{} {:?}", path.display(), self.key);
        for ((request, expected), chunk) in self.requests.iter().zip(&self.chunks).zip(chunks.iter()) {
            assert_eq!(streams.text(chunk), expected, "{} {:?} {request:?}", path.display(), self.key);
        }
        self.requests.clear();
        self.chunks.clear();
    }
}

/// Replay a file batch by batch; gives the number of messages.
fn replay(streams: &mut DetokenizeManager, path: &Path) -> usize {
    let (mut messages, mut batch, mut chunks) = (0, Batch::default(), Chunks::default());
    for row in rows(path) {
        let key = (row.get_string(0).unwrap().clone(), row.get_int(1).unwrap());
        if key != batch.key {
            batch.check(streams, &mut chunks, path);
            batch.key = key;
        }
        let uid = u64::try_from(row.get_long(2).unwrap()).unwrap();
        let event = row.get_byte(4).unwrap();
        messages += 1;
        if event == ABORT {
            streams.abort(uid);
            continue;
        }
        let token = u32::try_from(row.get_long(3).unwrap()).unwrap();
        batch.requests.push(DetokenizeRequest { uid, token, finished: event == 1 });
        batch.chunks.push(row.get_string(5).unwrap().clone());
    }
    batch.check(streams, &mut chunks, path);
    messages
}

fn replay_all(wanted: impl Fn(&str) -> bool) {
    for tokenizer in pinned() {
        let (_, mut streams) = load(&tokenizer.folder).unwrap();
        let found = files(&tokenizer, ".detokenize.parquet", &wanted);
        assert!(!found.is_empty(), "{} has no such goldens", tokenizer.name);
        for path in found {
            assert!(replay(&mut streams, &path) > 0);
            assert_eq!(streams.open_streams(), 0, "every stream of {} has ended", path.display());
        }
    }
}

#[test]
fn detokenize_matches_python_oracle_for_interleaved_multilingual_streams() {
    replay_all(|corpus| corpus != "cjk");
}

#[test]
fn detokenize_matches_python_oracle_for_cjk_streams() {
    replay_all(|corpus| corpus == "cjk");
}

fn messages(json: &str) -> Vec<Message<'static>> {
    let turns: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(json).unwrap();
    let text = |value: serde_json::Value| value.as_str().unwrap().to_owned();
    turns
        .into_iter()
        .map(|turn| turn.into_iter().map(|(key, value)| (key.into(), text(value).into())).collect())
        .collect()
}

fn request(row: &Row) -> TokenizeRequest<'_> {
    let prompt = match row.get_string(3) {
        Ok(text) => PromptInput::Text(text.into()),
        Err(_) => PromptInput::Messages(messages(row.get_string(4).unwrap())),
    };
    TokenizeRequest { uid: u64::try_from(row.get_long(2).unwrap()).unwrap(), prompt }
}

fn ids(row: &Row) -> Vec<i32> {
    let id = |field: &Field| match field {
        Field::Int(id) => *id,
        other => panic!("an id is {other}"),
    };
    row.get_list(5).unwrap().elements().iter().map(id).collect()
}

fn tokenize_matches_python_oracle(backend: impl Fn(&TokenizerFolder) -> Arc<dyn TokenizerBackend>) {
    for tokenizer in pinned() {
        let folder = TokenizerFolder::open(&tokenizer.folder).unwrap();
        let template =
            folder.template.as_deref().map(|source| ChatTemplate::new(source, &folder.special_tokens).unwrap());
        let encoder = TokenizeManager::new(backend(&folder), template);
        let found = files(&tokenizer, ".tokenize.parquet", |_| true);
        assert!(!found.is_empty(), "{} has no such goldens", tokenizer.name);
        for path in found {
            let all: Vec<Row> = rows(&path).collect();
            let key = |row: &Row| (row.get_string(0).unwrap().clone(), row.get_int(1).unwrap());
            for batch in all.chunk_by(|a, b| key(a) == key(b)) {
                let requests: Vec<TokenizeRequest<'_>> = batch.iter().map(request).collect();
                let answers = encoder.tokenize(&requests);
                assert_eq!(answers.len(), batch.len(), "{} {:?}", path.display(), key(&batch[0]));
                for ((request, row), answer) in requests.iter().zip(batch).zip(answers) {
                    assert_eq!(answer.unwrap().ids, ids(row), "{} {:?}", path.display(), request.prompt);
                }
            }
        }
    }
}

#[test]
fn tokenize_matches_python_oracle_for_text_and_chat_prompts() {
    tokenize_matches_python_oracle(|folder| best(folder).unwrap());
}

#[test]
fn tokenize_matches_python_oracle_with_the_yardstick() {
    tokenize_matches_python_oracle(|folder| Arc::new(HuggingFace::new(folder).unwrap()));
}

#[cfg(feature = "llm-tokenizer")]
#[test]
fn tokenize_matches_python_oracle_with_llm_tokenizer() {
    use minisgl_tokenizer::backend::LlmTokenizer;

    tokenize_matches_python_oracle(|folder| Arc::new(LlmTokenizer::new(folder).unwrap()));
}
