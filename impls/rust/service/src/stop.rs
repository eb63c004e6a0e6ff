//! The wish to stop.

use std::cell::OnceCell;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};
use zmq::{POLLIN, PollItem};

/// In which a service that was told to stop does, even if requests keep coming or nobody reads its answers.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A wish to stop, from a signal or from another thread, that a poll can wait for.
pub struct Stop {
    wished: Arc<AtomicBool>,
    wakes: UnixStream,
    wake: UnixStream,
    noticed: OnceCell<Instant>,
}

impl Stop {
    /// No wish yet.
    pub fn new() -> io::Result<Self> {
        let (wakes, wake) = UnixStream::pair()?;
        Ok(Self { wished: Arc::default(), wakes, wake, noticed: OnceCell::new() })
    }

    /// SIGTERM and SIGINT are such a wish from now on.
    pub fn on_signals(&self) -> io::Result<()> {
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, self.wished.clone())?;
            pipe::register(signal, self.wake.try_clone()?)?;
        }
        Ok(())
    }

    /// Ask to stop.
    pub fn set(&self) -> io::Result<()> {
        self.wished.store(true, Ordering::Relaxed);
        (&self.wake).write_all(&[0])
    }

    /// Becomes readable when there is the wish.
    pub fn poll_item(&self) -> PollItem<'_> {
        PollItem::from_fd(self.wakes.as_raw_fd(), POLLIN)
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
