//! Unix and TCP sockets behind one face.

use std::fs;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};

use crate::address::Address;

/// A connection.
pub enum Stream {
    /// To a socket of this machine.
    Unix(UnixStream),
    /// To a port.
    Tcp(TcpStream),
}

/// What others connect to.
pub enum Listener {
    /// A socket of this machine, and its file, which is there as long as the listener.
    Unix(UnixListener, #[expect(dead_code, reason = "it is there to be dropped")] Option<SocketFile>),
    /// A port.
    Tcp(TcpListener),
}

/// The file of a bound socket, which goes with it unless someone else has put another in its place.
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Stream {
    /// Begin to connect. A name of several addresses is tried at another one each time.
    pub fn connect(address: &Address, attempt: usize) -> io::Result<Self> {
        match address {
            Address::Path(path) => UnixStream::connect(path).map(Self::Unix),
            Address::Abstract(name) => UnixStream::connect_addr(&abstract_address(name)?).map(Self::Unix),
            Address::Tcp(host, port) => {
                let known = resolve(host, *port)?;
                TcpStream::connect(known[attempt % known.len()]).and_then(Self::tcp)
            }
        }
    }

    fn tcp(stream: TcpStream) -> io::Result<Self> {
        // A small answer must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }
}

impl Listener {
    /// Listen at an address. A socket that a process has left behind at a path is replaced, other files are not.
    pub fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Path(path) => {
                if fs::symlink_metadata(path).is_ok_and(|old| old.file_type().is_socket()) {
                    fs::remove_file(path)?;
                }
                let listener = UnixListener::bind(path)?;
                Ok(Self::Unix(listener, Some(SocketFile { path: path.clone(), identity: identity(path)? })))
            }
            Address::Abstract(name) => {
                UnixListener::bind_addr(&abstract_address(name)?).map(|listener| Self::Unix(listener, None))
            }
            Address::Tcp(host, port) => TcpListener::bind(resolve(host, *port)?[0]).map(Self::Tcp),
        }
    }

    /// The next that has connected.
    pub fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener, _) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| Stream::tcp(stream)),
        }
    }

    /// The port, if it is one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Unix(..) => None,
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> io::Result<UnixAddr> {
    use std::os::linux::net::SocketAddrExt;
    UnixAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &str) -> io::Result<UnixAddr> {
    Err(io::Error::new(ErrorKind::Unsupported, "sockets that are no files are Linux's alone"))
}

fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let known: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    if known.is_empty() { Err(ErrorKind::AddrNotAvailable.into()) } else { Ok(known) }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(into),
            Self::Tcp(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write_vectored(slices),
            Self::Tcp(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! source {
    ($kind:ident) => {
        impl Source for $kind {
            fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
                match self {
                    Self::Unix(source, ..) => source.register(registry, token, interest),
                    Self::Tcp(source) => source.register(registry, token, interest),
                }
            }

            fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
                match self {
                    Self::Unix(source, ..) => source.reregister(registry, token, interest),
                    Self::Tcp(source) => source.reregister(registry, token, interest),
                }
            }

            fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
                match self {
                    Self::Unix(source, ..) => source.deregister(registry),
                    Self::Tcp(source) => source.deregister(registry),
                }
            }
        }
    };
}

source!(Stream);
source!(Listener);
