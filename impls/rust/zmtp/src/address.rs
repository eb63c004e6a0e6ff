//! Where a socket is bound or connected.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// An address, as ZeroMQ writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `ipc://PATH`
    Path(PathBuf),
    /// `ipc://@NAME`: a socket of Linux that is no file.
    Abstract(String),
    /// `tcp://HOST:PORT`; the port 0, or `*`, is a free one.
    Tcp(String, u16),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no ipc:// or tcp:// address");
        match text.split_once("://").ok_or_else(wrong)? {
            ("ipc", name) if name.len() > 1 && name.starts_with('@') => Ok(Self::Abstract(name[1..].to_owned())),
            ("ipc", path) if !path.is_empty() && !path.starts_with(['@', '*']) => Ok(Self::Path(path.into())),
            ("tcp", place) => {
                let (host, port) = place.rsplit_once(':').ok_or_else(wrong)?;
                let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                let port = if port == "*" { 0 } else { port.parse().map_err(|_| wrong())? };
                if host.is_empty() { Err(wrong()) } else { Ok(Self::Tcp(host.to_owned(), port)) }
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(out, "ipc://{}", path.display()),
            Self::Abstract(name) => write!(out, "ipc://@{name}"),
            Self::Tcp(host, port) if host.contains(':') => write!(out, "tcp://[{host}]:{port}"),
            Self::Tcp(host, port) => write!(out, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["ipc:///tmp/a", "ipc://a", "ipc://@a", "tcp://127.0.0.1:5", "tcp://[::1]:5", "tcp://localhost:0"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("tcp://localhost:*".parse(), Ok(Address::Tcp("localhost".into(), 0)));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "ipc://", "ipc://@", "ipc://*", "tcp://", "tcp://a", "tcp://:1", "tcp://a:65536", "tcp://a:", "a:1"]
        {
            assert!(text.parse::<Address>().unwrap_err().contains("is no ipc:// or tcp:// address"), "{text}");
        }
    }
}
