//! Hot reload: the files of the configuration and of its secrets are looked at, and what they say is taken over whole or
//! not at all.
//!
//! They are looked at every second rather than watched by the kernel: that sees every way of replacing a file, be it by
//! writing, renaming, mounting or swapping a link above it, on every kind of file system, and cannot run out of watches.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Generation, load};
use crate::config::{Config, Fault, Faults, Sources};
use crate::domain::time::Timestamp;
use crate::telemetry::metric;
use crate::usecases::Reload;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long they must stay as they are to be thought complete.
const QUIET: Duration = Duration::from_millis(100);
/// How often that is waited for.
const MOST_WAITS: usize = 20;
/// A file written so short a time ago may be written again without any sign of it, in milliseconds.
const YOUNG: i64 = 2_000;

/// Takes over what the sources of the configuration say, whenever that changes.
pub(super) struct Reloader {
    pub(super) sources: Sources,
    pub(super) generation: Generation,
}

/// What tells one state of a file from another: device, inode, size, and when it was written or anything of it changed.
type Mark = (u64, u64, u64, (i64, i64), (i64, i64));

/// How the files are at one moment; none where there is none.
type Look = Vec<(PathBuf, Option<Mark>)>;

/// What the last try came upon.
#[derive(Default)]
struct Last {
    look: Look,
    faults: Vec<String>,
}

impl Reloader {
    /// Takes over what changes, and everything on SIGHUP, until told to stop.
    ///
    /// # Errors
    /// Where the signal cannot be listened to.
    pub(super) fn follow(self, stop: CancellationToken) -> std::io::Result<impl Future<Output = ()> + Send> {
        let hangup = signal(SignalKind::hangup())?;
        let reloader = Arc::new(self);
        Ok(async move { reloader.work(hangup, stop).await })
    }

    async fn work(self: Arc<Self>, mut hangup: Signal, stop: CancellationToken) {
        // Something may have changed since the start: the first look finds everything new.
        let mut last = Last::default();
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                Some(()) = hangup.recv() => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            let round = Arc::clone(&self);
            // Files may be slow, and a configuration takes a while to read.
            let turn = move || round.turn(last, asked);
            last = tokio::task::spawn_blocking(turn).await.unwrap_or_default();
        }
    }

    fn turn(&self, last: Last, asked: bool) -> Last {
        let mut look = self.look();
        if !asked && look == last.look && last.faults.is_empty() && !self.is_young(&look) {
            return last;
        }
        if look != last.look && !last.look.is_empty() {
            look = self.quiet(look);
        }
        // What is written from here on is found by the next look.
        match self.reload(asked) {
            Ok(false) if last.faults.is_empty() => Last { look, ..last },
            Ok(_) => {
                tracing::info!(
                    sha256 = self.generation.current.load().config().sha256(),
                    "the configuration is taken over"
                );
                self.note(Vec::new());
                Last {
                    look: self.look_again(look),
                    faults: Vec::new(),
                }
            }
            Err(Faults(faults)) => {
                let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
                if asked || faults != last.faults {
                    for fault in &faults {
                        tracing::error!(fault, "the configuration is not taken over");
                    }
                    self.note(faults.clone());
                }
                Last { look, faults }
            }
        }
    }

    /// Takes over what the sources say; says whether that was anything new, which it always is where it was `asked` for.
    fn reload(&self, asked: bool) -> Result<bool, Faults> {
        let before = self.generation.current.load();
        let config = load(&self.sources)?;
        let changes = before.config().restart_changes(&config);
        if !changes.is_empty() {
            return Err(Faults(changes.into_iter().map(needs_a_restart).collect()));
        }
        if !asked && config.is_same_as(before.config()) {
            return Ok(false);
        }
        self.generation.take_over(config)?;
        Ok(true)
    }

    fn note(&self, faults: Vec<String>) {
        metrics::gauge!(metric::CONFIG_LAST_RELOAD_SUCCESSFUL).set(u32::from(faults.is_empty()));
        self.generation.current.note(Reload { at: self.now(), faults });
    }

    fn look(&self) -> Look {
        self.files().into_iter().map(marked).collect()
    }

    /// The same moment's look, with the files that a configuration taken over since has added.
    fn look_again(&self, look: Look) -> Look {
        let known = |file: &PathBuf| look.iter().find(|(path, _)| path == file).cloned();
        let files = self.files().into_iter();
        files.map(|file| known(&file).unwrap_or_else(|| marked(file))).collect()
    }

    /// The look at the files once they stay as they are: who writes them is then thought to be done.
    fn quiet(&self, mut look: Look) -> Look {
        for _ in 0..MOST_WAITS {
            std::thread::sleep(QUIET);
            let next = self.look();
            if next == look {
                break;
            }
            look = next;
        }
        look
    }

    fn is_young(&self, look: &Look) -> bool {
        let now = self.now().as_millis();
        let written = look.iter().filter_map(|(_, mark)| *mark);
        written
            .map(|(.., (seconds, nanos))| seconds * 1000 + nanos / 1_000_000)
            .any(|changed| changed + YOUNG > now)
    }

    fn files(&self) -> BTreeSet<PathBuf> {
        let config = self.generation.current.load();
        let secrets = config.config().secret_files();
        self.sources.files.iter().chain(secrets).cloned().collect()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.generation.clock.now_ms())
    }
}

fn marked(file: PathBuf) -> (PathBuf, Option<Mark>) {
    // Links are followed: what they lead to counts.
    let mark = std::fs::metadata(&file).ok().map(|file: Metadata| {
        let (written, changed) = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
        (file.dev(), file.ino(), file.size(), written, changed)
    });
    (file, mark)
}

fn needs_a_restart(path: String) -> Fault {
    Fault {
        path,
        problem: "has changed, which takes a restart".to_owned(),
        remedy: "restart the gateway, or put the former value back to have the rest taken over".to_owned(),
    }
}

/// Shows that the configuration of the start is in force.
pub(super) fn show_start(config: &Config) {
    show(config, true);
    metrics::gauge!(metric::CONFIG_LAST_RELOAD_SUCCESSFUL).set(1);
}

/// Shows which configuration is in force.
pub(super) fn show(config: &Config, in_force: bool) {
    metrics::gauge!(metric::CONFIG_INFO, "sha256" => config.sha256().to_owned()).set(u32::from(in_force));
}
