//! The three ends of the service.

use std::time::Duration;

use rustix::fs::Mode;
use rustix::process::umask;
use zmq::{Context, Socket, SocketType};

use crate::curve::{Certificate, admit, read_clients};
use crate::settings::Settings;

/// Requests in, answers to the back end and to the front end.
pub struct Sockets {
    /// Requests.
    pub pull: Socket,
    /// Ids and aborts.
    pub backend: Socket,
    /// Text and errors.
    pub frontend: Socket,
}

impl Sockets {
    /// Bind and connect as told. The error says which end can't be had.
    pub fn open(context: &Context, settings: &Settings) -> Result<Self, String> {
        let own = settings.curve_certificate.as_deref().map(Certificate::read_secret).transpose()?;
        if let Some(folder) = &settings.curve_clients {
            admit(context, read_clients(folder)?).map_err(|error| format!("CURVE can't be used: {error}"))?;
        }
        let server = settings.curve_server.as_deref().map(Certificate::read).transpose()?;
        let [pull, backend, frontend] = settings.ends().map(|(name, address, bound)| {
            let kind = if name == "pull" { zmq::PULL } else { zmq::PUSH };
            let keys = own.as_ref().map(|(public, secret)| (&public[..], &secret[..]));
            let server = server.as_ref().map(|certificate| &certificate.public[..]);
            open(context, kind, address, bound, settings.max_frame, keys.filter(|_| bound || server.is_some()), server)
                .map_err(|error| {
                    format!("can't {} --{name} {address}: {error}", if bound { "bind" } else { "connect" })
                })
        });
        Ok(Self { pull: pull?, backend: backend?, frontend: frontend? })
    }

    /// Give what was sent so much time to leave once the sockets are closed.
    pub fn leave_within(&self, time: Duration) -> zmq::Result<()> {
        let linger = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        [&self.pull, &self.backend, &self.frontend].into_iter().try_for_each(|socket| socket.set_linger(linger))
    }
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
