//! Recordings that are not where the API is: at a link, to which no credential goes.

use std::fmt;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{LOCATION, RANGE};
use url::Url;

use super::exchange::{Answer, Rejection, Streamed};
use super::reading::{Opening, Reading};
use super::wire::{self, Connecting, Fault};
use crate::domain::error::Refusal;
use crate::domain::time::Timestamp;

/// A link to audio, given by a provider; whoever makes it has decided that its host may be asked.
///
/// `Debug` hides the address: whoever has it may listen.
pub struct Link {
    /// The operation's name in failures, such as `GET link`.
    pub operation: &'static str,
    /// Where the audio is.
    pub url: Url,
    /// A `Range` header to pass on.
    pub range: Option<String>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// Where a recording was found.
pub enum Found {
    /// Here, and on its way.
    Here(Streamed),
    /// Elsewhere: the provider redirects to this address, which was not asked.
    At(Url),
}

/// Leaves audio on its way, notes a redirect, and lets the adapter judge everything else.
pub(super) struct Finding<J>(pub(super) Opening<J>);

impl<J: Fn(&Answer) -> Rejection + Sync> Reading for Finding<J> {
    type Output = Found;

    async fn read(&self, operation: &'static str, response: Response, now: Timestamp) -> Result<Found, Fault> {
        match elsewhere(&response) {
            Some(url) => Ok(Found::At(url)),
            None => self.0.read(operation, response, now).await.map(Found::Here),
        }
    }
}

fn elsewhere(response: &Response) -> Option<Url> {
    let redirects = response.status().is_redirection();
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    response.url().join(location.to_str().ok()?).ok()
}

impl Link {
    /// Asks for the audio once, and waits until it begins to come.
    #[expect(clippy::disallowed_methods, reason = "a link leads to another host, so it gets a request without a credential")]
    pub(super) async fn open(self, connect: Duration, idle: Duration, now: Timestamp) -> Result<Streamed, Fault> {
        let failed = |error| Fault::of(error, self.operation);
        let connecting = Connecting {
            timeout: connect,
            fresh: false,
        };
        let mut request = wire::client(connecting).map_err(failed)?.get(self.url);
        if let Some(range) = self.range {
            request = request.header(RANGE, range);
        }
        let response = request.send().await.map_err(failed)?;
        Opening { judge: gone, idle }.read(self.operation, response, now).await
    }
}

/// A host of files that gives no file has none; only its own trouble is another matter.
fn gone(answer: &Answer) -> Rejection {
    match answer.status {
        429 => Rejection::busy(),
        500.. => Rejection::broken(),
        _ => Rejection::refused(Refusal::NoRecording),
    }
}
