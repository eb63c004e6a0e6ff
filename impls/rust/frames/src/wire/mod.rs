//! The wire of the reference's worker: one MessagePack map a frame, its class under the key `__type__`.

mod encode;
mod reader;
mod value;

pub use encode::{Backend, Frontend, encode_backend, encode_errors, encode_frontend};
pub use reader::{Limits, Problem, Request, read};
