//! The promises of [`Store`](switchboard::store::Store), each as a caller would see it.

use std::time::Duration;

use bytes::Bytes;

pub mod counters;
pub mod logs;
pub mod sets;
pub mod values;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(80);

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
