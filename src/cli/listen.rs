//! `switchboard listen`: the feed of events as signed requests to an address of the developer's.

mod feed;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use futures_util::TryStreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::sleep;
use url::Url;

use super::token::{every_scope, mint};
use super::{ConfigFiles, asked_to_end, block_on, print};
use crate::config::{Secret, signing_key};
use crate::domain::event::Event;
use crate::domain::time::Timestamp;
use crate::events::signature_headers;
use crate::upstream::{Download, DownloadError, Letter, Local};

use feed::Feed;

/// Where `switchboard dev` writes its configuration.
const DEVELOPMENT: &str = "data/switchboard.toml";
/// How long a token lives that is made here.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long the feed is left alone after it broke off.
const PAUSE: Duration = Duration::from_secs(1);

/// What to listen for, and where it goes.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where each event is posted.
    #[arg(long, value_name = "URL")]
    forward_to: Url,
    /// Which events: a type, a family such as call.*, or *; repeatable, or separated by commas.
    #[arg(long, value_name = "TYPES", default_value = "*", value_delimiter = ',')]
    types: Vec<String>,
    /// The gateway.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: Url,
    /// A token with the scope events:read. Without one it is made with the first key of the configuration that can sign, of
    /// `data/switchboard.toml` where no --config is given.
    #[arg(long, env = "SWITCHBOARD_TOKEN", hide_env_values = true, value_parser = secret)]
    token: Option<SecretString>,
    /// The tenant of a token that is made.
    #[arg(long, default_value = "acme")]
    tenant: String,
    /// What signs: a secret of a subscription, with or without whsec_. Without one it is made, and printed.
    #[arg(long, env = "SWITCHBOARD_SECRET", hide_env_values = true, value_parser = secret)]
    secret: Option<SecretString>,
    #[command(flatten)]
    files: ConfigFiles,
}

#[expect(clippy::unnecessary_wraps, reason = "what reads an argument may fail")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.to_owned().into())
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let token = token(options)?;
    let (secret, made) = match &options.secret {
        Some(given) => (Secret::new(given.expose_secret()), false),
        None => (Secret::generate()?, true),
    };
    let key = signing_key(&secret).ok_or_else(|| anyhow::anyhow!("whsec_ is not followed by base64"))?;
    if made {
        print(&format!("Signed with the secret {}\n", secret.expose()))?;
    }
    let forward = Forward {
        to: options.forward_to.clone(),
        key,
        way: Local::new()?,
    };
    block_on(1, async {
        tokio::select! {
            ended = follow(options, &token, &forward) => ended,
            asked = asked_to_end() => Ok(asked?),
        }
    })
}

fn token(options: &Options) -> anyhow::Result<SecretString> {
    if let Some(token) = &options.token {
        return Ok(token.clone());
    }
    let development = PathBuf::from(DEVELOPMENT);
    let files = if options.files.config.is_empty() && Path::new(DEVELOPMENT).exists() {
        vec![development]
    } else {
        options.files.config.clone()
    };
    let config = crate::app::load(&super::dev::sources(files))?;
    Ok(mint(&config.auth, &options.tenant, "listen", &every_scope(), TOKEN_LIFE)?.into())
}

/// Goes on from the last event whatever interrupts the feed, until the gateway refuses it.
async fn follow(options: &Options, token: &SecretString, forward: &Forward) -> anyhow::Result<()> {
    let download = Download::new(options.url.clone(), token.expose_secret())?;
    let types = options.types.join(",");
    let (mut last, mut told) = (None, false);
    loop {
        let ended = read(&download, &types, &mut last, forward).await;
        let wait = match ended {
            Ok(()) => PAUSE,
            Err(Ended::Feed(error)) if error.passes => {
                if !told {
                    print(&format!("The feed is interrupted: {error}. It is asked for again.\n"))?;
                }
                error.retry_after.unwrap_or(PAUSE)
            }
            Err(Ended::Feed(error)) => return Err(error.into()),
            Err(Ended::Here(error)) => return Err(error),
        };
        told = true;
        sleep(wait).await;
    }
}

/// Why it does not go on.
enum Ended {
    Feed(DownloadError),
    Here(anyhow::Error),
}

impl From<DownloadError> for Ended {
    fn from(error: DownloadError) -> Self {
        Self::Feed(error)
    }
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Self {
        Self::Here(error)
    }
}

/// Reads the feed to its end, and forwards each event before the next.
async fn read(download: &Download, types: &str, last: &mut Option<String>, forward: &Forward) -> Result<(), Ended> {
    let mut chunks = download.follow(&[("types", types)], last.as_deref(), now()).await?;
    if last.is_none() {
        print(&format!("Listening; events go to {}\n", forward.to))?;
    }
    let mut feed = Feed::default();
    while let Some(chunk) = chunks.try_next().await? {
        for event in feed.take(&chunk) {
            print(&forward.post(&event).await?)?;
            *last = Some(event.id);
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a command runs by the clock of the machine")]
fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// The way to the developer.
struct Forward {
    to: Url,
    key: Vec<u8>,
    way: Local,
}

impl Forward {
    /// Posts an event once; the line that tells of it. The feed goes on whatever the receiver says.
    async fn post(&self, sent: &feed::Sent) -> anyhow::Result<String> {
        let (event, body): (Event, _) = (serde_json::from_slice(&sent.data)?, Bytes::from(sent.data.clone()));
        let now = now();
        let headers = signature_headers(std::iter::once(self.key.clone()), event.id, now, &body);
        let letter = Letter {
            url: self.to.clone(),
            content_type: "application/cloudevents+json",
            headers: headers.unwrap_or_default(),
            body,
        };
        let answer = match self.way.post(letter).await {
            Ok((status, _)) => status.to_string(),
            Err(error) => format!("no answer: {error}"),
        };
        Ok(format!(
            "{now}  {}  {}  {}  {answer}\n",
            event.id,
            event.kind.as_str(),
            event.subject
        ))
    }
}
