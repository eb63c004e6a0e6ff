//! The command `minisgl-tokenizer-service`.

use std::io::{self, Write};
use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use clap::Parser;
use minisgl_tokenizer::caught;
use minisgl_tokenizer_frames::{Answerer, Limits, visible};
use minisgl_tokenizer_service::log::Log;
use minisgl_tokenizer_service::settings::Settings;
use minisgl_tokenizer_service::sockets;
use minisgl_tokenizer_service::stop::Stop;
use minisgl_tokenizer_service::worker::Worker;

/// Panics that are told of; a message that causes one could be sent again and again.
const MOST_PANICS: u32 = 20;

fn main() -> ExitCode {
    let settings = Settings::parse();
    panic::set_hook(Box::new(|panic| tell(&panic.to_string())));
    let done = caught(|| run(&settings)).flatten();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "error: {}", visible(&why));
            ExitCode::from(2)
        }
    }
}

/// Say where a panic was. Whoever catches it says what it cost.
fn tell(panic: &str) {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    if TOLD.fetch_add(1, Ordering::Relaxed) < MOST_PANICS {
        let _ = writeln!(io::stderr(), "a defect of this program: {}", visible(panic));
    }
}

fn run(settings: &Settings) -> Result<(), String> {
    settings.check()?;
    let (tokenizer, streams) = minisgl_tokenizer::load(&settings.tokenizer).map_err(|error| error.to_string())?;
    let answerer = Answerer::new(tokenizer, streams, settings.error_replies);
    let limits = Limits { frame: settings.max_frame, prompt: settings.max_prompt };
    let stop = Stop::new().map_err(|error| error.to_string())?;
    let bell = stop.bell().map_err(|error| error.to_string())?;
    let ends = sockets::open(settings, bell)?;
    stop.on_signals().map_err(|error| error.to_string())?;
    let worker = Worker::new(ends, answerer, limits, settings.local_bs as usize, stop, Log::new(io::stderr()));
    let mut out = io::stdout();
    writeln!(out, "ready")
        .and_then(|()| out.flush())
        .map_err(|error| format!("can't write to standard output: {error}"))?;
    worker.run().map_err(|error| format!("the sockets failed: {error}"))
}
