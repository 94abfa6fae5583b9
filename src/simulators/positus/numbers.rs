//! The workspace and the WhatsApp numbers of the simulated account.

use crate::simulators::http::Reply;
use crate::simulators::json::{Object, array};

/// The key of the one workspace.
const WORKSPACE: &str = "3f0c7d52-1b7e-4c59-9c1e-6f7a0a4b9d21";
const CREATED_AT: &str = "2025-05-16T18:53:07.000000Z";

/// A WhatsApp number of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// The key in paths; neither the phone number nor Meta's id.
    pub id: String,
    /// Digits with the country code.
    pub phone: String,
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// Meta's id of the business account.
    pub waba_id: String,
}

impl Default for Number {
    fn default() -> Self {
        Self {
            id: "0b8f6a52-7c1e-4f0d-9a35-2d6c1e7f4b10".to_owned(),
            phone: "551131361234".to_owned(),
            phone_number_id: "106540352242922".to_owned(),
            waba_id: "324350595508042".to_owned(),
        }
    }
}

impl Number {
    /// The number as the permission endpoint shows it: without the country code.
    pub(super) fn national(&self) -> &str {
        self.phone.strip_prefix("55").unwrap_or(&self.phone)
    }
}

/// Lists the workspaces.
pub(super) fn workspaces() -> Reply {
    let workspace = Object::new()
        .text("id", WORKSPACE)
        .text("name", "Atendimento")
        .text("created_at", CREATED_AT)
        .text("updated_at", CREATED_AT);
    Reply::json(200, Object::new().raw("data", array([workspace.done()])).done())
}

/// Lists the numbers of a workspace; `None` for a workspace that does not exist.
pub(super) fn of_workspace(id: &str, numbers: &[Number]) -> Option<Reply> {
    let listed = numbers.iter().map(|number| {
        Object::new()
            .text("id", &number.id)
            .text("number", &number.phone)
            .text("waba_id", &number.waba_id)
            .raw("active", true)
            .text("created_at", CREATED_AT)
            .done()
    });
    (id == WORKSPACE).then(|| Reply::json(200, Object::new().raw("data", array(listed)).done()))
}
