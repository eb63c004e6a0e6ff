//! A tokenizer worker process on mini-sglang's wire.

pub mod answer;
pub mod curve;
pub mod log;
pub mod settings;
pub mod sockets;
pub mod stop;
#[cfg(test)]
mod testing;
pub mod visible;
pub mod wire;
pub mod worker;
