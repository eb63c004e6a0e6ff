//! The class `FrameWorker`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use elsa::FrozenVec;
use minisgl_tokenizer::{caught, load};
use minisgl_tokenizer_frames::{Answerer, End, Gathered, Limits, Problem, gather};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// What is wrong with a request: a code, a line that says it, and the uid if there is one.
type Told = (&'static str, String, Option<u64>);
/// Frames for the front end, frames for the back end, and the requests that have no answer.
type Answers<'py> = (Vec<Bound<'py, PyBytes>>, Vec<Bound<'py, PyBytes>>, Vec<Told>);

/// Answers frames of the wire with the tokenizer of a folder.
#[pyclass(frozen, module = "minisgl_tokenizer")]
pub struct FrameWorker {
    answerer: Mutex<Answerer>,
    most: usize,
    limits: Limits,
}

#[pymethods]
impl FrameWorker {
    #[new]
    #[pyo3(signature = (tokenizer_dir, *, local_bs, max_frame_bytes, max_prompt_characters))]
    fn new(
        py: Python<'_>,
        tokenizer_dir: PathBuf,
        local_bs: usize,
        max_frame_bytes: usize,
        max_prompt_characters: usize,
    ) -> PyResult<Self> {
        if local_bs == 0 {
            return Err(PyValueError::new_err("local_bs must be at least 1"));
        }
        let (tokenizer, streams) =
            py.detach(|| load(&tokenizer_dir)).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self {
            answerer: Mutex::new(Answerer::new(tokenizer, streams, false)),
            most: local_bs,
            limits: Limits { frame: max_frame_bytes, prompt: max_prompt_characters },
        })
    }

    /// Answer the frames that `take` gives until it gives none, or until there are enough messages.
    fn answer<'py>(&self, py: Python<'py>, take: &Bound<'py, PyAny>) -> PyResult<Answers<'py>> {
        let frames: FrozenVec<Box<PyBackedBytes>> = FrozenVec::new();
        let next = || -> PyResult<Option<PyBackedBytes>> { Ok(take.call0()?.extract()?) };
        let Gathered { requests, mut problems } = gather(&frames, self.most, self.limits, next)?;
        let answers = if requests.is_empty() {
            Vec::new()
        } else {
            py.detach(|| {
                let mut answers: Vec<(End, Vec<u8>)> = Vec::new();
                let mut answerer = self.answerer.lock().unwrap_or_else(PoisonError::into_inner);
                let send = |end, frame: &[u8]| answers.push((end, frame.to_vec()));
                if let Err(panic) = caught(|| answerer.answer(requests, &mut problems, send)) {
                    problems.push(Problem::new("internal", panic, None));
                }
                answers
            })
        };
        let of = |wanted: End| {
            let own = answers.iter().filter(|(end, _)| *end == wanted);
            own.map(|(_, frame)| PyBytes::new(py, frame)).collect()
        };
        let problems = problems.into_iter().map(|problem| (problem.code, problem.message, problem.uid)).collect();
        Ok((of(End::Frontend), of(End::Backend), problems))
    }
}
