//! The wish to stop.

use std::cell::OnceCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// In which a service that was told to stop does, even if requests keep coming or nobody reads its answers.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A wish to stop, from a signal or from another thread.
#[derive(Default)]
pub struct Stop {
    wished: Arc<AtomicBool>,
    noticed: OnceCell<Instant>,
}

impl Stop {
    /// SIGTERM and SIGINT are such a wish from now on.
    pub fn on_signals(&self) -> io::Result<()> {
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, self.wished.clone())?;
        }
        Ok(())
    }

    /// Ask to stop.
    pub fn set(&self) {
        self.wished.store(true, Ordering::Relaxed);
    }

    /// Whether there is the wish.
    pub fn is_set(&self) -> bool {
        self.wished.load(Ordering::Relaxed)
    }

    /// The time left to stop in, which begins when the wish is noticed.
    pub fn left(&self) -> Duration {
        if self.is_set() { PATIENCE.saturating_sub(self.noticed.get_or_init(Instant::now).elapsed()) } else { PATIENCE }
    }

    /// Whether the time to stop in is over.
    pub fn is_overdue(&self) -> bool {
        self.left().is_zero()
    }
}
