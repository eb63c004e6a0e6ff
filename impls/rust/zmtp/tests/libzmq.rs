//! The same messages, whole and in order, from libzmq and to it.

mod common;

use common::Own;
use tempfile::TempDir;
use zmq::{Context, DONTWAIT};
use zmtp::Attach;

/// On both sides of each length at which something changes.
const LENGTHS: [usize; 10] = [0, 1, 254, 255, 256, 65_535, 65_536, 65_537, 1_000_000, 4 << 20];
const MANY: u32 = 20_000;

/// The address at which libzmq meets a socket of ours, and that of ours, for every way to meet.
fn meet(meeting: impl Fn(&Context, &str, bool)) {
    for bound in [true, false] {
        for host in ["127.0.0.1", "[::1]", "ipc"] {
            let folder = TempDir::new().unwrap();
            let address = match host {
                "ipc" => format!("ipc://{}/socket", folder.path().display()),
                // Of those that the system doesn't give to anyone by itself.
                _ => format!("tcp://{host}:{}", free_port(host)),
            };
            meeting(&Context::new(), &address, bound);
        }
    }
}

fn free_port(host: &str) -> u16 {
    let listener = std::net::TcpListener::bind(format!("{host}:0")).unwrap();
    listener.local_addr().unwrap().port()
}

fn attach(theirs: &zmq::Socket, address: &str, ours_is_bound: bool) {
    theirs.set_ipv6(true).unwrap();
    theirs.set_linger(0).unwrap();
    theirs.set_rcvtimeo(20_000).unwrap();
    theirs.set_sndtimeo(20_000).unwrap();
    if ours_is_bound { theirs.connect(address) } else { theirs.bind(address) }.unwrap();
}

fn way(bound: bool) -> Attach {
    if bound { Attach::Bind } else { Attach::Connect }
}

#[test]
fn messages_come_from_libzmq() {
    meet(|context, address, bound| {
        let theirs = context.socket(zmq::PUSH).unwrap();
        let mut pull = Own::pull(address, way(bound));
        attach(&theirs, address, bound);
        for length in LENGTHS {
            pull.until(|_| theirs.send(vec![7; length], DONTWAIT).ok());
            assert!(pull.receive() == vec![7; length], "{address}, {length} bytes");
        }
        let mut sent = 0;
        for at in 0..MANY {
            let message = pull.until(|pull| {
                while sent < MANY && theirs.send(&sent.to_be_bytes()[..], DONTWAIT).is_ok() {
                    sent += 1;
                }
                pull.receive()
            });
            assert_eq!(message, at.to_be_bytes());
        }
        pull.until(|_| theirs.send_multipart([&b"a"[..], b"", b"c"], DONTWAIT).ok());
        assert_eq!([pull.receive(), pull.receive(), pull.receive()], [&b"a"[..], b"", b"c"]);
    });
}

#[test]
fn messages_go_to_libzmq() {
    meet(|context, address, bound| {
        let theirs = context.socket(zmq::PULL).unwrap();
        let mut push = Own::push(address, way(bound));
        attach(&theirs, address, bound);
        for length in LENGTHS {
            push.send(&vec![7; length]);
            push.finish();
            assert!(theirs.recv_bytes(0).unwrap() == vec![7; length], "{address}, {length} bytes");
        }
        // More than fit into any queue on the way.
        let mut received = 0;
        for at in 0..MANY {
            push.until(|push| {
                while let Ok(message) = theirs.recv_bytes(DONTWAIT) {
                    assert_eq!(message[..4], u32::to_be_bytes(received));
                    received += 1;
                }
                push.send(&[&at.to_be_bytes()[..], &[0; 600]].concat()).then_some(())
            });
        }
        // What waits goes out only as they take it.
        push.until(|_| {
            while let Ok(message) = theirs.recv_bytes(DONTWAIT) {
                assert_eq!(message[..4], u32::to_be_bytes(received));
                received += 1;
            }
            (received == MANY).then_some(())
        });
        assert_eq!(push.socket.unsent(), 0);
    });
}

#[test]
fn a_pull_hears_all_its_peers_and_a_push_serves_all_of_them() {
    let folder = TempDir::new().unwrap();
    let (from, to) =
        (format!("ipc://{}/from", folder.path().display()), format!("ipc://{}/to", folder.path().display()));
    let context = Context::new();
    let (mut pull, mut push) = (Own::pull(&from, Attach::Bind), Own::push(&to, Attach::Bind));
    let peers: Vec<_> = (0..3u8)
        .map(|own| {
            let (sends, takes) = (context.socket(zmq::PUSH).unwrap(), context.socket(zmq::PULL).unwrap());
            attach(&sends, &from, true);
            attach(&takes, &to, true);
            (0..100).for_each(|_| sends.send(&[own][..], 0).unwrap());
            (sends, takes)
        })
        .collect();
    let mut heard = [0; 3];
    for _ in 0..300 {
        heard[usize::from(pull.receive()[0])] += 1;
    }
    assert_eq!(heard, [100; 3]);
    // Each is served as soon as it has connected, and then all in turn.
    let mut served = [false; 3];
    while served != [true; 3] {
        push.send(b"a");
        push.finish();
        push.turn();
        for (peer, (_, takes)) in peers.iter().enumerate() {
            served[peer] |= takes.recv_bytes(DONTWAIT).is_ok();
        }
    }
    for _ in 0..30 {
        push.send(b"b");
    }
    push.finish();
    for (_, takes) in peers {
        let count = std::iter::from_fn(|| takes.set_rcvtimeo(500).and_then(|()| takes.recv_bytes(0)).ok())
            .filter(|message| message == b"b")
            .count();
        assert_eq!(count, 10);
    }
}

#[test]
fn libzmq_hears_that_its_peer_lives() {
    let folder = TempDir::new().unwrap();
    let address = format!("ipc://{}/socket", folder.path().display());
    let context = Context::new();
    let theirs = context.socket(zmq::PUSH).unwrap();
    theirs.set_heartbeat_ivl(20).unwrap();
    theirs.set_heartbeat_timeout(10_000).unwrap();
    theirs.monitor("inproc://monitor", i32::from(zmq::SocketEvent::DISCONNECTED.to_raw())).unwrap();
    let monitor = context.socket(zmq::PAIR).unwrap();
    monitor.connect("inproc://monitor").unwrap();
    let mut pull = Own::pull(&address, Attach::Bind);
    attach(&theirs, &address, true);
    for at in 0..20u8 {
        theirs.send(&[at][..], 0).unwrap();
        assert_eq!(pull.receive(), [at]);
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    assert!(monitor.recv_bytes(DONTWAIT).is_err(), "it was never disconnected");
}
