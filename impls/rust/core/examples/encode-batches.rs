//! Times batches of texts: this library, and the crates that it is compared with, called directly.
//!
//! A line of standard input is `{"folder": …, "rounds": [[["…"]]]}`, the texts of some batches in each round, and a
//! line of output `{"nanoseconds": {"library": [1], "tokenizers": [1], …}}` with a number a round, for all that load the
//! tokenizer and give the ids of `tokenizers`.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use minisgl_tokenizer::backend::{HuggingFace, TokenizerBackend, best};
use minisgl_tokenizer::{
    PromptInput, TokenizeError, TokenizeManager, TokenizeOutput, TokenizeRequest, TokenizerFolder,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Asked {
    folder: String,
    rounds: Vec<Vec<Vec<String>>>,
}

type Requests<'a> = [TokenizeRequest<'a>];
type Encode = Box<dyn Fn(&Requests, &[&str]) -> Answer>;

/// What is given for a batch, as it is given.
enum Answer {
    Outputs(Vec<Result<TokenizeOutput, TokenizeError>>),
    Ids(Vec<Vec<u32>>),
}

impl Answer {
    fn ids(self) -> Option<Vec<Vec<u32>>> {
        match self {
            Self::Ids(ids) => Some(ids),
            Self::Outputs(outputs) => outputs
                .into_iter()
                .map(|output| Some(output.ok()?.ids.into_iter().map(i32::cast_unsigned).collect()))
                .collect(),
        }
    }
}

/// One that is timed.
struct Contestant {
    name: &'static str,
    encode: Encode,
    nanoseconds: Vec<u64>,
    is_exact: bool,
}

impl Contestant {
    fn new(name: &'static str, encode: impl Fn(&Requests, &[&str]) -> Answer + 'static) -> Self {
        Self { name, encode: Box::new(encode), nanoseconds: Vec::new(), is_exact: true }
    }
}

/// `tokenizers` is the first.
fn contestants(folder: &TokenizerFolder) -> Result<Vec<Contestant>, Box<dyn Error>> {
    let yardstick = HuggingFace::new(folder)?;
    let manager = TokenizeManager::new(best(folder)?, None);
    let mut all = vec![
        Contestant::new("tokenizers", move |_, texts| {
            Answer::Ids(yardstick.encode_batch(texts).into_iter().map(Result::unwrap_or_default).collect())
        }),
        Contestant::new("library", move |requests, _| Answer::Outputs(manager.tokenize(requests))),
    ];
    if let Ok(mut fastokens) = fastokens::Tokenizer::from_json(serde_json::from_str(&folder.tokenizer_json)?) {
        fastokens.set_padding(None);
        fastokens.set_truncation(None);
        let encode = move |text: &&str| fastokens.encode_with_special_tokens(text, true).unwrap_or_default();
        all.push(Contestant::new("fastokens", move |_, texts| Answer::Ids(texts.iter().map(&encode).collect())));
    }
    if let Ok(splintr) = splintr::from_json_bytes(folder.tokenizer_json.as_bytes()) {
        let encode = move |text: &&str| splintr.encode(text);
        all.push(Contestant::new("splintr", move |_, texts| Answer::Ids(texts.iter().map(&encode).collect())));
    }
    Ok(all)
}

/// The numbers below `count` in one of all orders: as many rounds as there are have each of them once.
fn order(round: usize, count: usize) -> Vec<usize> {
    let (mut left, mut rest): (Vec<usize>, usize) = ((0..count).collect(), round);
    let take = |among: usize| {
        let at = rest % among;
        rest /= among;
        left.remove(at)
    };
    (1..=count).rev().map(take).collect()
}

/// Every round goes to all of them.
fn time(all: &mut [Contestant], rounds: &[Vec<Vec<String>>]) {
    for (at, round) in rounds.iter().enumerate() {
        let texts: Vec<Vec<&str>> = round.iter().map(|batch| batch.iter().map(String::as_str).collect()).collect();
        let request = |text: &&'_ str| TokenizeRequest { uid: 0, prompt: PromptInput::Text((*text).to_owned().into()) };
        let requests: Vec<Vec<TokenizeRequest>> =
            texts.iter().map(|batch| batch.iter().map(request).collect()).collect();
        let mut answers: Vec<Vec<Option<Vec<Vec<u32>>>>> = vec![Vec::new(); all.len()];
        for who in order(at, all.len()) {
            let begin = Instant::now();
            let given: Vec<Answer> =
                requests.iter().zip(&texts).map(|(requests, texts)| (all[who].encode)(requests, texts)).collect();
            all[who].nanoseconds.push(begin.elapsed().as_nanos() as u64);
            answers[who] = given.into_iter().map(Answer::ids).collect();
        }
        for (contestant, answer) in all.iter_mut().zip(&answers) {
            contestant.is_exact &= *answer == answers[0];
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let asked: Asked = serde_json::from_str(&line?)?;
        let mut all = contestants(&TokenizerFolder::open(asked.folder.as_ref())?)?;
        time(&mut all, &asked.rounds);
        let exact = all.into_iter().filter(|each| each.is_exact);
        let timed: Map<String, Value> = exact.map(|each| (each.name.to_owned(), json!(each.nanoseconds))).collect();
        writeln!(out, "{}", json!({"nanoseconds": timed}))?;
    }
    Ok(())
}
