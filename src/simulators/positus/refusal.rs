//! Refusals of the calling endpoints. The codes are Meta's, which the documentation of Positus does not list.

use super::knobs::ErrorForm;
use crate::simulators::http::Reply;
use crate::simulators::json::{Object, array};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: u32,
    pub(super) title: &'static str,
    pub(super) details: String,
}

impl Refusal {
    /// A refusal that names no further details.
    pub(super) fn plain(status: u16, code: u32, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            details: title.to_owned(),
        }
    }

    pub(super) fn invalid(details: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: 100,
            title: "Invalid parameter",
            details: details.into(),
        }
    }

    pub(super) fn reply(&self, form: ErrorForm) -> Reply {
        let body = match form {
            ErrorForm::Positus => Object::new()
                .raw("errors", array([self.error()]))
                .text("message", "Unfortunately we were not able to make your call"),
            ErrorForm::Message => Object::new().text("message", self.title),
            ErrorForm::Meta => Object::new().raw("error", self.meta_error()),
        };
        Reply::json(self.status, body.done())
    }

    fn error(&self) -> String {
        Object::new()
            .raw("code", self.code)
            .text("title", self.title)
            .text("details", &self.details)
            .done()
    }

    fn meta_error(&self) -> String {
        let data = Object::new()
            .text("messaging_product", "whatsapp")
            .text("details", &self.details)
            .done();
        Object::new()
            .text("message", &format!("(#{}) {}", self.code, self.title))
            .text("type", "OAuthException")
            .raw("code", self.code)
            .raw("error_data", data)
            .text("fbtrace_id", "A0simulatedTrace")
            .done()
    }
}

/// The title of an error with which an accepted call fails later.
pub(super) const fn title(code: u32) -> &'static str {
    match code {
        131_026 => "Receiver is incapable of receiving this message",
        138_001 => "Receiver Uncallable",
        138_002 => "Concurrent Calls Limit",
        138_004 => "Connection Error",
        138_005 => "Call Rate Limit Exceeded",
        138_007 => "Connection Timeout",
        _ => "Call failed",
    }
}
