//! `minisgl-tokenizer` for Python: the classes `TokenizerWorker` and `FrameWorker`.

mod columns;
mod frames;
mod prompts;
mod worker;

use pyo3::prelude::*;

/// The tokenizer and streaming detokenizer of an LLM server, exact to mini-sglang's worker.
#[pymodule]
mod minisgl_tokenizer {
    #[pymodule_export]
    use super::frames::FrameWorker;
    #[pymodule_export]
    use super::worker::TokenizerWorker;
}
