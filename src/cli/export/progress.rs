//! How far an export is, for whoever watches. Where standard error is no terminal, only what holds it up is told.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::upstream::DownloadError;

/// Days are known beforehand, records are not.
const TEMPLATE: &str = "{bar:30} {pos}/{len} days, {msg} [{elapsed}]";

/// The line that shows it.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A line for so many days, of which some are read with so many rows.
    pub(super) fn new(days: usize, read: usize, rows: u64) -> Self {
        let bar = ProgressBar::new(days as u64);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        bar.set_position(read as u64);
        let progress = Self(bar);
        progress.rows(rows);
        progress
    }

    /// So many rows are read.
    pub(super) fn rows(&self, rows: u64) {
        self.0.set_message(format!("{} records", HumanCount(rows)));
    }

    /// So many days are read.
    pub(super) fn day(&self, read: usize) {
        self.0.set_position(read as u64);
    }

    /// The gateway is waited for.
    pub(super) fn waits(&self, error: &DownloadError, pause: Duration) {
        let told = format!("{error}; once more in {:.1} s", pause.as_secs_f32());
        if self.0.is_hidden() {
            self.tell(&told);
        }
        self.0.set_message(told);
    }

    /// Tells something in a line of its own.
    pub(super) fn tell(&self, told: &str) {
        self.0.suspend(|| {
            // Where standard error is closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr().lock(), "{told}");
        });
    }

    /// Everything is read.
    pub(super) fn end(&self) {
        self.0.finish();
    }
}
