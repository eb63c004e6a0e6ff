//! Frames: a header that says what follows and how long it is.

/// Why a peer is not spoken to any longer.
pub type Refused = &'static str;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
/// The longest command that is taken: those of the handshake have properties that nobody here asks for.
const LONGEST_COMMAND: usize = 4096;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message, or a part of one.
    Message,
    /// A word from one implementation to the other.
    Command,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What follows.
    pub kind: Kind,
    /// The bytes of the header itself.
    pub size: usize,
    /// The bytes that follow.
    pub length: usize,
}

impl Header {
    /// The header that bytes begin with; none if they end within it. Messages longer than `most` are refused here,
    /// before there is memory for them.
    pub fn read(bytes: &[u8], most: usize) -> Result<Option<Self>, Refused> {
        let [flags, rest @ ..] = bytes else { return Ok(None) };
        let kind = match flags & !LONG {
            0 | MORE => Kind::Message,
            COMMAND => Kind::Command,
            _ => return Err("flags of no frame"),
        };
        let (size, length) = if flags & LONG == 0 {
            let [length, ..] = rest else { return Ok(None) };
            (2, u64::from(*length))
        } else {
            let Some(length) = rest.first_chunk() else { return Ok(None) };
            (9, u64::from_be_bytes(*length))
        };
        let most = if kind == Kind::Command { LONGEST_COMMAND } else { most };
        match usize::try_from(length) {
            Ok(length) if length <= most => Ok(Some(Self { kind, size, length })),
            _ => Err("a frame that is too long"),
        }
    }

    /// The bytes of header and content.
    pub fn total(self) -> usize {
        self.size + self.length
    }
}

/// The header of a frame with so many bytes.
#[derive(Clone, Copy)]
pub struct Head {
    bytes: [u8; 9],
    size: usize,
}

impl Head {
    /// The header for a frame of a kind.
    pub fn new(kind: Kind, length: usize) -> Self {
        let flags = if kind == Kind::Command { COMMAND } else { 0 };
        let mut bytes = [0; 9];
        if let Ok(length) = u8::try_from(length) {
            bytes[..2].copy_from_slice(&[flags, length]);
            Self { bytes, size: 2 }
        } else {
            bytes[0] = flags | LONG;
            bytes[1..].copy_from_slice(&(length as u64).to_be_bytes());
            Self { bytes, size: 9 }
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

/// A frame whole.
pub fn encode(kind: Kind, body: &[u8]) -> Vec<u8> {
    [Head::new(kind, body.len()).as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for kind in [Kind::Message, Kind::Command] {
            for length in [0, 1, 255, 256, 4096] {
                let frame = encode(kind, &vec![7; length]);
                let size = if length < 256 { 2 } else { 9 };
                let header = Header::read(&frame, 1 << 20).unwrap().unwrap();
                assert_eq!((header, header.total()), (Header { kind, size, length }, frame.len()));
                for end in 0..size {
                    assert_eq!(Header::read(&frame[..end], 1 << 20), Ok(None));
                }
            }
        }
    }

    #[test]
    fn what_is_too_long_is_refused_by_its_header() {
        let head = |kind, length| Head::new(kind, length).as_bytes().to_vec();
        assert!(Header::read(&head(Kind::Message, 1000), 1000).unwrap().is_some());
        assert!(Header::read(&head(Kind::Message, 1001), 1000).is_err());
        assert!(Header::read(&head(Kind::Message, 200), 100).is_err());
        assert!(Header::read(&head(Kind::Command, 4097), usize::MAX).is_err());
        assert!(Header::read(b"\x02\xff\xff\xff\xff\xff\xff\xff\xff", usize::MAX).unwrap().is_some());
    }

    #[test]
    fn a_part_of_a_message_is_one_and_other_flags_are_refused() {
        assert_eq!(Header::read(b"\x01\0", 9).unwrap().unwrap().kind, Kind::Message);
        assert_eq!(Header::read(b"\x03\0\0\0\0\0\0\0\x01", 9).unwrap().unwrap().total(), 10);
        let refused = (0..=255u8).filter(|flags| Header::read(&[*flags], 9).is_err()).count();
        assert_eq!(refused, 256 - 6);
    }
}
