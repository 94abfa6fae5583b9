//! `switchboard openapi`: the document.

use super::print;
use crate::api;

pub(super) fn run() -> anyhow::Result<()> {
    print(&api::openapi_json())
}
