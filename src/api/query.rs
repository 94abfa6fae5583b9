//! Query parameters read strictly: none unknown, none given twice that has one value, commas as they are.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use url::form_urlencoded;

use super::values::{self, Wrong, truth};
use super::window::{Days, When};
use crate::domain::error::{Error, FieldError};
use crate::domain::history::Window;
use crate::usecases::requests::{AskedWindow, Paging};

/// How many objects a page has unless the caller says otherwise.
pub const DEFAULT_LIMIT: usize = 50;
/// How many objects a page has at most.
pub const MAX_LIMIT: i64 = 500;

/// The parameters of one request while they are read. What is wrong is collected for [`Params::finish`].
pub struct Params {
    pairs: Vec<(String, String)>,
    wrong: Vec<FieldError>,
}

impl Params {
    /// Splits a query string.
    pub fn new(query: &str) -> Self {
        let pairs =
            form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()));
        Self {
            pairs: pairs.collect(),
            wrong: Vec::new(),
        }
    }

    /// A parameter that may be given once.
    pub fn one<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        let mut values = self.take(name);
        let value = values.pop()?;
        if !values.is_empty() {
            self.refuse(name, Wrong::new("duplicate", "may be given only once"));
            return None;
        }
        read(&value).map_err(|wrong| self.refuse(name, wrong)).ok()
    }

    /// A parameter that may be repeated: any of its values fits.
    pub fn many<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, Wrong>) -> Vec<T> {
        let values = self.take(name);
        let kept = values
            .iter()
            .filter_map(|value| read(value).map_err(|wrong| self.refuse(name, wrong)).ok());
        kept.collect()
    }

    /// A parameter of words, several separated by commas or given by repeating it; each once.
    pub fn words<T: FromStr<Err: Display> + PartialEq>(&mut self, name: &str) -> Vec<T> {
        let lists = self.many(name, |text| {
            text.split(',').map(values::word).collect::<Result<Vec<T>, _>>()
        });
        let mut once = Vec::new();
        for word in lists.into_iter().flatten() {
            if !once.contains(&word) {
                once.push(word);
            }
        }
        once
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&mut self, name: &str) -> bool {
        self.one(name, truth).unwrap_or(false)
    }

    /// `limit` and `cursor`.
    pub fn paging(&mut self) -> Paging {
        let limit = self
            .one("limit", values::count(1..=MAX_LIMIT))
            .and_then(|limit| usize::try_from(limit).ok());
        let cursor = self.one("cursor", values::line(1..=512));
        Paging {
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            cursor,
        }
    }

    /// `since` and `until`; they mean nothing where neither is given. The end that is not given is that of `otherwise`.
    pub fn window(&mut self, days: &Days, otherwise: When) -> AskedWindow {
        let mut end = |name| self.one(name, |text| days.read(text).map(|when| (text.to_owned(), when)));
        let (since, until) = (end("since").unzip(), end("until").unzip());
        let ends = (since.1.unwrap_or(otherwise), until.1.unwrap_or(otherwise));
        if !self.goes_on() && ends.1.last() < ends.0.start {
            self.refuse("until", Wrong::invalid("must be after since"));
        }
        let meant = Window {
            since: ends.0.start,
            until: ends.1.end,
        };
        AskedWindow {
            meant: (since.0.is_some() || until.0.is_some()).then_some(meant),
            since: since.0,
            until: until.0,
        }
    }

    /// Whether a walk goes on, whose window was checked when it began; what `today` means may have changed since.
    pub fn goes_on(&self) -> bool {
        self.is_given("cursor")
    }

    /// Whether a parameter is there and not read yet.
    pub fn is_given(&self, name: &str) -> bool {
        self.pairs.iter().any(|(given, _)| given == name)
    }

    /// Notes that a parameter is wrong.
    pub fn refuse(&mut self, name: &str, wrong: Wrong) {
        self.wrong.push(FieldError::new(name, wrong.code, wrong.detail));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `invalid-input` naming every parameter that is wrong or was not asked for.
    pub fn finish(mut self) -> Result<(), Error> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let name: Cow<'_, str> = if name.len() > 64 { "…".into() } else { name.into() };
            self.refuse(&name, Wrong::new("unknown", "is not known here"));
        }
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(self.wrong))
        }
    }

    fn take(&mut self, name: &str) -> Vec<String> {
        let taken = self.pairs.extract_if(.., |(given, _)| given == name);
        taken.map(|(_, value)| value).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::api::values::word;
    use crate::domain::call::CallStatus;

    fn wrong(params: Params) -> Vec<(String, &'static str)> {
        params
            .finish()
            .unwrap_err()
            .context
            .fields
            .into_iter()
            .map(|field| (field.pointer, field.code))
            .collect()
    }

    #[test]
    fn a_key_is_repeated_for_several_values_and_a_comma_separates_nothing() {
        let mut params = Params::new("status=busy&status=failed&tag=a,b");
        assert_eq!(
            params.many("status", word::<CallStatus>),
            [CallStatus::Busy, CallStatus::Failed]
        );
        assert_eq!(params.many("tag", values::tag), ["a,b"]);
        params.finish().unwrap();

        let mut params = Params::new("status=busy,failed");
        params.many("status", word::<CallStatus>);
        assert_eq!(wrong(params), [("status".to_owned(), "invalid")]);
    }

    #[test]
    fn words_are_separated_by_commas_or_repeated_and_each_counts_once() {
        let mut params = Params::new("status=busy,failed&status=busy");
        assert_eq!(
            params.words::<CallStatus>("status"),
            [CallStatus::Busy, CallStatus::Failed]
        );
        params.finish().unwrap();
        for query in ["status=", "status=busy,", "status=busy;failed", "status=BUSY"] {
            let mut params = Params::new(query);
            params.words::<CallStatus>("status");
            assert_eq!(wrong(params), [("status".to_owned(), "invalid")], "{query}");
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        let mut params = Params::new("limit=1&limit=2&what=1&access_token=x&=");
        params.paging();
        let expected = [
            ("limit", "duplicate"),
            ("what", "unknown"),
            ("access_token", "unknown"),
            ("", "unknown"),
        ];
        assert_eq!(wrong(params), expected.map(|(name, code)| (name.to_owned(), code)));
    }

    #[test]
    fn a_page_has_1_to_500_objects() {
        for (query, limit) in [("", 50), ("limit=1", 1), ("limit=500", 500)] {
            let mut params = Params::new(query);
            assert_eq!(params.paging().limit, limit);
            params.finish().unwrap();
        }
        for query in [
            "limit=0",
            "limit=501",
            "limit=",
            "limit=-1",
            "limit=1.5",
            "limit=all",
            "cursor=",
        ] {
            let mut params = Params::new(query);
            params.paging();
            assert_eq!(wrong(params).len(), 1, "{query}");
        }
    }

    #[test]
    fn flags_are_true_or_false() {
        for (query, flag) in [("", false), ("partial=true", true), ("partial=false", false)] {
            assert_eq!(Params::new(query).flag("partial"), flag);
        }
        for query in ["partial", "partial=1", "partial=TRUE"] {
            let mut params = Params::new(query);
            params.flag("partial");
            assert_eq!(wrong(params).len(), 1, "{query}");
        }
    }

    #[test]
    fn a_window_has_two_ends_in_their_order() {
        let zone = jiff::tz::TimeZone::UTC;
        let days = Days::new(
            zone,
            crate::domain::time::Timestamp::parse("2026-11-22T12:00:00Z").unwrap(),
        );
        let window = |query: &str| {
            let mut params = Params::new(query);
            let window = params.window(&days, When::ALWAYS);
            params.finish().map(|()| {
                window
                    .meant
                    .map(|window| (window.since.to_string(), window.until.to_string()))
            })
        };
        assert_eq!(window("").unwrap(), None);
        let both = (
            "2026-11-21T00:00:00.000Z".to_owned(),
            "2026-11-23T00:00:00.000Z".to_owned(),
        );
        assert_eq!(window("since=yesterday&until=today").unwrap(), Some(both));
        assert_eq!(window("since=today").unwrap().unwrap().1, When::ALWAYS.end.to_string());
        assert_eq!(
            window("until=today").unwrap().unwrap().0,
            When::ALWAYS.start.to_string()
        );
        assert!(window("since=today&until=yesterday").is_err());
        assert!(window("since=2026-11-22T12:00:00Z&until=2026-11-22").is_ok());
        assert!(
            window("since=2026-11-22T12:00:00Z&until=2026-11-22T12:00:00Z").is_ok(),
            "an empty window"
        );
        assert!(window("since=2026-11-22T12:00:00Z&until=2026-11-22T11:59:59Z").is_err());
        assert!(window("since=today&since=today").is_err());
        let overtaken = "since=today&until=2026-11-21&cursor=x";
        let mut params = Params::new(overtaken);
        params.window(&days, When::ALWAYS);
        params.paging();
        params.finish().unwrap();
    }

    #[test]
    fn encoded_values_are_decoded_once() {
        let mut params = Params::new("tag=a%2525&number=%2B5511988887777");
        assert_eq!(params.one("tag", values::tag).unwrap(), "a%25");
        assert_eq!(params.one("number", values::line(1..=99)).unwrap(), "+5511988887777");
    }
}
