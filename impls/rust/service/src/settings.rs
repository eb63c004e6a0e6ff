//! What the service is told when it starts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// An end of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum EndName {
    /// Requests.
    Pull,
    /// Ids, to the back end.
    Backend,
    /// Text, to the front end.
    Frontend,
    /// No end: all are connected.
    None,
}

/// A tokenizer worker process on mini-sglang's wire.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Settings {
    /// The tokenizer's folder.
    #[arg(long, value_name = "DIR")]
    pub tokenizer: PathBuf,
    /// An ipc:// or tcp:// address: requests.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub pull: String,
    /// An ipc:// or tcp:// address: ids, to the back end.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub backend: String,
    /// An ipc:// or tcp:// address: text, to the front end.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub frontend: String,
    /// The ends to bind, the others are connected.
    #[arg(long, value_name = "END,…", value_delimiter = ',', default_value = "pull")]
    pub bind: Vec<EndName>,
    /// Merge frames up to so many messages.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub local_bs: u32,
    /// Tell the front end, too, of requests that have no answer.
    #[arg(long)]
    pub error_replies: bool,
    /// The most bytes of a frame.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    pub max_frame: usize,
    /// The most characters of a prompt.
    #[arg(long, value_name = "CHARS", default_value_t = 4_000_000)]
    pub max_prompt: usize,
    /// The service's own CURVE certificate, with its secret key; tcp beyond loopback is bound with one only.
    #[arg(long, value_name = "FILE", requires = "curve_clients")]
    pub curve_certificate: Option<PathBuf>,
    /// A folder with the public certificates of those who may connect.
    #[arg(long, value_name = "DIR", requires = "curve_certificate")]
    pub curve_clients: Option<PathBuf>,
    /// The public certificate of whom tcp ends are connected to.
    #[arg(long, value_name = "FILE", requires = "curve_certificate")]
    pub curve_server: Option<PathBuf>,
}

impl Settings {
    /// What the ends are bound to or connected to: name, address, and whether it is bound.
    pub fn ends(&self) -> [(&'static str, &str, bool); 3] {
        let bound: BTreeSet<EndName> = self.bind.iter().copied().collect();
        [
            ("pull", &self.pull, bound.contains(&EndName::Pull)),
            ("backend", &self.backend, bound.contains(&EndName::Backend)),
            ("frontend", &self.frontend, bound.contains(&EndName::Frontend)),
        ]
    }

    /// What can't be, and what to change. Beyond loopback an end is bound or connected with CURVE keys only: there is
    /// no other way to know who writes to it or reads from it.
    pub fn check(&self) -> Result<(), String> {
        if self.bind.len() > 1 && self.bind.contains(&EndName::None) {
            return Err("--bind none stands by itself".into());
        }
        if !self.tokenizer.is_dir() {
            return Err(format!("--tokenizer must be a folder, and {} is none", self.tokenizer.display()));
        }
        for (name, address, bound) in self.ends() {
            let (verb, keys, needed) = if bound {
                ("bound", &self.curve_certificate, "--curve-certificate and --curve-clients")
            } else {
                ("connected", &self.curve_server, "--curve-certificate, --curve-clients and --curve-server")
            };
            if bound && address.starts_with("ipc://@") {
                return Err(format!(
                    "--{name} won't be bound to {address}: an abstract socket has no owner, anyone could connect"
                ));
            }
            if !is_local(address) && keys.is_none() {
                return Err(format!(
                    "--{name} won't be {verb} to {address}: \
                     beyond loopback (127.0.0.1, [::1], localhost) that needs {needed}"
                ));
            }
        }
        Ok(())
    }
}

/// Whether only this machine can reach an address.
fn is_local(address: &str) -> bool {
    let Some(place) = address.strip_prefix("tcp://") else { return true };
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    matches!(host, "127.0.0.1" | "[::1]" | "localhost")
}

fn address(text: &str) -> Result<String, String> {
    match text.split_once("://") {
        Some(("ipc" | "tcp", place)) if !place.is_empty() => Ok(text.to_owned()),
        _ => Err("it must be an ipc:// or tcp:// address".into()),
    }
}

#[cfg(test)]
mod tests;
