//! The wire decoder against frames that were made up and damaged at random, always the same ones.
//!
//! `fuzz/` asks the same of frames that a fuzzer finds.

mod frames;

use frames::{batch, check, write};
use minisgl_tokenizer::{DetokenizeRequest, PromptInput};
use minisgl_tokenizer_frames::Request;

const ROUNDS: u32 = 200_000;

/// A generator of Marsaglia's kind (xorshift64*): the same numbers everywhere, without a dependency.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap() % end
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }

    fn text(&mut self) -> String {
        let length = self.below(40);
        (0..length).map(|_| self.of(&['a', ' ', '\0', 'é', '中', '🙂', '\u{202e}', '\u{fffd}'])).collect()
    }

    fn request(&mut self) -> Request<'static> {
        let uid = self.of(&[0, 127, 128, 255, 65_535, 1 << 32, i64::MAX as u64]);
        match self.below(4) {
            0 => Request::Abort { uid },
            1 => Request::Tokenize {
                uid,
                prompt: PromptInput::Text(self.text().into()),
                sampling_params: b"\x81\xa1a\x91\xc0",
            },
            2 => {
                let turns = self.below(3);
                let turn = |chance: &mut Self| {
                    vec![
                        ("role".into(), "user".into()),
                        ("content".into(), chance.text()[..].chars().take(9).collect()),
                    ]
                };
                let messages = (0..turns).map(|_| turn(self)).collect();
                Request::Tokenize { uid, prompt: PromptInput::Messages(messages), sampling_params: b"\x80" }
            }
            _ => {
                let token = self.of(&[0, 1, 127, 128, 65_536, u32::MAX]);
                Request::Detokenize(DetokenizeRequest { uid, token, finished: self.below(2) == 0 })
            }
        }
    }

    /// One whole value that is no request.
    fn bad_value(&mut self) -> Vec<u8> {
        let mut good = self.request();
        if let Request::Detokenize(token) = &mut good {
            token.uid = 5;
        }
        match self.below(6) {
            0 => self
                .of(&[&b"\xc0"[..], b"\x80", b"\x90", b"\x07", b"\xa1\xff", b"\xc7\x01\x05\0", b"\xcb\0\0\0\0\0\0\0\0"])
                .to_vec(),
            // A message with another class, or a field by another name.
            1 => swap(&single(&good), b"Msg", b"msg"),
            2 => swap(&single(&good), b"uid", b"UID"),
            // A prompt that is too long, and one that is not UTF-8.
            3 => single(&Request::Tokenize {
                uid: 5,
                prompt: PromptInput::Text("a".repeat(65).into()),
                sampling_params: b"\x80",
            }),
            4 => swap(
                &single(&Request::Tokenize {
                    uid: 5,
                    prompt: PromptInput::Text("bad".into()),
                    sampling_params: b"\x80",
                }),
                b"bad",
                b"\xff\xfe\xfd",
            ),
            _ => [&vec![0x91; self.below(60)][..], b"\xc2"].concat(),
        }
    }

    fn damage(&mut self, frame: &mut Vec<u8>) {
        let at = self.below(frame.len() + 1);
        match self.below(7) {
            0 => frame.truncate(at),
            1 => drop(frame.splice(at..at, self.bytes(8)).collect::<Vec<_>>()),
            2 => frame.extend(self.bytes(8)),
            // A marker of any kind, and lengths that are not there.
            3 => {
                let claims = [
                    &b"\xdf\xff\xff\xff\xff"[..],
                    b"\xdd\xff\xff\xff\xff",
                    b"\xdb\xff\xff\xff\xff",
                    b"\xc6\x7f\xff\xff\xff",
                    b"\xdc\xff\xff",
                    b"\xc1",
                ];
                let claim = self.of(&claims);
                drop(frame.splice(at..at, claim.iter().copied()).collect::<Vec<_>>());
            }
            4 => {
                let end = (at + self.below(30)).min(frame.len());
                let part = frame[at..end].to_vec();
                drop(frame.splice(at..at, part).collect::<Vec<_>>());
            }
            _ if at < frame.len() => frame[at] = self.next() as u8,
            _ => {}
        }
    }
}

/// A message by itself, as it stands in a batch.
fn single(request: &Request<'_>) -> Vec<u8> {
    let empty = write(&[]).len();
    write(std::slice::from_ref(request))[empty..].to_vec()
}

fn swap(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut swapped = bytes.to_vec();
    let at = bytes.windows(old.len()).position(|part| part == old).unwrap();
    swapped[at..at + old.len()].copy_from_slice(new);
    swapped
}

#[test]
fn the_good_messages_of_a_frame_always_come_out_and_each_bad_one_is_named() {
    let mut chance = Chance(1);
    let (mut good_ones, mut bad_ones) = (0, 0);
    for _ in 0..ROUNDS {
        let good: Vec<Request<'_>> = (0..chance.below(5)).map(|_| chance.request()).collect();
        let mut messages: Vec<Vec<u8>> = good.iter().map(single).collect();
        let bad = chance.below(3);
        for _ in 0..bad {
            let at = chance.below(messages.len() + 1);
            messages.insert(at, chance.bad_value());
        }
        let frame = batch(&messages);
        let (requests, problems) = check(&frame);
        assert_eq!(requests, good);
        assert_eq!(problems.len(), bad, "{problems:?}");
        (good_ones, bad_ones) = (good_ones + good.len(), bad_ones + bad);
    }
    assert!(good_ones > ROUNDS as usize && bad_ones > ROUNDS as usize / 2);
}

#[test]
fn a_damaged_frame_is_read_as_far_as_it_can_be() {
    let mut chance = Chance(2);
    let (mut read, mut named, mut whole) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let count = chance.below(4);
        let mut frame = write(&(0..count).map(|_| chance.request()).collect::<Vec<_>>());
        for _ in 0..=chance.below(3) {
            chance.damage(&mut frame);
        }
        let (requests, problems) = check(&frame);
        (read, named) = (read + requests.len(), named + problems.len());
        whole += usize::from(!requests.is_empty() && !problems.is_empty());
    }
    // The damage is neither always fatal nor harmless.
    let seldom = ROUNDS as usize / 100;
    assert!(read > seldom && named > seldom && whole > seldom, "{read} read, {named} named, {whole} with both");
}

#[test]
fn bytes_of_chance_are_survived() {
    let mut chance = Chance(3);
    for _ in 0..ROUNDS {
        let frame = chance.bytes(60);
        check(&frame);
    }
}
