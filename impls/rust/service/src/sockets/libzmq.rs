//! The ends with libzmq, which reads and writes on a thread of its own, and can encrypt.

use std::time::Duration;

use minisgl_tokenizer_frames::End;
use rustix::fs::Mode;
use rustix::process::umask;
use zmq::{Context, DONTWAIT, Error, POLLOUT, Socket, SocketType};

use super::Ends;
use crate::curve::{Certificate, admit, read_clients};
use crate::settings::Settings;

/// The longest wait: libzmq waits for its own sockets alone, and a wish to stop is looked for in between.
const LONGEST: Duration = Duration::from_millis(100);

/// Sockets of libzmq, and the context that they end with.
pub struct Libzmq {
    context: Context,
    pull: Socket,
    backend: Socket,
    frontend: Socket,
}

impl Libzmq {
    /// Bind and connect as told. The error says which end can't be had.
    pub fn open(settings: &Settings) -> Result<Self, String> {
        let context = Context::new();
        let own = settings.curve_certificate.as_deref().map(Certificate::read_secret).transpose()?;
        if let Some(folder) = &settings.curve_clients {
            admit(&context, read_clients(folder)?).map_err(|error| format!("CURVE can't be used: {error}"))?;
        }
        let server = settings.curve_server.as_deref().map(Certificate::read).transpose()?;
        let [pull, backend, frontend] = settings.ends().map(|(name, address, bound)| {
            let kind = if name == "pull" { zmq::PULL } else { zmq::PUSH };
            let keys = own.as_ref().map(|(public, secret)| (&public[..], &secret[..]));
            let server = server.as_ref().map(|certificate| &certificate.public[..]);
            open(&context, kind, address, bound, settings.max_frame, keys.filter(|_| bound || server.is_some()), server)
                .map_err(|error| {
                    format!("can't {} --{name} {address}: {error}", if bound { "bind" } else { "connect" })
                })
        });
        Ok(Self { pull: pull?, backend: backend?, frontend: frontend?, context })
    }

    fn push(&self, end: End) -> &Socket {
        match end {
            End::Backend => &self.backend,
            End::Frontend => &self.frontend,
        }
    }
}

impl Ends for Libzmq {
    fn receive(&mut self, wait: Option<Duration>) -> Result<Option<Vec<u8>>, String> {
        let wait = wait.unwrap_or(LONGEST);
        // Waiting within the call that receives spares the system calls of a poll before it.
        let flags = if wait.is_zero() { DONTWAIT } else { 0 };
        if flags == 0 {
            self.pull.set_rcvtimeo(milliseconds(wait)).map_err(broken)?;
        }
        match self.pull.recv_bytes(flags) {
            Ok(frame) => Ok(Some(frame)),
            Err(Error::EAGAIN | Error::EINTR) => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    fn send(&mut self, end: End, frame: &[u8]) -> Result<bool, String> {
        match self.push(end).send(frame, DONTWAIT) {
            Ok(()) => Ok(true),
            Err(Error::EAGAIN | Error::EINTR) => Ok(false),
            Err(error) => Err(broken(error)),
        }
    }

    fn wait_for_room(&mut self, end: End, wait: Duration) -> Result<(), String> {
        match self.push(end).poll(POLLOUT, milliseconds(wait).into()) {
            Ok(_) | Err(Error::EINTR) => Ok(()),
            Err(error) => Err(broken(error)),
        }
    }

    fn leave_within(self: Box<Self>, time: Duration) -> Result<[(End, usize); 2], String> {
        let Self { mut context, pull, backend, frontend } = *self;
        for socket in [pull, backend, frontend] {
            socket.set_linger(milliseconds(time)).map_err(broken)?;
        }
        // Waits for what the sockets hold, and doesn't tell what became of it.
        context.destroy().map_err(broken)?;
        Ok([(End::Backend, 0), (End::Frontend, 0)])
    }
}

fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

fn broken(error: Error) -> String {
    error.to_string()
}

fn open(
    context: &Context,
    kind: SocketType,
    address: &str,
    bound: bool,
    max_frame: usize,
    keys: Option<(&[u8], &[u8])>,
    server: Option<&[u8]>,
) -> zmq::Result<Socket> {
    let socket = context.socket(kind)?;
    socket.set_ipv6(true)?;
    // The reader refuses what is too long by name; far beyond that the sender is cut off before it is in memory.
    socket.set_maxmsgsize(i64::try_from(max_frame).unwrap_or(i64::MAX / 4).saturating_mul(4))?;
    if let (Some((public, secret)), true) = (keys, address.starts_with("tcp://")) {
        if bound {
            socket.set_curve_server(true)?;
        } else {
            socket.set_curve_serverkey(server.unwrap_or_default())?;
            socket.set_curve_publickey(public)?;
        }
        socket.set_curve_secretkey(secret)?;
    }
    // Another user's process must not get at a socket file, whatever its folder allows.
    let mask = umask(Mode::RWXG | Mode::RWXO);
    let attached = if bound {
        // A bound name is an interface's to ZeroMQ before it is a host's.
        socket.bind(&address.replace("tcp://localhost:", "tcp://127.0.0.1:"))
    } else {
        socket.connect(address)
    };
    umask(mask);
    attached.map(|()| socket)
}
