use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::rc::Rc;

use minisgl_tokenizer_frames::testing::answerer;
use minisgl_tokenizer_frames::testing::wire::{abort, batch, token};

use super::*;

/// Ends in memory.
#[derive(Default)]
struct Memory {
    requests: VecDeque<Vec<u8>>,
    answers: HashMap<&'static str, Vec<Vec<u8>>>,
    /// How often no answer is taken before one is.
    full: usize,
    waits: usize,
    /// How long each frame was waited for.
    waited: Vec<Option<Duration>>,
    /// What is left of the answers at the end.
    unsent: usize,
    log: Vec<u8>,
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Memory>>);

impl Ends for Shared {
    fn receive(&mut self, wait: Option<Duration>) -> Result<Option<Vec<u8>>, String> {
        let mut memory = self.0.borrow_mut();
        memory.waited.push(wait);
        // A wait without an end is over when there is the wish to stop.
        if wait.is_none() && memory.requests.is_empty() {
            return Err("it waits".into());
        }
        Ok(memory.requests.pop_front())
    }

    fn send(&mut self, end: End, frame: &[u8]) -> Result<bool, String> {
        let mut memory = self.0.borrow_mut();
        if memory.full > memory.waits {
            return Ok(false);
        }
        memory.answers.entry(end.name()).or_default().push(frame.to_vec());
        Ok(true)
    }

    fn wait_for_room(&mut self, _: End, _: Duration) -> Result<(), String> {
        self.0.borrow_mut().waits += 1;
        Ok(())
    }

    fn leave_within(self: Box<Self>, _: Duration) -> Result<[(End, usize); 2], String> {
        Ok([(End::Backend, 0), (End::Frontend, self.0.borrow().unsent)])
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().log.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A worker in this process, with the other sides of its ends.
struct Inside {
    worker: Worker<Shared>,
    memory: Shared,
}

fn inside(local_bs: usize) -> Inside {
    let memory = Shared::default();
    let limits = Limits { frame: 1000, prompt: 1000 };
    let (ends, log) = (Box::new(memory.clone()), Log::new(memory.clone()));
    let worker = Worker::new(ends, answerer(false), limits, local_bs, Stop::new().unwrap(), log);
    Inside { worker, memory }
}

impl Inside {
    fn send(&self, frame: &[u8]) {
        self.memory.0.borrow_mut().requests.push_back(frame.to_vec());
    }

    fn step(&mut self) -> bool {
        self.worker.step(Some(Duration::ZERO)).unwrap()
    }
}

impl Shared {
    fn log(&self) -> Vec<String> {
        String::from_utf8(self.0.borrow().log.clone()).unwrap().lines().map(str::to_owned).collect()
    }

    /// How many messages each frame has that was answered.
    fn sizes(&self, end: End) -> Vec<usize> {
        let count =
            |frame: &Vec<u8>| rmpv::decode::read_value(&mut &frame[..]).unwrap()["data"].as_array().map_or(1, Vec::len);
        self.0.borrow().answers.get(end.name()).into_iter().flatten().map(count).collect()
    }
}

#[test]
fn frames_are_merged_until_there_are_enough_messages() {
    let mut inside = inside(3);
    inside.send(&token(1, 97, false));
    // It takes the first step over the number: a frame is never cut.
    inside.send(&batch(&vec![token(1, 97, false); 4]));
    inside.send(&token(1, 97, false));
    inside.send(&token(1, 97, false));
    assert!(inside.step());
    assert!(inside.step());
    assert!(!inside.step());
    assert_eq!(inside.memory.sizes(End::Frontend), [5, 2]);
}

#[test]
fn bad_frames_and_their_bytes_do_not_keep_the_good_ones_waiting() {
    let mut inside = inside(4);
    inside.send(&token(1, 97, false));
    for _ in 0..10 {
        inside.send(&[0x07]);
    }
    assert!(inside.step());
    assert_eq!(inside.memory.sizes(End::Frontend), [1]);
    assert_eq!(inside.memory.log().len(), 3);

    let mut inside = self::inside(1000);
    inside.send(&token(1, 97, false));
    for _ in 0..10 {
        inside.send(&[0; 600]);
    }
    assert!(inside.step());
    assert_eq!(inside.memory.sizes(End::Frontend), [1]);
    assert_eq!(inside.memory.log().len(), 2);
}

#[test]
fn it_waits_without_a_timer_unless_there_is_something_to_say() {
    let once = Some(Duration::ZERO);
    let inside = inside(2);
    inside.send(&token(1, 97, false));
    let memory = inside.memory.clone();
    assert_eq!(inside.worker.run(), Err("it waits".into()));
    assert_eq!(memory.0.borrow().waited, [None, once, None]);

    let inside = self::inside(1);
    for _ in 0..150 {
        inside.send(&[0x07]);
    }
    let memory = inside.memory.clone();
    assert_eq!(inside.worker.run(), Err("it waits".into()));
    let held = memory.0.borrow().waited[100..].to_vec();
    assert_eq!(held, [vec![None], vec![Some(IDLE); 50], vec![None]].concat());
    assert_eq!(memory.log().last().unwrap(), "and 50 more lines, not shown");
}

#[test]
fn told_to_stop_it_answers_what_is_there() {
    let inside = inside(1);
    for uid in 0..50 {
        inside.send(&token(uid, 97, true));
        inside.send(&abort(uid));
    }
    inside.worker.stop.set();
    inside.worker.run().unwrap();
    let memory = inside.memory;
    assert_eq!((memory.sizes(End::Frontend).len(), memory.sizes(End::Backend).len()), (50, 50));
}

#[test]
fn lines_that_were_not_shown_are_spoken_of() {
    let inside = inside(1);
    for _ in 0..150 {
        inside.send(&[0x07]);
    }
    inside.worker.stop.set();
    inside.worker.run().unwrap();
    assert_eq!(inside.memory.log().last().unwrap(), "and 50 more lines, not shown");
}

#[test]
fn an_end_that_is_full_is_waited_for() {
    let mut inside = inside(1);
    inside.memory.0.borrow_mut().full = 3;
    inside.send(&token(1, 97, false));
    assert!(inside.step());
    assert_eq!((inside.memory.sizes(End::Frontend), inside.memory.0.borrow().waits), (vec![1], 3));
}

#[test]
fn frames_that_nobody_took_are_spoken_of() {
    let inside = inside(1);
    inside.memory.0.borrow_mut().unsent = 7;
    inside.worker.stop.set();
    inside.worker.run().unwrap();
    assert_eq!(inside.memory.log(), ["7 frames are lost: the front end doesn't read"]);
}
