//! CURVE: certificates, and who may connect.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::thread;

use zmq::{Context, Socket};

/// Public keys, 32 bytes each.
type Keys = HashSet<Vec<u8>>;

const ZAP: &str = "inproc://zeromq.zap.01";

/// The keys of a certificate file, as CZMQ and pyzmq write them.
pub struct Certificate {
    /// 32 bytes.
    pub public: Vec<u8>,
    /// 32 bytes, if the file has them.
    pub secret: Option<Vec<u8>>,
}

impl Certificate {
    /// Read a certificate file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{} can't be read: {error}", path.display()))?;
        let key = |name: &str| -> Option<Vec<u8>> {
            let value = text.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix('='))?;
            zmq::z85_decode(value.trim().trim_matches('"')).ok().filter(|key| key.len() == 32)
        };
        let public = key("public-key").ok_or_else(|| format!("{} has no public-key", path.display()))?;
        Ok(Self { public, secret: key("secret-key") })
    }

    /// Read a certificate file that has a secret key.
    pub fn read_secret(path: &Path) -> Result<(Vec<u8>, Vec<u8>), String> {
        let own = Self::read(path)?;
        let secret = own.secret.ok_or_else(|| format!("{} has no secret-key", path.display()))?;
        Ok((own.public, secret))
    }
}

/// The public keys of the certificates in a folder.
pub fn read_clients(folder: &Path) -> Result<Keys, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{} can't be read: {error}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let keys: Keys = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "key"))
        .map(|path| Certificate::read(&path).map(|certificate| certificate.public))
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(format!("{} has no certificate (*.key): nobody could connect", folder.display()));
    }
    Ok(keys)
}

/// Let those with these keys in, and nobody else, for as long as the context lives.
pub fn admit(context: &Context, keys: Keys) -> zmq::Result<()> {
    let door = context.socket(zmq::REP)?;
    door.bind(ZAP)?;
    // Ends with the context.
    thread::spawn(move || while matches!(judge(&door, &keys), Ok(()) | Err(zmq::Error::EINTR)) {});
    Ok(())
}

/// One question of the ZeroMQ authentication protocol.
fn judge(door: &Socket, keys: &Keys) -> zmq::Result<()> {
    let asked = door.recv_multipart(0)?;
    let known = asked.get(5).is_some_and(|mechanism| mechanism == b"CURVE")
        && asked.get(6).is_some_and(|key| keys.contains(key));
    let id = asked.get(1).cloned().unwrap_or_default();
    let (code, why): (&[u8], &[u8]) = if known { (b"200", b"OK") } else { (b"400", b"unknown key") };
    door.send_multipart([b"1.0", &id[..], code, why, b"", b""], 0)
}
