//! Frames of mini-sglang's wire: read, and answered.

mod answer;
mod gather;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod visible;
mod wire;

pub use answer::{Answerer, End};
pub use gather::{Gathered, gather};
pub use visible::visible;
pub use wire::{Limits, Problem, Request, read};
