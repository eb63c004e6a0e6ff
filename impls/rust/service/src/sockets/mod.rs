//! The three ends of the service: requests in, ids and text out.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use minisgl_tokenizer_frames::End;

use crate::settings::Settings;

mod direct;
mod libzmq;

pub use direct::Direct;
pub use libzmq::Libzmq;

/// What the service takes frames from, and sends frames to.
pub trait Ends {
    /// The next frame, waiting so long for one at most, or as long as it takes if that isn't said; none if there is none
    /// by then, or if anything else comes first.
    fn receive(&mut self, wait: Option<Duration>) -> Result<Option<Vec<u8>>, String>;

    /// Send a frame, now or as soon as it is taken. False if as much waits at that end as may.
    fn send(&mut self, end: End, frame: &[u8]) -> Result<bool, String>;

    /// Wait so long for an end to take more.
    fn wait_for_room(&mut self, end: End, wait: Duration) -> Result<(), String>;

    /// Give what was sent so much time to leave, and close. How many frames of each end did not, as far as is known.
    fn leave_within(self: Box<Self>, time: Duration) -> Result<[(End, usize); 2], String>;
}

/// Bind and connect as told: with libzmq if there are keys for CURVE, and otherwise without it, which costs less.
/// Without libzmq nothing is waited for any longer when there is something to read on `bell`.
pub fn open(settings: &Settings, bell: UnixStream) -> Result<Box<dyn Ends>, String> {
    Ok(match settings.curve_certificate {
        Some(_) => Box::new(Libzmq::open(settings)?),
        None => Box::new(Direct::open(settings, bell)?),
    })
}
