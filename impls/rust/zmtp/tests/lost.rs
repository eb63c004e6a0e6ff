//! Peers that come late, go, come again, or don't read: no message is lost that was not taken.

mod common;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixListener;

use common::{GREETING, Own, PULL, PUSH, hear, raw};
use tempfile::TempDir;
use zmtp::Attach;

fn place() -> (TempDir, std::path::PathBuf, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("socket");
    let address = format!("ipc://{}", path.display());
    (folder, path, address)
}

/// A message of a length under 256, as it stands on the wire.
fn framed(message: &[u8]) -> Vec<u8> {
    [&[0, u8::try_from(message.len()).unwrap()], message].concat()
}

#[test]
fn messages_wait_for_who_is_not_there_yet_or_not_any_longer() {
    let (_folder, path, address) = place();
    let mut push = Own::push(&address, Attach::Connect);
    push.send(b"early");
    push.turn();
    for (at, next) in ["first", "second", "third"].into_iter().enumerate() {
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut peer = push.until(|_| listener.accept().ok()).0;
        peer.write_all(&[GREETING, PULL].concat()).unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut heard = Vec::new();
        let expected = if at == 0 { framed(b"early") } else { framed(b"between") };
        push.until(|_| {
            hear(&mut peer, &mut heard);
            heard.ends_with(&expected).then_some(())
        });
        push.send(next.as_bytes());
        push.finish();
        let mut bytes = [0; 4096];
        let count = peer.read(&mut bytes).unwrap();
        assert_eq!(bytes[..count], framed(next.as_bytes()));
        drop((peer, listener));
        fs::remove_file(&path).unwrap();
        // It notices that the other side is gone, and keeps what comes.
        for _ in 0..5 {
            push.turn();
        }
        push.send(b"between");
        assert_eq!(push.socket.unsent(), 1);
    }
}

#[test]
fn a_message_that_was_taken_in_part_goes_whole_to_the_next() {
    let (_folder, path, address) = place();
    let listener = UnixListener::bind(&path).unwrap();
    let mut push = Own::push(&address, Attach::Connect);
    let mut peer = push.until(|_| listener.accept().ok()).0;
    peer.write_all(&[GREETING, PULL].concat()).unwrap();
    push.turn();
    push.turn();
    // Too long for the buffers of the system.
    let message = vec![9; 3 << 20];
    push.send(&message);
    push.send(b"and this");
    push.turn();
    peer.read_exact(&mut [0; 1000]).unwrap();
    drop(peer);
    let mut peer = push
        .until(|_| {
            listener.set_nonblocking(true).unwrap();
            listener.accept().ok()
        })
        .0;
    peer.set_nonblocking(true).unwrap();
    peer.write_all(&[GREETING, PULL].concat()).unwrap();
    let mut heard = Vec::new();
    push.until(|_| {
        hear(&mut peer, &mut heard);
        heard.ends_with(b"and this").then_some(())
    });
    let expected = [&b"\x02\0\0\0\0\0\x30\0\0"[..], &message, &framed(b"and this")].concat();
    assert!(heard.ends_with(&expected));
}

#[test]
fn a_pull_is_connected_again() {
    let (_folder, path, address) = place();
    let mut pull = Own::pull(&address, Attach::Connect);
    for _ in 0..3 {
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut peer = pull.until(|_| listener.accept().ok()).0;
        // What was sent before it went is heard, what was not sent whole is not.
        peer.write_all(&[GREETING, PUSH, b"\0\x01a\0\x01b\0\x02c"].concat()).unwrap();
        drop((peer, listener));
        fs::remove_file(&path).unwrap();
        assert_eq!([pull.receive(), pull.receive()], [b"a", b"b"]);
        pull.turn();
        assert_eq!(pull.socket.receive(), None);
    }
}

#[test]
fn nothing_is_waited_for_while_a_message_is_read_in_parts() {
    let (_folder, path, address) = place();
    let mut pull = Own::pull(&address, Attach::Bind);
    let mut peer = raw(&path, &[GREETING, PUSH, &framed(b"short")]);
    assert_eq!(pull.unhurried(zmtp::Pull::receive), b"short");
    let long = vec![7; 150_000];
    peer.write_all(&[&[2][..], &150_000u64.to_be_bytes(), &long].concat()).unwrap();
    assert_eq!(pull.unhurried(zmtp::Pull::receive), long);
}

#[test]
fn it_is_connected_again_though_nothing_happens() {
    let (_folder, path, address) = place();
    let mut push = Own::push(&address, Attach::Connect);
    push.turn();
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    push.unhurried(|_| listener.accept().ok());
}

#[test]
fn who_doesnt_read_is_waited_for() {
    let (_folder, path, address) = place();
    let mut push = Own::push(&address, Attach::Bind);
    assert!(!push.socket.send(b"to nobody"));
    let mut peer = raw(&path, &[GREETING, PULL]);
    let message = [1; 250];
    push.send(&message);
    let mut sent = 1;
    let mut full = 0;
    while full < 10 {
        if push.socket.send(&message) {
            (sent, full) = (sent + 1, 0);
        } else {
            full += 1;
            push.turn();
        }
    }
    // As many as may wait, and what the system holds.
    assert_eq!(push.socket.unsent(), 1000);
    peer.set_nonblocking(true).unwrap();
    let (mut heard, mut bytes) = (0, vec![0; 100_000]);
    push.until(|push| {
        heard += peer.read(&mut bytes).unwrap_or(0);
        (push.unsent() == 0 && heard >= sent * 252).then_some(())
    });
    push.send(b"more");
}

#[test]
fn who_sends_what_is_not_asked_for_waits() {
    let (_folder, path, address) = place();
    let mut pull = Own::pull(&address, Attach::Bind);
    let mut peer = raw(&path, &[GREETING, PUSH]);
    pull.turn();
    peer.set_nonblocking(true).unwrap();
    let message = framed(&[3; 250]);
    let (mut sent, mut turns) = (0, 0);
    while turns < 20 {
        match peer.write(&message[sent % message.len()..]) {
            Ok(count) => (sent, turns) = (sent + count, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                pull.turn();
                turns += 1;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(sent < 10_000_000, "it is read though nobody asks for it");
    }
    for _ in 0..sent / message.len() {
        assert_eq!(pull.receive(), [3; 250]);
    }
}

#[test]
fn the_file_of_a_socket_comes_and_goes_with_it() {
    let (_folder, path, address) = place();
    let stale = UnixListener::bind(&path).unwrap();
    drop(stale);
    assert!(path.exists());
    let pull = Own::pull(&address, Attach::Bind);
    raw(&path, &[]);
    drop(pull);
    assert!(!path.exists());
    // Someone else's is left alone, be it no socket or a later one.
    fs::write(&path, "text").unwrap();
    let poller = zmtp::Poller::new().unwrap();
    let refused = zmtp::Pull::open(&poller, &address.parse().unwrap(), Attach::Bind, 1);
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    fs::remove_file(&path).unwrap();
    let first = Own::pull(&address, Attach::Bind);
    let _second = Own::pull(&address, Attach::Bind);
    drop(first);
    assert!(path.exists());
}
