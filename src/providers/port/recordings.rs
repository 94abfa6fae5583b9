//! Recordings, on their way from a provider.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::Target;
use crate::domain::error::{Failure, FailureKind, Refusal};

/// A recording on its way from the provider.
pub struct Recording {
    /// `200`, `206` for a range, or `416` for one behind the end, which has no audio.
    pub status: u16,
    /// The media type the provider states, `audio/…`.
    pub content_type: String,
    /// The length in bytes, where it is told.
    pub content_length: Option<u64>,
    /// The `Content-Range` of a partial answer.
    pub content_range: Option<String>,
    /// The audio.
    pub body: BoxStream<'static, Result<Bytes, Failure>>,
}

/// Gives recordings.
#[async_trait]
pub trait Recordings: Send + Sync {
    /// Opens the recording of a call; `range` is the caller's `Range` header. The credential goes to the account's own host only.
    ///
    /// # Errors
    /// `NoRecording` or `NotFound` where there is none.
    async fn open(&self, call: Target<'_>, range: Option<&str>) -> Result<Recording, Failure>;

    /// Opens a recording by the link that the provider told, such as a voicemail's. No credential goes along.
    ///
    /// # Errors
    /// `NoRecording` where the link gives none, or is to a host that may not be asked.
    async fn open_link(&self, link: &str, range: Option<&str>) -> Result<Recording, Failure> {
        let _ = (link, range);
        Err(Failure::new(FailureKind::Refused(Refusal::NoRecording), "GET link"))
    }
}
