//! The ends without libzmq, on the service's own thread.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use minisgl_tokenizer_frames::End;
use rustix::fs::Mode;
use rustix::process::umask;
use zmtp::{Address, Attach, Poller, Pull, Push, Socket};

use super::Ends;
use crate::settings::Settings;

/// So many frames are received of those that have been read, and then all ends are looked at.
const AT_ONCE: u32 = 64;

/// Sockets that this thread reads and writes itself.
pub struct Direct {
    poller: Poller,
    pull: Pull,
    backend: Push,
    frontend: Push,
    /// How many frames were received since the ends were looked at.
    unlooked: u32,
}

impl Direct {
    /// Bind and connect as told, and wait no longer when there is something to read on `bell`. The error says which end
    /// can't be had.
    pub fn open(settings: &Settings, bell: UnixStream) -> Result<Self, String> {
        let mut poller = Poller::new().map_err(broken)?;
        poller.heed(bell).map_err(broken)?;
        // The reader refuses what is too long by name; far beyond that the sender is cut off before it is in memory.
        let most = settings.max_frame.saturating_mul(4);
        let [pull, backend, frontend] = settings.ends();
        Ok(Self {
            pull: open(pull, |address, attach| Pull::open(&poller, address, attach, most))?,
            backend: open(backend, |address, attach| Push::open(&poller, address, attach))?,
            frontend: open(frontend, |address, attach| Push::open(&poller, address, attach))?,
            poller,
            unlooked: 0,
        })
    }

    fn wait(&mut self, wait: Option<Duration>) -> Result<(), String> {
        let Self { poller, pull, backend, frontend, unlooked } = self;
        *unlooked = 0;
        poller.wait(wait, &mut [pull, backend, frontend]).map_err(broken)
    }

    fn push(&mut self, end: End) -> &mut Push {
        match end {
            End::Backend => &mut self.backend,
            End::Frontend => &mut self.frontend,
        }
    }
}

impl Ends for Direct {
    fn receive(&mut self, wait: Option<Duration>) -> Result<Option<Vec<u8>>, String> {
        // A sender that is always ahead must not keep the others from being heard, and answers from leaving.
        if self.unlooked >= AT_ONCE {
            self.wait(Some(Duration::ZERO))?;
        }
        self.unlooked += 1;
        if let Some(frame) = self.pull.receive() {
            return Ok(Some(frame));
        }
        if wait != Some(Duration::ZERO) || self.pull.is_busy() {
            self.wait(wait)?;
        }
        Ok(self.pull.receive())
    }

    fn send(&mut self, end: End, frame: &[u8]) -> Result<bool, String> {
        Ok(self.push(end).send(frame))
    }

    fn wait_for_room(&mut self, _: End, wait: Duration) -> Result<(), String> {
        let Self { poller, backend, frontend, pull, unlooked } = self;
        *unlooked = 0;
        poller.wait(Some(wait), &mut [backend, frontend, pull]).map_err(broken)
    }

    fn leave_within(mut self: Box<Self>, time: Duration) -> Result<[(End, usize); 2], String> {
        let until = Instant::now() + time;
        loop {
            let unsent = [(End::Backend, self.backend.unsent()), (End::Frontend, self.frontend.unsent())];
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || unsent.iter().all(|(_, frames)| *frames == 0) {
                return Ok(unsent);
            }
            self.wait(Some(left))?;
        }
    }
}

fn open<S>(
    (name, address, bound): (&str, &str, bool),
    open: impl FnOnce(&Address, Attach) -> std::io::Result<S>,
) -> Result<S, String> {
    let (verb, attach) = if bound { ("bind", Attach::Bind) } else { ("connect", Attach::Connect) };
    // Another user's process must not get at a socket file, whatever its folder allows.
    let mask = umask(Mode::RWXG | Mode::RWXO);
    let opened = address.parse::<Address>().and_then(|place| open(&place, attach).map_err(|error| error.to_string()));
    umask(mask);
    opened.map_err(|why| format!("can't {verb} --{name} {address}: {why}"))
}

fn broken(error: std::io::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;

    use super::*;

    /// The greeting of a PUSH socket, and its READY.
    const HELLO: &[u8] = b"\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
        \x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH";

    #[test]
    fn who_comes_later_is_heard_though_another_has_sent_much() {
        let folder = tempfile::tempdir().unwrap();
        let address = |name: &str| format!("ipc://{}/{name}", folder.path().display());
        let [pull, backend, frontend] = ["pull", "backend", "frontend"].map(address);
        let ends = ["--pull", &pull, "--backend", &backend, "--frontend", &frontend];
        let settings = Settings::parse_from([&["", "--tokenizer", "."][..], &ends].concat());
        let (_rope, bell) = UnixStream::pair().unwrap();
        let mut direct = Direct::open(&settings, bell).unwrap();
        let connect = || UnixStream::connect(folder.path().join("pull")).unwrap();
        let mut next = || loop {
            if let Some(frame) = direct.receive(None).unwrap() {
                return frame;
            }
        };
        let mut first = connect();
        first.write_all(&[HELLO, b"\0\x01a"].concat()).unwrap();
        assert_eq!(next(), b"a");
        first.write_all(&b"\0\x01a".repeat(50_000)).unwrap();
        assert_eq!(next(), b"a");
        connect().write_all(&[HELLO, b"\0\x01b"].concat()).unwrap();
        assert!((0..1000).any(|_| next() == b"b"));
    }
}
