//! MessagePack values within a frame: skipped, sliced, and read without a copy.

use rmp::Marker;
use rmp::decode::{RmpRead, read_marker};

/// Values nest no deeper in any message of the wire, by far.
const DEEPEST: usize = 62;

/// Why bytes are not what they should be.
pub type Wrong = String;

/// The first value of some bytes, and the bytes after it. Its structure is whole, its texts may not be UTF-8.
pub fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), Wrong> {
    let mut rest = bytes;
    skip(&mut rest)?;
    Ok(bytes.split_at(bytes.len() - rest.len()))
}

/// Skip one value. Takes no memory that depends on what the bytes claim.
fn skip(rest: &mut &[u8]) -> Result<(), Wrong> {
    let values = skip_one(rest)?;
    if values == 0 {
        return Ok(());
    }
    // How many values are left at each depth.
    let mut open = [0; DEEPEST];
    open[0] = values;
    let mut depth = 1;
    while depth > 0 {
        if open[depth - 1] == 0 {
            depth -= 1;
            continue;
        }
        open[depth - 1] -= 1;
        let values = skip_one(rest)?;
        if values > 0 {
            *open.get_mut(depth).ok_or_else(|| format!("values nest deeper than {DEEPEST}"))? = values;
            depth += 1;
        }
    }
    Ok(())
}

/// Skip a value up to the values that it is made of, and say how many those are.
fn skip_one(rest: &mut &[u8]) -> Result<u64, Wrong> {
    let (size, values) = extent(rest)?;
    let size = usize::try_from(size).ok().filter(|size| *size <= rest.len()).ok_or("the frame ends within a value")?;
    *rest = &rest[size..];
    Ok(values)
}

/// After a value's marker: the bytes of its content, and the values that it is made of. Takes the marker.
fn extent(rest: &mut &[u8]) -> Result<(u64, u64), Wrong> {
    let marker = read_marker(rest).map_err(|_| "the frame ends where a value should be")?;
    Ok(match marker {
        Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => (0, 0),
        Marker::U8 | Marker::I8 => (1, 0),
        Marker::U16 | Marker::I16 | Marker::FixExt1 => (2, 0),
        Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
        Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
        Marker::FixStr(size) => (size.into(), 0),
        Marker::Str8 | Marker::Bin8 => (length(rest, 1)?, 0),
        Marker::Str16 | Marker::Bin16 => (length(rest, 2)?, 0),
        Marker::Str32 | Marker::Bin32 => (length(rest, 4)?, 0),
        Marker::FixExt2 => (3, 0),
        Marker::FixExt4 => (5, 0),
        Marker::FixExt8 => (9, 0),
        Marker::FixExt16 => (17, 0),
        Marker::Ext8 => (1 + length(rest, 1)?, 0),
        Marker::Ext16 => (1 + length(rest, 2)?, 0),
        Marker::Ext32 => (1 + length(rest, 4)?, 0),
        Marker::FixArray(count) => (0, count.into()),
        Marker::Array16 => (0, length(rest, 2)?),
        Marker::Array32 => (0, length(rest, 4)?),
        Marker::FixMap(count) => (0, 2 * u64::from(count)),
        Marker::Map16 => (0, 2 * length(rest, 2)?),
        Marker::Map32 => (0, 2 * length(rest, 4)?),
        Marker::Reserved => return Err("0xc1 is no MessagePack".into()),
    })
}

fn length(rest: &mut &[u8], bytes: u8) -> Result<u64, Wrong> {
    let read = match bytes {
        1 => rest.read_data_u8().map(u64::from),
        2 => rest.read_data_u16().map(u64::from),
        _ => rest.read_data_u32().map(u64::from),
    };
    read.map_err(|_| "the frame ends within a length".into())
}

/// Whether every text within a value, keys included, is UTF-8.
pub fn are_texts(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let before = rest;
        let Some((size, _)) = extent(&mut rest).ok().filter(|(size, _)| *size <= rest.len() as u64) else {
            return false;
        };
        let (content, after) = rest.split_at(size as usize);
        if is_text(before[0]) && str::from_utf8(content).is_err() {
            return false;
        }
        rest = after;
    }
    true
}

fn is_text(marker: u8) -> bool {
    matches!(Marker::from_u8(marker), Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32)
}

/// The number of pairs of a map, and the bytes of them.
pub fn map(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut rest = bytes;
    let pairs = rmp::decode::read_map_len(&mut rest).ok()?;
    Some((pairs, rest))
}

/// The number of items of an array, and the bytes of them.
pub fn array(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut rest = bytes;
    let items = rmp::decode::read_array_len(&mut rest).ok()?;
    Some((items, rest))
}

/// A text, if it is UTF-8.
pub fn text(bytes: &[u8]) -> Option<&str> {
    rmp::decode::read_str_from_slice(bytes).ok().map(|(text, _)| text)
}

/// An integer that is not negative.
pub fn unsigned(bytes: &[u8]) -> Option<u64> {
    rmp::decode::read_int(&mut &*bytes).ok()
}

/// A boolean.
pub fn boolean(bytes: &[u8]) -> Option<bool> {
    rmp::decode::read_bool(&mut &*bytes).ok()
}
