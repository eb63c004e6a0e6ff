use super::*;
use crate::testing::wire::{Value, abort, array, batch, map as encode, prompt, token};

const SMALL: Limits = Limits { frame: 1 << 20, prompt: 5 };

/// What is read of a frame: the good requests, and code and uid of each problem.
fn taken(frame: &[u8]) -> (Vec<Request<'_>>, Vec<(&'static str, Option<u64>)>) {
    let (mut requests, mut problems) = (Vec::new(), Vec::new());
    read(frame, SMALL, &mut requests, &mut problems);
    for problem in &problems {
        assert!(!problem.message.is_empty() && problem.message.chars().count() < 320, "{problem:?}");
        assert!(problem.message.chars().all(|char| !char.is_control()), "{problem:?}");
    }
    (requests, problems.iter().map(|problem| (problem.code, problem.uid)).collect())
}

fn problems(frame: &[u8]) -> Vec<(&'static str, Option<u64>)> {
    let (requests, problems) = taken(frame);
    assert_eq!(requests, []);
    problems
}

fn fed(uid: u64, token: u32, finished: bool) -> Request<'static> {
    Request::Detokenize(DetokenizeRequest { uid, token, finished })
}

#[test]
fn a_single_message_and_a_batch() {
    assert_eq!(taken(&token(1, 2, true)), (vec![fed(1, 2, true)], vec![]));
    let frame = batch(&[abort(i64::MAX), token(0, i64::from(u32::MAX), false), prompt(3, Value::Text("é"))]);
    let (requests, problems) = taken(&frame);
    assert_eq!(problems, []);
    assert_eq!(requests[0], Request::Abort { uid: i64::MAX as u64 });
    assert_eq!(requests[1], fed(0, u32::MAX, false));
    let text = PromptInput::Text("é".into());
    assert_eq!(requests[2], Request::Tokenize { uid: 3, prompt: text, sampling_params: &[0x80] });
}

#[test]
fn a_batch_of_nothing_is_nothing() {
    assert_eq!(taken(&batch(&[])), (vec![], vec![]));
}

#[test]
fn a_bad_message_costs_only_itself() {
    let finished_as = |value| {
        encode(&[
            ("__type__", Value::Text("DetokenizeMsg")),
            ("uid", Value::Number(5)),
            ("next_token", Value::Number(1)),
            ("finished", value),
        ])
    };
    for (bad, uid) in [
        (token(-1, 1, false), None),
        (token(5, -1, false), Some(5)),
        (token(5, 1 << 32, false), Some(5)),
        (abort(-1), None),
        (finished_as(Value::Number(1)), Some(5)),
        (finished_as(Value::Raw(vec![0xc0])), Some(5)),
        (encode(&[("__type__", Value::Text("AbortMsg"))]), None),
        (encode(&[("__type__", Value::Text("AbortMsg")), ("uid", Value::Raw(b"\xcb\0\0\0\0\0\0\0\0".into()))]), None),
        (encode(&[("__type__", Value::Text("Nothing\u{202e}")), ("uid", Value::Number(5))]), Some(5)),
        (encode(&[("__type__", Value::Number(1)), ("uid", Value::Number(5))]), None),
        (encode(&[("uid", Value::Number(5))]), Some(5)),
        (encode(&[("__type__", Value::Text("BatchTokenizerMsg")), ("uid", Value::Number(5))]), Some(5)),
        (prompt(5, Value::Number(1)), Some(5)),
        (prompt(5, Value::Raw(b"\xc4\x01a".into())), Some(5)),
        (prompt(5, Value::Raw(b"\xa1\xff".into())), Some(5)),
        (prompt(5, Value::Raw(b"\xa3\xed\xa0\x80".into())), Some(5)),
        (prompt(5, Value::Raw(array(&[vec![0x01]]))), Some(5)),
        (prompt(5, Value::Raw(array(&[encode(&[("role", Value::Number(1))])]))), Some(5)),
        (vec![0x07], None),
        (vec![0xc0], None),
        (b"\x81\x01\x02".into(), None),
    ] {
        let frame = batch(&[token(1, 2, false), bad.clone(), abort(7)]);
        let (requests, problems) = taken(&frame);
        assert_eq!(requests, [fed(1, 2, false), Request::Abort { uid: 7 }], "{bad:?}");
        assert_eq!(problems, [("bad-message", uid)], "{bad:?}");
        let code = if uid.is_some() { "bad-message" } else { "bad-frame" };
        if !bad.windows(9).any(|part| part == b"BatchToke") {
            assert_eq!(self::problems(&bad), [(code, uid)], "{bad:?}");
        }
    }
}

#[test]
fn sampling_parameters_keep_their_bytes_and_are_texts() {
    let with = |params: &[u8]| {
        encode(&[
            ("__type__", Value::Text("TokenizeMsg")),
            ("uid", Value::Number(5)),
            ("text", Value::Text("a")),
            ("sampling_params", Value::Raw(params.to_vec())),
        ])
    };
    for good in [&b"\x81\xa1a\xcd\0\x01"[..], b"\x82\xa1a\x01\xa1a\x02", b"\x81\x01\xc7\x01\x05\0", b"\xdf\0\0\0\0"] {
        let frame = with(good);
        let (requests, problems) = taken(&frame);
        assert_eq!(problems, []);
        assert!(matches!(&requests[..], [Request::Tokenize { sampling_params, .. }] if *sampling_params == good));
    }
    for bad in
        [&b"\x90"[..], b"\x01", b"\xa1a", b"\x81\xa1a\xa1\xff", b"\x81\xa1\xff\0", b"\x81\xa1a\x91\xd9\x02\xc3\x28"]
    {
        assert_eq!(problems(&with(bad)), [("bad-message", Some(5))], "{bad:?}");
    }
}

#[test]
fn a_frame_that_is_none_has_one_problem() {
    let message = token(1, 2, false);
    let deep = b"\x91".repeat(100_000);
    for bad in [
        vec![],
        vec![0xc1],
        b"{}".to_vec(),
        vec![0x80],
        message[..message.len() - 1].to_vec(),
        [&message[..], b"\0"].concat(),
        [&batch(&[])[..], &message].concat(),
        b"\xdf\xff\xff\xff\xff".to_vec(),
        b"\xdb\xff\xff\xff\xff".to_vec(),
        deep.clone(),
        [&deep[..], b"\0"].concat(),
        encode(&[("__type__", Value::Text("BatchTokenizerMsg"))]),
        encode(&[("__type__", Value::Text("BatchTokenizerMsg")), ("data", Value::Raw(b"\xdd\xff\xff\xff\xff".into()))]),
        encode(&[("__type__", Value::Text("BatchTokenizerMsg")), ("data", Value::Raw(vec![0x80]))]),
    ] {
        assert_eq!(problems(&bad), [("bad-frame", None)], "{:?}", &bad[..bad.len().min(40)]);
    }
}

#[test]
fn the_limits_are_the_last_that_is_taken() {
    let most = MOST_MESSAGES as usize;
    assert_eq!(taken(&batch(&vec![vec![0x07]; most])).1.len(), most);
    assert_eq!(problems(&batch(&vec![vec![0x07]; most + 1])), [("bad-frame", None)]);

    let chat = |messages, fields: usize| {
        let names: Vec<String> = (0..fields).map(|at| at.to_string()).collect();
        let fields: Vec<(&str, Value)> = names.iter().map(|name| (&name[..], Value::Text(""))).collect();
        prompt(5, Value::Raw(array(&vec![encode(&fields); messages])))
    };
    assert_eq!(taken(&chat(most, 0)).0.len(), 1);
    assert_eq!(problems(&chat(most + 1, 0)), [("bad-message", Some(5))]);
    assert_eq!(problems(&chat(1, MOST_FIELDS as usize)), [("long-prompt", Some(5))]);
    assert_eq!(problems(&chat(1, MOST_FIELDS as usize + 1)), [("bad-message", Some(5))]);

    assert_eq!(taken(&prompt(5, Value::Text("é中🙂ab"))).0.len(), 1);
    assert_eq!(problems(&prompt(5, Value::Text("é中🙂abc"))), [("long-prompt", Some(5))]);

    let (mut requests, mut problems) = (Vec::new(), Vec::new());
    let frame = token(1, 2, false);
    for (limit, codes) in [(frame.len(), &[][..]), (frame.len() - 1, &["long-frame"])] {
        read(&frame, Limits { frame: limit, prompt: 5 }, &mut requests, &mut problems);
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), codes);
    }
    assert_eq!(requests.len(), 1);
}

#[test]
fn values_nest_so_deep_and_no_deeper() {
    let nested = |depth| {
        let unknown = [vec![0x91; depth], vec![0x07]].concat();
        encode(&[("__type__", Value::Text("AbortMsg")), ("uid", Value::Number(1)), ("later", Value::Raw(unknown))])
    };
    assert_eq!(taken(&nested(62)).0, [Request::Abort { uid: 1 }]);
    assert_eq!(problems(&nested(63)), [("bad-frame", None)]);
}

#[test]
fn a_field_again_has_the_place_of_the_first_and_the_content_of_the_last() {
    let turn = encode(&[("a", Value::Text("1")), ("b", Value::Text("2")), ("a", Value::Text("3"))]);
    let frame = prompt(5, Value::Raw(array(&[turn])));
    let pair = |name: &'static str, content: &'static str| (name.into(), content.into());
    let expected = PromptInput::Messages(vec![vec![pair("a", "3"), pair("b", "2")]]);
    let mut requests = Vec::new();
    read(&frame, Limits::default(), &mut requests, &mut Vec::new());
    assert_eq!(requests, [Request::Tokenize { uid: 5, prompt: expected, sampling_params: &[0x80] }]);
}

#[test]
fn a_long_type_is_quoted_in_part() {
    let name: &'static str = Box::leak("\u{202e}".repeat(100_000).into_boxed_str());
    assert_eq!(problems(&encode(&[("__type__", Value::Text(name))])), [("bad-frame", None)]);
}
