//! `switchboard export`: the history of a gateway in a file, whatever happens on the way.

mod days;
mod part;
mod patience;
mod progress;
mod rows;
mod tenant;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use futures_util::TryStreamExt as _;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::sleep;
use url::Url;

use super::{asked_to_end, block_on, print};
use crate::domain::history::Window;
use crate::domain::time::Timestamp;
use crate::upstream::{Download, DownloadError};

use part::{Asked, Part};
use patience::Patience;
use progress::Progress;

/// The exit code of an export that is to be gone on with.
const PARTIAL: u8 = 3;

/// What to export, and where to.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where the gateway is, such as https://gateway.example.com.
    #[arg(long)]
    url: Url,
    /// A token with the scope history:read; better given in the environment, where no list of processes shows it.
    #[arg(long, env = "SWITCHBOARD_TOKEN", hide_env_values = true, value_parser = secret)]
    token: SecretString,
    /// The beginning: an instant, a date, `today` or `yesterday`.
    #[arg(long, default_value = "today")]
    since: String,
    /// The end: an instant (excluded) or a whole day (included).
    #[arg(long, default_value = "today")]
    until: String,
    /// How the file is written.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// The file.
    #[arg(long)]
    output: PathBuf,
    /// The zone whose days are meant: the gateway's `[history] time_zone`.
    #[arg(long, default_value = "America/Sao_Paulo")]
    time_zone: String,
}

#[expect(clippy::unnecessary_wraps, reason = "what reads an argument may fail")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.to_owned().into())
}

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One record a line.
    Ndjson,
    /// A table with the names of its columns in the first row.
    Csv,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        })
    }
}

/// How an export ended that began.
enum Ended {
    /// Everything is in the file.
    Complete,
    /// The same command goes on; why it stopped.
    Partial(anyhow::Error),
}

pub(super) fn run(options: Options) -> anyhow::Result<ExitCode> {
    // One connection, one file: more threads would wait.
    let ended = block_on(1, async {
        tokio::select! {
            ended = export(&options) => ended,
            asked = asked_to_end() => {
                asked?;
                Ok(Ended::Partial(anyhow::anyhow!("stopped on request")))
            }
        }
    })?;
    match ended {
        Ended::Complete => Ok(ExitCode::SUCCESS),
        Ended::Partial(reason) => {
            use std::io::Write as _;
            let part = part::beside(&options.output, "part");
            // Where standard error is closed there is nobody left to tell.
            let _ = writeln!(
                std::io::stderr().lock(),
                "{reason:#}\nWhat is there is in {}; the same command goes on.",
                part.display()
            );
            Ok(ExitCode::from(PARTIAL))
        }
    }
}

async fn export(options: &Options) -> anyhow::Result<Ended> {
    let zone = TimeZone::get(&options.time_zone)?;
    let asked = Asked {
        url: options.url.to_string(),
        tenant: tenant::of(options.token.expose_secret()),
        since: options.since.clone(),
        until: options.until.clone(),
        format: options.format.to_string(),
        time_zone: options.time_zone.clone(),
    };
    let download = Download::new(options.url.clone(), options.token.expose_secret())?;
    let window = days::range(&options.since, &options.until, zone.clone(), now())?;
    let mut part = Part::open(&options.output, asked, window)?;
    let days = days::split(part.range(), &zone);
    let progress = Progress::new(days.len(), part.days(), part.rows());
    let Window { since, until } = part.range();
    if part.days() > 0 {
        progress.tell(&format!(
            "Goes on with {since} to {until}, {} days of which are there.",
            part.days()
        ));
    }
    for day in days.into_iter().skip(part.days()) {
        if let Err(error) = read(&download, options.format, (day, &mut part), &progress).await {
            let passes = error.downcast_ref::<DownloadError>().is_some_and(|error| error.passes);
            if part.days() == 0 && !passes {
                part.abandon()?;
                return Err(error);
            }
            return Ok(Ended::Partial(error));
        }
    }
    let rows = part.rows();
    part.finish()?;
    progress.end();
    let output = options.output.display();
    print(&format!("{rows} records of {since} to {until} are in {output}\n"))?;
    Ok(Ended::Complete)
}

/// Reads a day to its end, however often it takes.
async fn read(
    download: &Download,
    format: Format,
    (day, part): (Window, &mut Part),
    progress: &Progress,
) -> anyhow::Result<()> {
    let mut patience = Patience::default();
    loop {
        let error = match try_read(download, format, (day, part), progress).await {
            Ok(()) => {
                part.keep()?;
                progress.day(part.days());
                return Ok(());
            }
            Err(error) => error,
        };
        part.roll_back()?;
        let Some(away) = error.downcast_ref::<DownloadError>().filter(|error| error.passes) else {
            return Err(error);
        };
        let Some(pause) = patience.pause(away.retry_after) else {
            return Err(error);
        };
        progress.waits(away, pause);
        sleep(pause).await;
    }
}

async fn try_read(
    download: &Download,
    format: Format,
    (day, part): (Window, &mut Part),
    progress: &Progress,
) -> anyhow::Result<()> {
    let (since, until, format) = (day.since.to_string(), day.until.to_string(), format.to_string());
    let query = [("since", &*since), ("until", &*until), ("format", &*format)];
    let mut chunks = download.open("/history", &query, now()).await?;
    while let Some(chunk) = chunks.try_next().await? {
        part.write(&chunk)?;
        progress.rows(part.rows());
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a command runs by the clock of the machine")]
fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
