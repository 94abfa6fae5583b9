//! What commands ask of a gateway's management listener, and post to an address that the person names who runs them.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use tokio::time::timeout;
use url::Url;

use super::outbound::Letter;
use super::wire::{self, Connecting};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take; what goes through the whole store takes its time.
const ANSWER: Duration = Duration::from_secs(600);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(String);

/// A plain way to an address that the person who runs a command named: nothing is guarded, no redirect is followed.
pub struct Local(Client);

impl Local {
    /// Makes the way; connects nowhere.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new() -> Result<Self, NoAnswer> {
        let connecting = Connecting {
            timeout: CONNECT,
            fresh: false,
        };
        let client = wire::build(connecting, |builder| builder).map_err(described)?;
        Ok(Self(client))
    }

    /// Reads what stands at an address; the status and the body.
    ///
    /// # Errors
    /// Where there is no whole answer.
    pub async fn get(&self, url: Url) -> Result<(u16, Bytes), NoAnswer> {
        answer(self.0.get(url)).await
    }

    /// Posts a letter once; the status and the body of the answer.
    ///
    /// # Errors
    /// As [`Local::get`]; the letter may have been taken all the same.
    pub async fn post(&self, letter: Letter) -> Result<(u16, Bytes), NoAnswer> {
        let mut request = self
            .0
            .post(letter.url)
            .header(CONTENT_TYPE, letter.content_type)
            .body(letter.body);
        for (name, value) in letter.headers {
            request = request.header(name, value);
        }
        answer(request).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the person who runs the command says where to")]
async fn answer(request: RequestBuilder) -> Result<(u16, Bytes), NoAnswer> {
    let asking = async {
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await?))
    };
    timeout(ANSWER, asking)
        .await
        .map_err(|_| NoAnswer("it is silent".to_owned()))?
        .map_err(described)
}

fn described(error: reqwest::Error) -> NoAnswer {
    NoAnswer(wire::describe(error))
}
