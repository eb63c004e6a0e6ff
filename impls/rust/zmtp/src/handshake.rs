//! What two peers say before messages: a greeting, and READY with the kind of the socket. The mechanism is NULL.

use crate::frame::Refused;

/// The bytes of a greeting.
pub const GREETING: usize = 64;
const VERSION: u8 = 10;
const MECHANISM: std::ops::Range<usize> = 12..32;
const READY: &[u8] = b"READY";

/// The kind of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Takes messages.
    Pull,
    /// Sends them.
    Push,
}

impl Role {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Pull => b"PULL",
            Self::Push => b"PUSH",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Pull => Self::Push,
            Self::Push => Self::Pull,
        }
    }

    /// The command READY of such a socket.
    pub fn ready(self) -> Vec<u8> {
        let mut body = command(READY, b"");
        for (name, value) in [(&b"Socket-Type"[..], self.name()), (b"Identity", b"")] {
            body.push(name.len() as u8);
            body.extend(name);
            body.extend((value.len() as u32).to_be_bytes());
            body.extend(value);
        }
        body
    }

    /// Whether a command is READY from a socket that fits this one.
    pub fn check_ready(self, body: &[u8]) -> Result<(), Refused> {
        let (READY, mut rest) = split_command(body)? else { return Err("a command in place of READY") };
        let mut fits = false;
        while !rest.is_empty() {
            let (name, after) = property_part(rest, 1)?;
            let (value, after) = property_part(after, 4)?;
            rest = after;
            if name.eq_ignore_ascii_case(b"Socket-Type") {
                fits = value == self.other().name();
            }
        }
        if fits { Ok(()) } else { Err("a socket of another kind") }
    }
}

/// What this side greets with.
pub fn greeting() -> [u8; GREETING] {
    let mut bytes = [0; GREETING];
    bytes[0] = 0xff;
    bytes[9] = 0x7f;
    bytes[10] = 3;
    bytes[11] = 1;
    bytes[12..16].copy_from_slice(b"NULL");
    bytes
}

/// Check what there is of a greeting: what is none is refused at the first byte that shows it.
pub fn check_greeting(bytes: &[u8]) -> Result<(), Refused> {
    for (at, byte) in (0..).zip(bytes.iter().take(GREETING)) {
        match at {
            0 if *byte != 0xff => return Err("no greeting"),
            9 if *byte != 0x7f => return Err("no greeting"),
            _ if at == usize::from(VERSION) && *byte < 3 => return Err("a version before ZMTP 3"),
            _ if MECHANISM.contains(&at) && *byte != greeting()[at] => return Err("a mechanism that is not NULL"),
            _ => {}
        }
    }
    Ok(())
}

/// The body of a command.
pub fn command(name: &[u8], rest: &[u8]) -> Vec<u8> {
    [&[name.len() as u8], name, rest].concat()
}

/// The name of a command, and what follows it.
pub fn split_command(body: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    property_part(body, 1)
}

/// A text whose length comes first, in so many bytes, and what follows it.
fn property_part(bytes: &[u8], size: usize) -> Result<(&[u8], &[u8]), Refused> {
    let (length, rest) = bytes.split_at_checked(size).ok_or("a command that ends early")?;
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    rest.split_at_checked(length).ok_or("a command that ends early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_ready_for_one_of_the_other_kind() {
        assert_eq!(Role::Pull.check_ready(&Role::Push.ready()), Ok(()));
        assert_eq!(Role::Push.check_ready(&Role::Pull.ready()), Ok(()));
        assert!(Role::Pull.check_ready(&Role::Pull.ready()).is_err());
        assert!(Role::Push.check_ready(&command(b"READY", b"")).is_err());
        assert!(Role::Push.check_ready(&command(b"ERROR", b"\x04PULL")).is_err());
        assert_eq!(Role::Push.check_ready(&command(b"READY", b"\x0bsocket-TYPE\0\0\0\x04PULL")), Ok(()));
    }

    #[test]
    fn a_command_that_ends_early_is_refused() {
        let whole = Role::Push.ready();
        for end in 0..whole.len() {
            // At its end, and after the first property, it might be whole.
            let fits = Role::Pull.check_ready(&whole[..end]).is_ok();
            assert_eq!(fits, end == 6 + 12 + 4 + 4, "{end}");
        }
        assert!(Role::Pull.check_ready(&command(b"READY", b"\x01a\xff\xff\xff\xff")).is_err());
    }

    #[test]
    fn a_greeting_is_refused_at_the_byte_that_is_wrong() {
        let own = greeting();
        for end in 0..=GREETING {
            assert_eq!(check_greeting(&own[..end]), Ok(()));
        }
        for at in (0..GREETING).filter(|at| [0, 9, 10].contains(at) || MECHANISM.contains(at)) {
            let mut wrong = own;
            wrong[at] ^= 2;
            assert_eq!(check_greeting(&wrong[..at]), Ok(()));
            assert!(check_greeting(&wrong[..=at]).is_err(), "{at}");
        }
        assert!(check_greeting(b"GET / HTTP/1.1\r\n").is_err());
    }
}
