//! What holds for any bytes that the decoder is given. The fuzz target asks it, and so does `cargo test`.

use minisgl_tokenizer::{DetokenizeRequest, PromptInput};
use minisgl_tokenizer_frames::{Limits, Problem, Request, read};
use rmp::encode::{ByteBuf, write_array_len, write_bool, write_map_len, write_str, write_uint};

/// Small enough to be met by the frames of a test.
pub const LIMITS: Limits = Limits { frame: 1 << 20, prompt: 64 };

/// Read a frame, and check what any frame's reading must be like.
pub fn check(frame: &[u8]) -> (Vec<Request<'_>>, Vec<Problem>) {
    let (mut requests, mut problems) = (Vec::new(), Vec::new());
    read(frame, LIMITS, &mut requests, &mut problems);
    for problem in &problems {
        assert!(!problem.message.is_empty() && problem.message.len() < 4096, "{problem:?}");
        assert!(!problem.message.contains(char::is_control), "{problem:?}");
    }
    // A value is one byte at least, and so are a message and a problem.
    assert!(requests.len() + problems.len() <= frame.len().max(1));
    let written = write(&requests);
    let (mut again, mut none) = (Vec::new(), Vec::new());
    read(&written, LIMITS, &mut again, &mut none);
    assert_eq!((&again, none), (&requests, vec![]), "what is read, written and read again is the same");
    (requests, problems)
}

/// A batch of requests as a frame.
pub fn write(requests: &[Request<'_>]) -> Vec<u8> {
    let messages: Vec<Vec<u8>> = requests.iter().map(message).collect();
    batch(&messages)
}

/// A batch of messages that are encoded already, whatever they are.
pub fn batch(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut out = begin("BatchTokenizerMsg", 2);
    write_str(&mut out, "data").unwrap();
    write_array_len(&mut out, u32::try_from(messages.len()).unwrap()).unwrap();
    out.as_mut_vec().extend(messages.concat());
    out.into_vec()
}

fn message(request: &Request<'_>) -> Vec<u8> {
    match request {
        Request::Detokenize(DetokenizeRequest { uid, token, finished }) => {
            let mut out = named("DetokenizeMsg", 4, *uid);
            write_str(&mut out, "next_token").unwrap();
            write_uint(&mut out, u64::from(*token)).unwrap();
            write_str(&mut out, "finished").unwrap();
            write_bool(&mut out, *finished).unwrap();
            out.into_vec()
        }
        Request::Abort { uid } => named("AbortMsg", 2, *uid).into_vec(),
        Request::Tokenize { uid, prompt, sampling_params } => {
            let mut out = named("TokenizeMsg", 4, *uid);
            write_str(&mut out, "text").unwrap();
            match prompt {
                PromptInput::Text(text) => write_str(&mut out, text).unwrap(),
                PromptInput::Messages(messages) => {
                    write_array_len(&mut out, u32::try_from(messages.len()).unwrap()).unwrap();
                    for message in messages {
                        write_map_len(&mut out, u32::try_from(message.len()).unwrap()).unwrap();
                        for (name, content) in message {
                            write_str(&mut out, name).unwrap();
                            write_str(&mut out, content).unwrap();
                        }
                    }
                }
            }
            write_str(&mut out, "sampling_params").unwrap();
            out.as_mut_vec().extend_from_slice(sampling_params);
            out.into_vec()
        }
    }
}

fn named(class: &str, fields: u32, uid: u64) -> ByteBuf {
    let mut out = begin(class, fields);
    write_str(&mut out, "uid").unwrap();
    write_uint(&mut out, uid).unwrap();
    out
}

fn begin(class: &str, fields: u32) -> ByteBuf {
    let mut out = ByteBuf::new();
    write_map_len(&mut out, fields).unwrap();
    write_str(&mut out, "__type__").unwrap();
    write_str(&mut out, class).unwrap();
    out
}
