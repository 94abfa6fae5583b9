//! JSON objects read member by member; everything that is wrong is collected, not the first thing only.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::values::{Wrong, too_few, within};
use crate::domain::error::{Error, FieldError};

/// Reads the object in `body` with `read`.
///
/// # Errors
/// `invalid-input` naming every wrong field: a body that is no object, a member that is missing, unknown or wrong.
/// `read` gives nothing only where it has found something wrong.
pub fn read<T>(body: &Value, read: impl FnOnce(&mut Object<'_>) -> Option<T>) -> Result<T, Error> {
    let Some(members) = body.as_object() else {
        let mut error = Error::field("", "invalid", "must be a JSON object");
        error.detail = "The body must be a JSON object.".to_owned();
        return Err(error);
    };
    let mut wrong = Vec::new();
    let value = Object::new(members, String::new(), &mut wrong).close_after(read);
    match value {
        Some(value) if wrong.is_empty() => Ok(value),
        _ => Err(Error::invalid(wrong)),
    }
}

/// An object while it is read. A member that is `null` counts as absent.
pub struct Object<'a> {
    members: &'a Map<String, Value>,
    pointer: String,
    known: Vec<&'static str>,
    wrong: &'a mut Vec<FieldError>,
}

impl<'a> Object<'a> {
    fn new(members: &'a Map<String, Value>, pointer: String, wrong: &'a mut Vec<FieldError>) -> Self {
        Self {
            members,
            pointer,
            known: Vec::new(),
            wrong,
        }
    }

    /// Reads the object, then refuses the members it was not asked for.
    fn close_after<T>(mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let value = read(&mut self);
        for name in self.members.keys().filter(|name| !self.known.contains(&name.as_str())) {
            let pointer = self.at(name);
            self.wrong
                .push(FieldError::new(pointer, "unknown", "is not known here"));
        }
        value
    }

    /// A text that must be there.
    pub fn required<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        if !self.demand(name) {
            return None;
        }
        self.optional(name, read)
    }

    /// A text that may be absent.
    pub fn optional<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        let value = self.member(name)?;
        let read = value
            .as_str()
            .ok_or_else(|| Wrong::invalid("must be a text"))
            .and_then(read);
        self.keep(name, read)
    }

    /// A whole number that may be absent; as in JSON Schema, `5.0` is one.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.member(name)?;
        let whole = || {
            value
                .as_f64()
                .filter(|number| number.fract() == 0.0)
                .map(|number| number as i64)
        };
        let number = value
            .as_i64()
            .or_else(whole)
            .ok_or_else(|| Wrong::invalid("must be a whole number"));
        let read = number.and_then(|number| within(number, &range));
        self.keep(name, read)
    }

    /// `true` or `false`; absent is `false`.
    pub fn flag(&mut self, name: &'static str) -> bool {
        let Some(value) = self.member(name) else { return false };
        let read = value.as_bool().ok_or_else(|| Wrong::invalid("must be true or false"));
        self.keep(name, read).unwrap_or(false)
    }

    /// An object that may be absent.
    pub fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Object<'_>) -> Option<T>) -> Option<T> {
        let value = self.member(name)?;
        let pointer = self.at(name);
        self.nested(value, pointer, read)
    }

    /// A list of objects that may be absent; nothing also where an item is wrong.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Object<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.member(name)?;
        let items = value
            .as_array()
            .ok_or_else(|| Wrong::invalid("must be a list"))
            .and_then(|items| of_length(items, &length));
        let items = self.keep(name, items)?;
        let pointer = self.at(name);
        let mut all = Some(Vec::with_capacity(items.len()));
        for (index, item) in items.iter().enumerate() {
            let value = self.nested(item, format!("{pointer}/{index}"), &mut read);
            all = all.zip(value).map(|(mut all, value)| {
                all.push(value);
                all
            });
        }
        all
    }

    /// Whether the member is there.
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// Notes that a member is wrong; an empty name means the object itself.
    pub fn refuse(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        let pointer = self.at(name);
        self.wrong.push(FieldError::new(pointer, code, detail));
    }

    /// Notes where the member is missing.
    pub fn demand(&mut self, name: &'static str) -> bool {
        let there = self.has(name);
        if !there {
            self.known.push(name);
            self.refuse(name, "missing", "is missing");
        }
        there
    }

    fn nested<T>(
        &mut self,
        value: &Value,
        pointer: String,
        read: impl FnOnce(&mut Object<'_>) -> Option<T>,
    ) -> Option<T> {
        match value.as_object() {
            Some(members) => Object::new(members, pointer, self.wrong).close_after(read),
            None => {
                self.wrong
                    .push(FieldError::new(pointer, "invalid", "must be an object"));
                None
            }
        }
    }

    fn member(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn keep<T>(&mut self, name: &str, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|wrong| self.refuse(name, wrong.code, wrong.detail)).ok()
    }

    /// RFC 6901: `~` and `/` are escaped. What a caller named is cut short.
    fn at(&self, name: &str) -> String {
        if name.is_empty() {
            return self.pointer.clone();
        }
        let name: String = name.chars().take(64).collect();
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }
}

fn of_length<'v>(items: &'v [Value], length: &RangeInclusive<usize>) -> Result<&'v [Value], Wrong> {
    if items.len() < *length.start() {
        return Err(too_few(*length.start(), "items"));
    }
    if items.len() > *length.end() {
        return Err(Wrong::new(
            "too_long",
            format!("must have at most {} items", length.end()),
        ));
    }
    Ok(items)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::values::text;

    fn wrong<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<(String, &'static str)> {
        result
            .unwrap_err()
            .context
            .fields
            .into_iter()
            .map(|field| (field.pointer, field.code))
            .collect()
    }

    #[derive(Debug, PartialEq)]
    struct Item {
        name: String,
        count: Option<i64>,
    }

    fn item(object: &mut Object<'_>) -> Option<Item> {
        let name = object.required("name", text(1..=3));
        let count = object.number("count", 1..=9);
        Some(Item { name: name?, count })
    }

    fn items(body: &Value) -> Result<Vec<Item>, Error> {
        read(body, |object| {
            let first = object.object("first", item);
            let rest = object.list("rest", 1..=2, item);
            let loud = object.flag("loud");
            (!loud).then(|| first.into_iter().chain(rest.unwrap_or_default()).collect())
        })
    }

    #[test]
    fn what_is_right_is_read() {
        let body = json!({"first": {"name": "a", "count": 9}, "rest": [{"name": "b", "count": null}], "loud": false});
        let read = items(&body).unwrap();
        assert_eq!(
            read,
            [
                Item {
                    name: "a".into(),
                    count: Some(9)
                },
                Item {
                    name: "b".into(),
                    count: None
                }
            ]
        );
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let body = json!({
            "first": {"count": 10},
            "rest": [{"name": "long"}, {"name": 1, "a/b~c": 0}],
            "loud": "yes",
            "else": 1,
        });
        let expected = [
            ("/first/name", "missing"),
            ("/first/count", "too_large"),
            ("/rest/0/name", "too_long"),
            ("/rest/1/name", "invalid"),
            ("/rest/1/a~1b~0c", "unknown"),
            ("/loud", "invalid"),
            ("/else", "unknown"),
        ];
        assert_eq!(
            wrong(items(&body)),
            expected.map(|(pointer, code)| (pointer.to_owned(), code))
        );
    }

    #[test]
    fn types_are_not_converted() {
        let count = |value: Value| wrong(items(&json!({"first": {"name": "a", "count": value}})));
        assert!(items(&json!({"first": {"name": "a", "count": 5.0}})).is_ok());
        for value in [json!("5"), json!(5.5), json!(true), json!([5]), json!({})] {
            assert_eq!(count(value), [("/first/count".to_owned(), "invalid")]);
        }
        assert_eq!(count(json!(u64::MAX)), [("/first/count".to_owned(), "too_large")]);
        assert_eq!(count(json!(-1)), [("/first/count".to_owned(), "too_small")]);
    }

    #[test]
    fn a_body_that_is_no_object_is_wrong_as_a_whole() {
        for body in [json!([]), json!("x"), json!(null), json!(1)] {
            assert_eq!(wrong(items(&body)), [(String::new(), "invalid")]);
        }
    }

    #[test]
    fn lists_have_a_length() {
        assert_eq!(wrong(items(&json!({"rest": []}))), [("/rest".to_owned(), "too_small")]);
        let three = json!({"rest": [{"name": "a"}, {"name": "a"}, {"name": "a"}]});
        assert_eq!(wrong(items(&three)), [("/rest".to_owned(), "too_long")]);
        assert_eq!(
            wrong(items(&json!({"rest": ["a"]}))),
            [("/rest/0".to_owned(), "invalid")]
        );
    }
}
