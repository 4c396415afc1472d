//! `mittente`: everything in one process, for trying and for developing.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use local::cli::{Instead, Options};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os()) {
        Ok(options) => options,
        Err(Instead::Show(text)) => return show(&text),
        Err(Instead::Wrong(line)) => {
            complain(&line);
            return ExitCode::from(2);
        }
    };
    // The embedded DynamoDB warns of each condition that was not met, which is everyday business.
    let levels = Targets::new()
        .with_default(tracing::Level::WARN)
        .with_target("dynoxide", tracing::Level::ERROR);
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(io::stderr)
        .finish()
        .with(levels)
        .init();
    // Heard from here on, so that ending it early ends it cleanly too.
    let ended = match signals() {
        Ok(ended) => ended,
        Err(error) => {
            complain(&format!("mittente: cannot listen for signals: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let running = match local::start(options).await {
        Ok(running) => running,
        Err(error) => {
            complain(&format!("mittente: {}", with_causes(&error)));
            return ExitCode::FAILURE;
        }
    };
    show(&local::guide(&running));
    ended.await;
    running.stop().await;
    ExitCode::SUCCESS
}

/// Ends at Ctrl-C, or when the process is told to terminate.
#[cfg(unix)]
fn signals() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn signals() -> io::Result<impl Future<Output = ()>> {
    let mut interrupted = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupted.recv().await;
    })
}

/// Nobody may be reading: `mittente --help | head -1` is no failure.
fn show(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line.replace(['\r', '\n'], " ")
}
