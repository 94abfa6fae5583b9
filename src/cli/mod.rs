//! The command line: one file per command.

mod capabilities;
mod check_config;
mod dev;
mod erase;
mod export;
mod listen;
mod management;
mod openapi;
mod serve;
mod simulate;
mod status;
mod token;
mod trace;
mod webhooks;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app;
use crate::config::{Config, Faults, Sources};

/// One HTTP API over several telephony providers.
///
/// Exit codes: 0 done; 1 a fault, told on standard error; 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the gateway.
    Serve(ConfigFiles),
    /// Runs the gateway for development, with simulated providers in the same process.
    Dev(dev::Options),
    /// Runs the simulated providers alone.
    Simulate(simulate::Options),
    /// Lists every fault of a configuration, and with --live whether the providers take its keys.
    ///
    /// Exit codes: 0 valid, and no key refused; 1 a fault, told on standard error, or a key that is refused; 2 wrong usage;
    /// 3 no key is refused, but a provider could not be asked.
    CheckConfig(check_config::Options),
    /// Prints the webhook URLs to register at an account's provider.
    Webhooks(webhooks::Options),
    /// Prints a token signed with a configured key.
    Token(token::Options),
    /// Tells how a running gateway and everything it serves fare.
    ///
    /// It is asked through its management listener. Of health, keys and last webhooks each gateway
    /// tells what it knows itself: ask every one.
    ///
    /// Exit codes: 0 all is well; 1 something needs a person, and the first lines say what; 2 the gateway cannot be asked, or
    /// wrong usage.
    Status(status::Options),
    /// Tells what happened to a call, a verification, or what a request made, in one timeline.
    ///
    /// It is asked of a running gateway through its management listener. Numbers are masked; codes, texts and bodies are not
    /// shown.
    ///
    /// Exit codes: 0 done; 1 nothing is kept of it, or the gateway cannot be asked; 2 wrong usage.
    Trace(trace::Options),
    /// Posts every event to an address of yours, signed, as a subscription would, and prints a line for each.
    ///
    /// For developers: nothing is kept, an event that is not taken is not tried again. The feed goes on after the last event
    /// when it is interrupted. Ctrl-C ends it.
    ///
    /// Exit codes: 0 ended on request; 1 the gateway refuses, the reason is on standard error; 2 wrong usage.
    Listen(listen::Options),
    /// Removes what is kept about a number, and tells how much of each kind.
    ///
    /// It is done by a running gateway, through its management listener, from the same machine. What the providers keep stays
    /// with them, and so do copies of the store. An answer that waits for a repeat of its request is gone after a day.
    ///
    /// Exit codes: 0 nothing is left; 1 it was broken off, the reason is on standard error, or the gateway cannot be asked; 2
    /// wrong usage; 3 something is under way and was left: run it again later.
    Erase(erase::Options),
    /// Writes a gateway's history to a file.
    ///
    /// It is read through the API, day by day, newest first, into OUTPUT.part, which becomes OUTPUT when everything is there; an
    /// OUTPUT that exists is replaced. A day that does not come to its end is read again, and a gateway that is away is waited
    /// for. After Ctrl-C, or whatever ended the command, the same command goes on where the last whole day ended, and the file
    /// is the same as without the interruption.
    ///
    /// Exit codes: 0 complete; 1 nothing is exported, the reason is on standard error; 2 wrong usage; 3 partial: the same
    /// command goes on.
    Export(export::Options),
    /// Prints the OpenAPI document.
    Openapi,
    /// Prints which provider can do what.
    Capabilities,
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
struct ConfigFiles {
    /// A configuration file; of several the later ones win.
    #[arg(long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
}

impl ConfigFiles {
    fn load(&self) -> Result<Config, Faults> {
        app::load(&self.sources())
    }

    fn sources(&self) -> Sources {
        Sources::from_process(self.config.clone())
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let mut exit = ExitCode::SUCCESS;
    let done = match Cli::parse().command {
        Command::Serve(files) => serve::run(&files),
        Command::Dev(options) => dev::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::CheckConfig(options) => check_config::run(&options).map(|code| exit = code),
        Command::Webhooks(options) => webhooks::run(&options),
        Command::Token(options) => token::run(&options),
        Command::Status(options) => status::run(&options).map(|code| exit = code),
        Command::Trace(options) => trace::run(&options),
        Command::Listen(options) => listen::run(&options),
        Command::Erase(options) => erase::run(&options).map(|code| exit = code),
        Command::Export(options) => export::run(options).map(|code| exit = code),
        Command::Openapi => openapi::run(),
        Command::Capabilities => capabilities::run(),
    };
    match done {
        Ok(()) => exit,
        Err(error) => {
            // Where standard error is closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr().lock(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints text for a person or a pipe; whoever stops reading has seen enough.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Runs `work` on a runtime of so many threads; of as many as the machine has cores, if 0.
fn block_on<T, F: Future<Output = anyhow::Result<T>>>(workers: usize, work: F) -> anyhow::Result<T> {
    runtime(workers).build()?.block_on(work)
}

/// The same for a gateway. Its servers have the threads that answer requests, those of the runtime do what goes on between
/// requests: when cores are short they step back. Where that is not allowed, all are equal.
fn block_on_behind<T, F: Future<Output = anyhow::Result<T>>>(workers: usize, work: F) -> anyhow::Result<T> {
    /// So a fourth of a core is left beside one thread that is never done.
    #[cfg(target_os = "linux")]
    const NICER: i32 = 5;
    let mut runtime = runtime(workers);
    #[cfg(target_os = "linux")]
    if let Ok(nice) = rustix::process::getpriority_process(None) {
        // A value and no difference: threads for what blocks are started by those that stepped back already.
        runtime.on_thread_start(move || {
            let _ = rustix::process::setpriority_process(None, nice + NICER);
        });
    }
    runtime.build()?.block_on(work)
}

fn runtime(workers: usize) -> tokio::runtime::Builder {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if workers > 0 {
        runtime.worker_threads(workers);
    }
    runtime.enable_all();
    runtime
}

/// Waits until the process is asked to end.
async fn asked_to_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Compares a generated file with the committed one; `UPDATE=1` adopts what was generated.
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]
pub(crate) fn committed(path: &str, generated: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "{} is not what is generated; adopt it with UPDATE=1",
        path.display()
    );
}
