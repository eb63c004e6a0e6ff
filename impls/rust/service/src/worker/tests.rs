use zmq::{Context, PULL, PUSH};

use super::*;
use crate::testing::answerer;
use crate::wire::testing::{abort, batch, token};

/// A worker in this process, with the other sides of its sockets.
struct Inside {
    worker: Worker<Vec<u8>>,
    push: Socket,
    backend: Socket,
    frontend: Socket,
}

fn inside(local_bs: usize) -> Inside {
    let context = Context::new();
    let pair = |name: &str, outer, inner| {
        let ends = (context.socket(outer).unwrap(), context.socket(inner).unwrap());
        ends.0.bind(&format!("inproc://{name}")).unwrap();
        ends.1.connect(&format!("inproc://{name}")).unwrap();
        ends
    };
    let (push, pull) = pair("pull", PUSH, PULL);
    let (backend, to_backend) = pair("backend", PULL, PUSH);
    let (frontend, to_frontend) = pair("frontend", PULL, PUSH);
    let sockets = Sockets { pull, backend: to_backend, frontend: to_frontend };
    let limits = Limits { frame: 1000, prompt: 1000 };
    let worker = Worker::new(sockets, answerer(false), limits, local_bs, Stop::default(), Log::new(Vec::new()));
    Inside { worker, push, backend, frontend }
}

impl Inside {
    fn send(&self, frame: &[u8]) {
        self.push.send(frame, DONTWAIT).unwrap();
    }

    fn log(&self) -> String {
        String::from_utf8(self.worker.log.out().clone()).unwrap()
    }
}

/// How many messages each frame has that is there.
fn sizes(socket: &Socket) -> Vec<usize> {
    std::iter::from_fn(|| socket.recv_bytes(DONTWAIT).ok())
        .map(|frame| rmpv::decode::read_value(&mut &*frame).unwrap()["data"].as_array().map_or(1, Vec::len))
        .collect()
}

#[test]
fn frames_are_merged_until_there_are_enough_messages() {
    let mut inside = inside(3);
    inside.send(&token(1, 97, false));
    // It takes the first step over the number: a frame is never cut.
    inside.send(&batch(&vec![token(1, 97, false); 4]));
    inside.send(&token(1, 97, false));
    inside.send(&token(1, 97, false));
    assert!(inside.worker.step(DONTWAIT).unwrap());
    assert!(inside.worker.step(DONTWAIT).unwrap());
    assert!(!inside.worker.step(DONTWAIT).unwrap());
    assert_eq!(sizes(&inside.frontend), [5, 2]);
}

#[test]
fn bad_frames_and_their_bytes_do_not_keep_the_good_ones_waiting() {
    let mut inside = inside(4);
    inside.send(&token(1, 97, false));
    for _ in 0..10 {
        inside.send(&[0x07]);
    }
    assert!(inside.worker.step(DONTWAIT).unwrap());
    assert_eq!(sizes(&inside.frontend), [1]);
    assert_eq!(inside.log().lines().count(), 3);

    let mut inside = self::inside(1000);
    inside.send(&token(1, 97, false));
    for _ in 0..10 {
        inside.send(&[0; 600]);
    }
    assert!(inside.worker.step(DONTWAIT).unwrap());
    assert_eq!(sizes(&inside.frontend), [1]);
    assert_eq!(inside.log().lines().count(), 2);
}

#[test]
fn told_to_stop_it_answers_what_is_there() {
    let mut inside = inside(1);
    for uid in 0..50 {
        inside.send(&token(uid, 97, true));
        inside.send(&abort(uid));
    }
    inside.worker.stop.set();
    inside.worker.run().unwrap();
    assert_eq!((sizes(&inside.frontend).len(), sizes(&inside.backend).len()), (50, 50));
}

#[test]
fn lines_that_were_not_shown_are_spoken_of() {
    let mut inside = inside(1);
    for _ in 0..150 {
        inside.send(&[0x07]);
    }
    inside.worker.stop.set();
    inside.worker.run().unwrap();
    assert_eq!(inside.log().lines().last(), Some("and 50 more lines, not shown"));
}
