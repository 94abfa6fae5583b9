//! Recordings: a call's by the API, a torpedo's or a voicemail's by a link.

use async_trait::async_trait;
use url::Url;

use super::wire::{Object, Value};
use super::{Zenvia, judge, path_to, resource};
use crate::domain::call::CallKind;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::providers::port::{Recording, Recordings, Target};
use crate::upstream::{Answer, Exchange, Found, Link, Rejection, Streamed};

const OPEN: &str = "GET /chamada/{id}/gravacao";
const LINK: &str = "GET link";

#[async_trait]
impl Recordings for Zenvia {
    async fn open(&self, call: Target<'_>, range: Option<&str>) -> Result<Recording, Failure> {
        if call.kind != CallKind::Connect {
            let link = self.link(call).await?;
            return self.open_link(&link, range).await;
        }
        let mut exchange = Exchange::get(OPEN, path_to(OPEN, call.reference)?);
        exchange.range = range.map(str::to_owned);
        // Their own client began to follow redirects for recordings: links lead to another host.
        match self.upstream.find(exchange, no_audio).await? {
            Found::Here(audio) => Ok(recording(audio)),
            Found::At(url) => self.open_url(url, range).await,
        }
    }

    async fn open_link(&self, link: &str, range: Option<&str>) -> Result<Recording, Failure> {
        let url = link.parse().map_err(|_| no_recording())?;
        self.open_url(url, range).await
    }
}

impl Zenvia {
    /// The link that the call's object has.
    async fn link(&self, call: Target<'_>) -> Result<String, Failure> {
        let resource = resource::of_kind(call.kind).ok_or_else(no_recording)?;
        let read = |object: &Value<'_>| Object::of(object).map(|object| object.recording_link());
        self.get(resource, call.reference, read).await?.ok_or_else(no_recording)
    }

    async fn open_url(&self, url: Url, range: Option<&str>) -> Result<Recording, Failure> {
        if !self.settings.may_fetch(&url) {
            return Err(no_recording());
        }
        let link = Link {
            operation: LINK,
            url,
            range: range.map(str::to_owned),
        };
        self.upstream.open_link(link).await.map(recording)
    }
}

/// A success that is no audio, and has no reason for it, does not tell what is wrong.
fn no_audio(answer: &Answer) -> Rejection {
    let rejection = judge::rejected(answer);
    match answer.status {
        200..300 if rejection.code.is_none() => Rejection::broken(),
        _ => rejection,
    }
}

fn no_recording() -> Failure {
    Failure::new(FailureKind::Refused(Refusal::NoRecording), LINK)
}

fn recording(audio: Streamed) -> Recording {
    Recording {
        status: audio.status,
        // MP3 is all they record.
        content_type: audio
            .content_type
            .filter(|media_type| media_type.starts_with("audio/"))
            .unwrap_or_else(|| "audio/mpeg".to_owned()),
        content_length: audio.content_length,
        content_range: audio.content_range,
        body: audio.body,
    }
}
