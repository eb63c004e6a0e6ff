//! The command `minisgl-tokenizer-service`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use minisgl_tokenizer_service::answer::Answerer;
use minisgl_tokenizer_service::settings::Settings;
use minisgl_tokenizer_service::sockets::Sockets;
use minisgl_tokenizer_service::wire::Limits;
use minisgl_tokenizer_service::worker::Worker;

fn main() -> ExitCode {
    match run(&Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(settings: &Settings) -> Result<(), String> {
    settings.check()?;
    let (tokenizer, streams) = minisgl_tokenizer::load(&settings.tokenizer).map_err(|error| error.to_string())?;
    let answerer = Answerer::new(tokenizer, streams, settings.error_replies);
    let limits = Limits { frame: settings.max_frame, prompt: settings.max_prompt };
    let context = zmq::Context::new();
    let sockets = Sockets::open(&context, settings)?;
    let mut worker =
        Worker::new(sockets, answerer, limits, settings.local_bs as usize).map_err(|error| error.to_string())?;
    println!("ready");
    io::stdout().flush().map_err(|error| error.to_string())?;
    worker.run().map_err(|error| format!("the requests' socket failed: {error}"))?;
    drop(worker);
    let mut context = context;
    context.destroy().map_err(|error| error.to_string())
}
