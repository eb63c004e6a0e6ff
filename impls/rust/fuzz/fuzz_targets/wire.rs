//! The wire decoder, asked by a fuzzer what `cargo test` asks it with frames of its own.

#![no_main]

#[path = "../../frames/tests/frames/mod.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|frame: &[u8]| {
    frames::check(frame);
});
