//! A tokenizer worker process on mini-sglang's wire.

pub mod curve;
pub mod log;
pub mod settings;
pub mod sockets;
pub mod stop;
pub mod worker;
