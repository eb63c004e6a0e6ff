//! Panics as errors. There should be none; one that is there costs a request, and not the process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Do some work. A panic in it is an error with the panic's message; what the work has changed by then is for the
/// caller to throw away.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(payload.as_ref()))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}
