use super::*;
use crate::testing::wire::{Value, abort, batch, prompt, token};
use crate::testing::{PANICS, answerer};
use crate::wire::{Limits, read};

/// What a frame is answered with: each frame sent, its end and the texts in it, and code and uid of each problem.
struct Answered {
    sent: Vec<(End, Vec<String>)>,
    problems: Vec<(&'static str, Option<u64>, String)>,
}

fn answer(answerer: &mut Answerer, messages: &[Vec<u8>]) -> Answered {
    let frame = batch(messages);
    let (mut requests, mut problems, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    read(&frame, Limits::default(), &mut requests, &mut problems);
    answerer.answer(requests, &mut problems, |end, frame| sent.push((end, texts(frame))));
    let problems = problems.into_iter().map(|problem| (problem.code, problem.uid, problem.message)).collect();
    Answered { sent, problems }
}

/// The classes of a frame's messages, each with its uid and what it says.
fn texts(frame: &[u8]) -> Vec<String> {
    let value = rmpv::decode::read_value(&mut &*frame).unwrap();
    let messages = value["data"].as_array().cloned().unwrap_or_else(|| vec![value]);
    messages
        .iter()
        .map(|message| {
            let class = message["__type__"].as_str().unwrap();
            let said = match class {
                "UserReply" => format!(" {} {}", message["incremental_output"], message["finished"]),
                "UserMsg" => format!(" {}", message["input_ids"]["buffer"].as_slice().unwrap().escape_ascii()),
                "ErrorReply" => format!(" {}", message["code"]),
                _ => String::new(),
            };
            format!("{class} {}{said}", message["uid"])
        })
        .collect()
}

fn text(uid: i64, text: &'static str) -> Vec<u8> {
    prompt(uid, Value::Text(text))
}

#[test]
fn text_goes_first_then_ids_then_aborts() {
    let answered = answer(
        &mut answerer(false),
        &[abort(8), text(5, "a"), token(1, 97, false), abort(9), text(6, ""), token(2, 98, true)],
    );
    let expected = [
        (End::Frontend, vec![r#"UserReply 1 "a" false"#, r#"UserReply 2 "b" true"#]),
        (End::Backend, vec![r"UserMsg 5 a\x00\x00\x00", "UserMsg 6 "]),
        (End::Backend, vec!["AbortBackendMsg 8", "AbortBackendMsg 9"]),
    ];
    assert_eq!(answered.sent, expected.map(|(end, texts)| (end, texts.into_iter().map(str::to_owned).collect())));
    assert_eq!(answered.problems, []);
}

#[test]
fn an_abort_is_not_sent_behind_a_new_request_of_its_uid() {
    let answered = answer(&mut answerer(false), &[text(1, "a"), abort(1), text(1, "b"), abort(2), text(3, "c")]);
    let sent: Vec<Vec<String>> = answered.sent.into_iter().map(|(_, texts)| texts).collect();
    let ids = |uid: u64, byte: char| format!(r"UserMsg {uid} {byte}\x00\x00\x00");
    assert_eq!(
        sent,
        [
            vec![ids(1, 'a')],
            vec!["AbortBackendMsg 1".into()],
            vec![ids(1, 'b'), ids(3, 'c')],
            vec!["AbortBackendMsg 2".into()]
        ]
    );
}

#[test]
fn a_prompt_that_cannot_be_encoded_costs_only_itself() {
    let mut asked = answerer(true);
    let chat = prompt(3, Value::Raw(vec![0x90]));
    let answered = answer(&mut asked, &[text(1, "a"), text(2, "!"), chat, text(4, "b")]);
    assert_eq!(answered.sent[0].1, [r"UserMsg 1 a\x00\x00\x00", r"UserMsg 4 b\x00\x00\x00"]);
    assert_eq!(
        answered.sent[1],
        (End::Frontend, vec![r#"ErrorReply 2 "not-encoded""#.into(), r#"ErrorReply 3 "not-encoded""#.into()])
    );
    assert_eq!(answered.problems[0].2, r"the text can't be encoded: no\u{202e}");
}

#[test]
fn a_panic_over_a_token_costs_that_stream() {
    let mut asked = answerer(true);
    let messages =
        [token(1, 97, false), token(2, 98, false), token(2, PANICS, false), token(3, 99, false), text(4, "a")];
    let answered = answer(&mut asked, &messages);
    assert_eq!(
        answered.sent[0].1,
        [r#"UserReply 1 "a" false"#, r#"UserReply 2 "b" false"#, r#"UserReply 3 "c" false"#]
    );
    assert_eq!(answered.sent[1].1, [r"UserMsg 4 a\x00\x00\x00"]);
    assert_eq!(answered.sent[2].1, [r#"ErrorReply 2 "internal""#]);
    assert_eq!(answered.problems, [("internal", Some(2), "a dollar as a token".into())]);
    let answered = answer(&mut asked, &[token(2, 100, false)]);
    assert_eq!(answered.sent[0].1, [r#"UserReply 2 "d" false"#]);
}

#[test]
fn a_panic_over_a_prompt_costs_that_prompt() {
    let answered = answer(&mut answerer(false), &[text(1, "a"), text(2, "$"), text(3, "b")]);
    assert_eq!(answered.sent.len(), 1);
    assert_eq!(answered.sent[0].1, [r"UserMsg 1 a\x00\x00\x00", r"UserMsg 3 b\x00\x00\x00"]);
    assert_eq!(answered.problems, [("internal", Some(2), r"a dollar\nas a text".into())]);
}

#[test]
fn errors_are_not_sent_unless_asked_for() {
    let bad = [token(5, -1, false)];
    assert_eq!(answer(&mut answerer(false), &bad).sent, []);
    assert_eq!(answer(&mut answerer(true), &bad).sent, [(End::Frontend, vec![r#"ErrorReply 5 "bad-message""#.into()])]);
    assert_eq!(
        answer(&mut answerer(true), &[vec![0x07]]).sent,
        [(End::Frontend, vec![r#"ErrorReply nil "bad-message""#.into()])]
    );
}
