//! The wish to stop.

use std::cell::OnceCell;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;

/// In which a service that was told to stop does, even if requests keep coming or nobody reads its answers.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A wish to stop, from a signal or from another thread, and a bell that is rung with it.
pub struct Stop {
    wished: Arc<AtomicBool>,
    noticed: OnceCell<Instant>,
    rope: UnixStream,
    bell: UnixStream,
}

impl Stop {
    /// No wish yet.
    pub fn new() -> io::Result<Self> {
        let (rope, bell) = UnixStream::pair()?;
        rope.set_nonblocking(true)?;
        Ok(Self { wished: Arc::default(), noticed: OnceCell::new(), rope, bell })
    }

    /// What has something to read on it once there is the wish.
    pub fn bell(&self) -> io::Result<UnixStream> {
        self.bell.try_clone()
    }

    /// SIGTERM and SIGINT are such a wish from now on.
    pub fn on_signals(&self) -> io::Result<()> {
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, self.wished.clone())?;
            pipe::register(signal, self.rope.try_clone()?)?;
        }
        Ok(())
    }

    /// Ask to stop.
    pub fn set(&self) {
        self.wished.store(true, Ordering::Relaxed);
        // A bell that can't take more has been rung.
        let _ = (&self.rope).write(&[1]);
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use signal_hook::low_level::raise;

    use super::*;

    #[test]
    fn the_bell_is_rung_with_each_wish() {
        let wishes: [fn(&Stop); 3] = [Stop::set, |_| raise(SIGTERM).unwrap(), |_| raise(SIGINT).unwrap()];
        for wish in wishes {
            let stop = Stop::new().unwrap();
            stop.on_signals().unwrap();
            let mut bell = stop.bell().unwrap();
            bell.set_nonblocking(true).unwrap();
            assert!(!stop.is_set() && bell.read(&mut [0]).is_err());
            wish(&stop);
            assert!(stop.is_set());
            assert_eq!(bell.read(&mut [0]).unwrap(), 1);
        }
    }
}
