//! Peers that say anything, stop anywhere, or say nothing: the others don't notice.

mod common;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{GREETING, MOST, Own, PULL, PUSH, hear, is_closed, raw};
use tempfile::TempDir;
use zmtp::{Attach, Pull, Push, Socket};

fn bound<S>(open: impl FnOnce(&str) -> Own<S>) -> (Own<S>, TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("socket");
    (open(&format!("ipc://{}", path.display())), folder, path)
}

fn bound_pull() -> (Own<Pull>, TempDir, PathBuf) {
    bound(|address| Own::pull(address, Attach::Bind))
}

fn bound_push() -> (Own<Push>, TempDir, PathBuf) {
    bound(|address| Own::push(address, Attach::Bind))
}

/// A generator of Marsaglia's kind (xorshift64): the same numbers everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn what_is_said_is_heard_wherever_it_is_cut() {
    let long = [&b"\x02\0\0\0\0\0\0\x01\x2c"[..], &[5; 300]].concat();
    let said =
        [GREETING, PUSH, b"\0\x03abc", b"\x04\x07\x04PING\0\0", b"\0\0", &long, b"\x01\x01d", b"\0\x01e"].concat();
    let (mut pull, _folder, path) = bound_pull();
    for cut in 0..=said.len() {
        let mut peer = raw(&path, &[&said[..cut]]);
        // What comes first must have been read by itself.
        (0..3).for_each(|_| pull.turn());
        peer.write_all(&said[cut..]).unwrap();
        let heard: Vec<Vec<u8>> = (0..5).map(|_| pull.receive()).collect();
        assert_eq!(heard, [&b"abc"[..], b"", &[5; 300], b"d", b"e"], "cut at {cut}");
    }
    let mut peer = raw(&path, &[]);
    let mut heard = Vec::new();
    for byte in said.chunks(1) {
        peer.write_all(byte).unwrap();
        pull.turn();
        heard.extend(pull.socket.receive());
    }
    assert_eq!(heard, [&b"abc"[..], b"", &[5; 300], b"d", b"e"]);
}

#[test]
fn bytes_of_chance_are_survived_and_a_good_peer_is_heard() {
    let (mut pull, _folder, path) = bound_pull();
    let (mut push, _other, other) = bound_push();
    let mut good = raw(&path, &[GREETING, PUSH]);
    let mut reader = raw(&other, &[GREETING, PULL]);
    let mut chance = Chance(1);
    for round in 0..2000u32 {
        // A part of what is right, damaged, and something else after it.
        let mut said = [GREETING, if round % 2 == 0 { PUSH } else { PULL }, b"\0\x01x"].concat();
        said.truncate(chance.below(said.len() + 1));
        if chance.below(2) == 0 && !said.is_empty() {
            let at = chance.below(said.len());
            said[at] = chance.below(256) as u8;
        }
        said.extend((0..chance.below(40)).map(|_| chance.below(256) as u8));
        for place in [&path, &other] {
            // It may be closed before all is written.
            let _ = raw(place, &[]).write_all(&said);
        }
        good.write_all(&[&b"\0\x05!"[..], &round.to_be_bytes()].concat()).unwrap();
        let own = pull.until(|pull| pull.receive().filter(|message| message.first() == Some(&b'!')));
        assert_eq!(own[1..], round.to_be_bytes());
        push.turn();
    }
    // A bad one may still be served, but is soon gone.
    let mut heard = Vec::new();
    reader.set_nonblocking(true).unwrap();
    push.until(|push| {
        push.send(b"here");
        hear(&mut reader, &mut heard);
        heard.windows(4).any(|part| part == b"here").then_some(())
    });
}

fn hears_nothing(pull: &mut Pull) {
    assert_eq!(pull.receive(), None);
}

#[test]
fn who_breaks_the_rules_is_left() {
    let (mut pull, _folder, path) = bound_pull();
    let too_long = [&b"\x02"[..], &(MOST as u64 + 1).to_be_bytes()].concat();
    let curve = {
        let mut greeting = GREETING.to_vec();
        greeting[12..17].copy_from_slice(b"CURVE");
        greeting
    };
    let old = {
        let mut greeting = GREETING.to_vec();
        greeting[10] = 1;
        greeting
    };
    let cases: [&[&[u8]]; 11] = [
        &[b"GET / HTTP/1.1\r\n\r\n"],
        &[&curve],
        &[&old],
        &[GREETING, PULL],
        &[GREETING, b"\0\x01a"],
        &[GREETING, b"\x04\x05\x04PING"],
        &[GREETING, PUSH, &too_long],
        &[GREETING, PUSH, b"\x02\xff\xff\xff\xff\xff\xff\xff\xff"],
        &[GREETING, PUSH, b"\x08\x01a"],
        &[GREETING, PUSH, b"\x04\x00"],
        &[GREETING, PUSH, b"\x06\0\0\0\0\0\x01\0\0"],
    ];
    for (at, case) in cases.iter().enumerate() {
        let mut peer = raw(&path, &[]);
        let _ = peer.write_all(&case.concat());
        assert!(is_closed(&mut pull, &mut peer, hears_nothing), "case {at}");
    }
    assert!(!is_closed(&mut pull, &mut raw(&path, &[GREETING, PUSH]), hears_nothing));
    let (mut push, _other, other) = bound_push();
    assert!(is_closed(&mut push, &mut raw(&other, &[GREETING, PUSH]), |_| ()));
    assert!(is_closed(&mut push, &mut raw(&other, &[GREETING, PULL, b"\0\x01a"]), |_| ()));
    assert!(!is_closed(&mut push, &mut raw(&other, &[GREETING, PULL]), |_| ()));
}

#[test]
fn a_handshake_that_takes_too_long_is_given_up() {
    let (mut pull, _folder, path) = bound_pull();
    let mut silent = raw(&path, &[]);
    let mut slow = raw(&path, &[GREETING, &PUSH[..10]]);
    let mut good = raw(&path, &[GREETING, PUSH]);
    pull.turn();
    pull.turn();
    pull.socket.tick(Instant::now() + Duration::from_secs(29));
    assert!(!is_closed(&mut pull, &mut silent, hears_nothing));
    pull.socket.tick(Instant::now() + Duration::from_secs(31));
    assert!(is_closed(&mut pull, &mut silent, hears_nothing) && is_closed(&mut pull, &mut slow, hears_nothing));
    assert!(!is_closed(&mut pull, &mut good, hears_nothing));
}

#[test]
fn who_asks_whether_this_side_lives_is_told() {
    let answers = |peer: &mut UnixStream, heard: &mut Vec<u8>| {
        hear(peer, heard);
        heard.ends_with(b"\x04\x08\x04PONGabc").then_some(())
    };
    let ask = b"\x04\x0a\x04PING\0\x01abc";
    let (mut pull, _folder, path) = bound_pull();
    let (mut peer, mut heard) = (raw(&path, &[GREETING, PUSH, ask]), Vec::new());
    peer.set_nonblocking(true).unwrap();
    pull.until(|pull| {
        assert_eq!(pull.receive(), None);
        answers(&mut peer, &mut heard)
    });
    let (mut push, _folder, path) = bound_push();
    let (mut peer, mut heard) = (raw(&path, &[GREETING, PULL, ask]), Vec::new());
    peer.set_nonblocking(true).unwrap();
    push.until(|_| answers(&mut peer, &mut heard));
}

#[test]
fn who_asks_and_asks_without_reading_stops_nobody() {
    let (mut pull, _folder, path) = bound_pull();
    let mut good = raw(&path, &[GREETING, PUSH]);
    let mut asks = raw(&path, &[GREETING, PUSH]);
    asks.set_nonblocking(true).unwrap();
    let ping = b"\x04\x07\x04PING\0\0".repeat(1000);
    for _ in 0..200 {
        let _ = asks.write(&ping);
        good.write_all(b"\0\x01a").unwrap();
        assert_eq!(pull.receive(), b"a");
    }
}
