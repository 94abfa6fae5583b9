//! Recordings.
use async_trait::async_trait;
use super::{Zenvia, judge, path_to};
use crate::domain::error::Failure;
use crate::providers::port::{Recording, Recordings, Target};
use crate::upstream::Exchange;
const OPEN: &str = "GET /chamada/{id}/gravacao";
#[async_trait]
impl Recordings for Zenvia {
    async fn open(&self, call: Target<'_>, range: Option<&str>) -> Result<Recording, Failure> {
        let exchange = Exchange { range: range.map(str::to_owned), ..Exchange::get(OPEN, path_to(OPEN, call.reference)?) };
        let _ = self.upstream.open(exchange, judge::rejected).await?;
        loop {}
    }
}
