//! What Voz answers. Pure; never panics.

use serde::Deserialize;
use switchboard::domain::call::ProviderRef;
use switchboard::domain::error::Refusal;
use switchboard::upstream::{Answer, Rejection};

#[derive(Deserialize)]
struct Placed {
    id: String,
}

#[derive(Deserialize)]
struct Refused {
    code: u32,
    message: String,
}

/// Reads the answer to a new call.
pub fn placed(answer: &Answer) -> Result<ProviderRef, Rejection> {
    match answer.status {
        201 => match serde_json::from_slice::<Placed>(&answer.body) {
            Ok(placed) => Ok(ProviderRef::id(placed.id)),
            // It was placed all the same.
            Err(_) => Err(Rejection::broken()),
        },
        429 => Err(Rejection::busy()),
        401 => Err(Rejection::refused(Refusal::Credential)),
        402 => Err(Rejection::refused(Refusal::Credit)),
        400..500 => Err(refused(answer)),
        _ => Err(Rejection::broken()),
    }
}

fn refused(answer: &Answer) -> Rejection {
    let Ok(told) = serde_json::from_slice::<Refused>(&answer.body) else {
        return Rejection::refused(Refusal::Unknown);
    };
    let refusal = match told.code {
        11 => Refusal::Invalid,
        12 => Refusal::Policy,
        _ => Refusal::Unknown,
    };
    Rejection::refused(refusal)
        .with_code(told.code.to_string())
        .with_message(told.message)
}
