//! Form bodies, `multipart/form-data` and `application/x-www-form-urlencoded`: the only ones `POST /call` reads.

use crate::simulators::http::Request;

/// The fields of a form, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a request's form. A body of another type has no fields.
    pub(super) fn of(request: &Request) -> Self {
        let content_type = request.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("multipart/form-data") {
            return boundary(content_type)
                .map(|boundary| multipart(&request.body, boundary))
                .unwrap_or_default();
        }
        // `curl -d key=value` and clients that name no type send the same bytes.
        if media_type.is_empty() || media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Self(url::form_urlencoded::parse(&request.body).into_owned().collect());
        }
        Self::default()
    }

    /// The first value of a field; `None` when absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// The fields whose name begins with `prefix`, without it.
    pub(super) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter_map(move |(field, value)| Some((field.strip_prefix(prefix)?, value.as_str())))
    }
}

fn boundary(content_type: &str) -> Option<&str> {
    let parameter = content_type
        .split(';')
        .map(str::trim)
        .find_map(|part| part.strip_prefix("boundary="))?;
    Some(parameter.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

fn multipart(body: &[u8], boundary: &str) -> Form {
    let text = String::from_utf8_lossy(body);
    let delimiter = format!("--{boundary}");
    let parts = text
        .split(delimiter.as_str())
        .skip(1)
        .take_while(|part| !part.starts_with("--"));
    Form(parts.filter_map(field).collect())
}

/// One part: headers, a blank line, the value, and the line end that belongs to the next delimiter.
fn field(part: &str) -> Option<(String, String)> {
    let (headers, value) = part.split_once("\r\n\r\n")?;
    let disposition = headers
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = disposition
        .split(';')
        .map(str::trim)
        .find_map(|item| item.strip_prefix("name="))?;
    let value = value.strip_suffix("\r\n").unwrap_or(value);
    Some((name.trim_matches('"').to_owned(), value.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

    use super::*;

    fn request(content_type: &'static str, body: &'static str) -> Request {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Request {
            method: hyper::Method::POST,
            path: String::new(),
            query: vec![],
            headers,
            body: body.into(),
        }
    }

    #[test]
    fn multipart_values_keep_their_inner_line_ends() {
        let body = "--xyz\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\njohn.snow\r\n\
                    --xyz\r\nContent-Disposition: form-data; name=\"call_info\"\r\nContent-Type: text/plain\r\n\r\n\
                    [\r\n]\r\n--xyz--\r\n";
        let form = Form::of(&request("multipart/form-data; boundary=\"xyz\"", body));
        assert_eq!(form.get("from"), Some("john.snow"));
        assert_eq!(form.get("call_info"), Some("[\r\n]"));
        assert_eq!(form.get("to"), None);
    }

    #[test]
    fn urlencoded_fields_are_decoded() {
        let form = Form::of(&request(
            "application/x-www-form-urlencoded; charset=utf-8",
            "to=084%2099&custom_a=1&token=",
        ));
        assert_eq!(form.get("to"), Some("084 99"));
        assert_eq!(form.get("token"), None);
        assert_eq!(form.with_prefix("custom_").collect::<Vec<_>>(), [("a", "1")]);
    }

    #[test]
    fn a_json_body_has_no_fields() {
        assert_eq!(Form::of(&request("application/json", r#"{"to":"1"}"#)), Form::default());
    }
}
