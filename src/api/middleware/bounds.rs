//! How long the head of a request may be.

use actix_web::dev::ServiceRequest;

use crate::domain::error::{Error, Problem};

/// The longest path and query, in bytes.
const MAX_URI: usize = 8 * 1024;
/// The most bytes of all header fields, each with its separators.
const MAX_HEADERS: usize = 16 * 1024;
/// `: ` and the line's end.
const SEPARATORS: usize = 4;

/// Refuses a head that is too long.
///
/// # Errors
/// `uri-too-long`, `headers-too-large`.
pub fn check(request: &ServiceRequest) -> Result<(), Error> {
    let uri = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if uri > MAX_URI {
        return Err(Error::new(
            Problem::UriTooLong,
            format!("The address has more than {MAX_URI} bytes."),
        ));
    }
    let fields = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + SEPARATORS);
    if fields.sum::<usize>() > MAX_HEADERS {
        return Err(Error::new(
            Problem::HeadersTooLarge,
            format!("The headers have more than {MAX_HEADERS} bytes."),
        ));
    }
    Ok(())
}
