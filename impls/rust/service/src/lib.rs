//! A tokenizer worker process on mini-sglang's wire.

pub mod answer;
pub mod curve;
pub mod settings;
pub mod sockets;
pub mod wire;
pub mod worker;
