//! Answers into a frame: a single message bare, several as a batch.

use rmp::encode::{ByteBuf, write_array_len, write_bin, write_bool, write_map_len, write_nil, write_str, write_uint};

use super::reader::Problem;

/// New text of a stream.
pub struct Frontend<'a> {
    /// The stream.
    pub uid: u64,
    /// What to append.
    pub text: &'a str,
    /// Whether it has ended.
    pub finished: bool,
}

/// Writing into memory doesn't fail.
const INFALLIBLE: &str = "memory takes whatever is written";

macro_rules! put {
    ($write:ident($out:expr $(, $value:expr)*)) => {
        $write($out $(, $value)*).map(drop).expect(INFALLIBLE)
    };
}

/// A frame of replies for the front end, which has at least one.
pub fn encode_frontend<'a>(replies: impl ExactSizeIterator<Item = Frontend<'a>>, out: &mut ByteBuf) {
    begin(out, "BatchFrontendMsg", replies.len());
    for reply in replies {
        out.as_mut_vec().extend_from_slice(b"\x84\xa8__type__\xa9UserReply\xa3uid");
        put!(write_uint(out, reply.uid));
        out.as_mut_vec().extend_from_slice(b"\xb2incremental_output");
        put!(write_str(out, reply.text));
        out.as_mut_vec().extend_from_slice(b"\xa8finished");
        put!(write_bool(out, reply.finished));
    }
}

/// A frame of errors for the front end, which has at least one.
pub fn encode_errors(errors: &[Problem], out: &mut ByteBuf) {
    begin(out, "BatchFrontendMsg", errors.len());
    for error in errors {
        put!(write_map_len(out, 4));
        class(out, "ErrorReply");
        put!(write_str(out, "uid"));
        match error.uid {
            Some(uid) => put!(write_uint(out, uid)),
            None => put!(write_nil(out)),
        }
        put!(write_str(out, "code"));
        put!(write_str(out, error.code));
        put!(write_str(out, "message"));
        put!(write_str(out, &error.message));
    }
}

/// A message for the back end.
pub enum Backend<'a> {
    /// The ids of a prompt, and its sampling parameters as they came.
    Ids {
        /// The stream.
        uid: u64,
        /// The ids.
        ids: &'a [i32],
        /// An encoded map.
        sampling_params: &'a [u8],
    },
    /// A stream that was given up.
    Abort {
        /// The stream.
        uid: u64,
    },
}

/// A frame for the back end, which has at least one message.
pub fn encode_backend<'a>(messages: impl ExactSizeIterator<Item = Backend<'a>>, out: &mut ByteBuf) {
    begin(out, "BatchBackendMsg", messages.len());
    for message in messages {
        match message {
            Backend::Ids { uid: own, ids, sampling_params } => {
                put!(write_map_len(out, 4));
                class(out, "UserMsg");
                uid(out, own);
                put!(write_str(out, "input_ids"));
                put!(write_map_len(out, 3));
                class(out, "Tensor");
                put!(write_str(out, "buffer"));
                write_ids(out, ids);
                put!(write_str(out, "dtype"));
                put!(write_str(out, "torch.int32"));
                put!(write_str(out, "sampling_params"));
                out.as_mut_vec().extend_from_slice(sampling_params);
            }
            Backend::Abort { uid: own } => {
                put!(write_map_len(out, 2));
                class(out, "AbortBackendMsg");
                uid(out, own);
            }
        }
    }
}

/// Ids as little-endian bytes.
fn write_ids(out: &mut ByteBuf, ids: &[i32]) {
    if cfg!(target_endian = "little") {
        put!(write_bin(out, bytemuck::cast_slice(ids)));
    } else {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        put!(write_bin(out, &bytes));
    }
}

fn begin(out: &mut ByteBuf, batch: &str, messages: usize) {
    if messages != 1 {
        put!(write_map_len(out, 2));
        class(out, batch);
        put!(write_str(out, "data"));
        put!(write_array_len(out, messages as u32));
    }
}

fn class(out: &mut ByteBuf, name: &str) {
    put!(write_str(out, "__type__"));
    put!(write_str(out, name));
}

fn uid(out: &mut ByteBuf, uid: u64) {
    put!(write_str(out, "uid"));
    put!(write_uint(out, uid));
}
