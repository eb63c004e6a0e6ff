//! The class `TokenizerWorker`.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use minisgl_tokenizer::{Chunk, Chunks, DetokenizeManager, DetokenizeRequest, TokenizeManager, TokenizeRequest, load};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyList, PyMemoryView, PyString};

use crate::columns::{self, read_buffers, read_objects, uid};
use crate::prompts::Prompt;

/// A batch on its way: requests, and the answers to them.
#[derive(Default)]
struct Batch {
    requests: Vec<DetokenizeRequest>,
    chunks: Chunks,
}

/// The tokenizer of a folder, and the streams that it turns back into text.
#[pyclass(frozen, module = "minisgl_tokenizer")]
pub struct TokenizerWorker {
    tokenizer: TokenizeManager,
    streams: Mutex<DetokenizeManager>,
    /// To be used again, so that a batch allocates nothing.
    spare: Mutex<Vec<Batch>>,
    /// The text of each token that was ever a chunk by itself, as a Python object.
    texts: Vec<PyOnceLock<Py<PyString>>>,
}

#[pymethods]
impl TokenizerWorker {
    #[new]
    fn new(py: Python<'_>, tokenizer_dir: PathBuf) -> PyResult<Self> {
        let (tokenizer, streams) =
            py.detach(|| load(&tokenizer_dir)).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let texts = (0..streams.vocabulary_size()).map(|_| PyOnceLock::new()).collect();
        Ok(Self { tokenizer, streams: Mutex::new(streams), spare: Mutex::default(), texts })
    }

    /// Encode a batch of prompts, special tokens added: an array of int32 a request.
    fn tokenize<'py>(&self, py: Python<'py>, requests: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let mut uids = Vec::new();
        let mut prompts = Vec::new();
        let about = |uid: u64, error: PyErr| {
            let message = format!("uid {uid}: {}", error.value(py));
            let is_type = error.is_instance_of::<PyTypeError>(py);
            if is_type { PyTypeError::new_err(message) } else { PyValueError::new_err(message) }
        };
        for request in requests.try_iter()? {
            let request = request?;
            let uid = uid(&request.getattr(intern!(py, "uid"))?)?;
            uids.push(uid);
            prompts.push(Prompt::of(request.getattr(intern!(py, "prompt"))?).map_err(|error| about(uid, error))?);
        }
        let requests = uids
            .iter()
            .zip(&prompts)
            .map(|(uid, prompt)| {
                Ok(TokenizeRequest { uid: *uid, prompt: prompt.input().map_err(|error| about(*uid, error))? })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let answers = py.detach(|| self.tokenizer.tokenize(&requests));
        let ids = PyList::empty(py);
        for (uid, answer) in uids.iter().zip(answers) {
            let output = answer.map_err(|error| PyValueError::new_err(format!("uid {uid}: {error}")))?;
            let bytes = PyBytes::new(py, bytemuck::cast_slice(&output.ids));
            ids.append(PyMemoryView::from(&bytes)?.call_method1(intern!(py, "cast"), (intern!(py, "i"),))?)?;
        }
        Ok(ids)
    }

    /// Feed a batch of tokens: one chunk of new text a request.
    fn detokenize<'py>(&self, py: Python<'py>, requests: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        self.feed(py, |rows| read_objects(requests, rows))
    }

    /// `detokenize` for a batch in columns of equal length.
    fn detokenize_columns<'py>(
        &self,
        py: Python<'py>,
        uids: &Bound<'py, PyAny>,
        tokens: &Bound<'py, PyAny>,
        finished: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        self.feed(py, |rows| read_buffers(uids, tokens, finished, rows))
    }

    /// Forget a stream: its next token begins a new one.
    fn abort(&self, py: Python<'_>, uid: &Bound<'_, PyAny>) -> PyResult<()> {
        let uid = columns::uid(uid)?;
        py.detach(|| self.lock().abort(uid));
        Ok(())
    }

    /// How many streams anything is kept of.
    fn open_streams(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().open_streams())
    }
}

impl TokenizerWorker {
    fn lock(&self) -> MutexGuard<'_, DetokenizeManager> {
        // A panic in another thread leaves every other stream as it was.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spares(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answer the requests that `read` adds to a batch.
    fn feed<'py>(
        &self,
        py: Python<'py>,
        read: impl FnOnce(&mut Vec<DetokenizeRequest>) -> PyResult<()>,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut batch = self.spares().pop().unwrap_or_default();
        batch.requests.clear();
        batch.chunks.clear();
        read(&mut batch.requests)?;
        py.detach(|| self.lock().feed(batch.requests.iter().copied(), &mut batch.chunks));
        let texts = PyList::new(py, batch.chunks.iter().map(|chunk| self.text(py, chunk)));
        self.spares().push(batch);
        texts
    }

    fn text<'py>(&self, py: Python<'py>, chunk: Chunk<'_>) -> Bound<'py, PyString> {
        match chunk {
            Chunk::Text(text) => PyString::new(py, text),
            Chunk::Token(token) => {
                let own = &self.texts[token as usize];
                own.get_or_init(py, || PyString::new(py, self.lock().text(chunk)).unbind()).bind(py).clone()
            }
        }
    }
}
