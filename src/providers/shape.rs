//! What is documented of a provider's messages, and how a message differs from it.

use super::lenient::{Object, Value};
use crate::upstream::{Drift, DriftKind};

/// The fields of an object, in groups that several objects may share.
pub(super) type Shape = &'static [&'static [Field]];

/// A documented field: its name and what it holds.
pub(super) enum Field {
    /// It never fails to come, be it as nothing.
    Always(&'static str, What),
    /// It may be left out.
    Sometimes(&'static str, What),
}

impl Field {
    fn name(&self) -> &'static str {
        match self {
            Self::Always(name, _) | Self::Sometimes(name, _) => name,
        }
    }

    fn what(&self) -> &What {
        match self {
            Self::Always(_, what) | Self::Sometimes(_, what) => what,
        }
    }

    /// Its name, if it never fails to come.
    pub(super) fn promised(&self) -> Option<&'static str> {
        match self {
            Self::Always(name, _) => Some(name),
            Self::Sometimes(..) => None,
        }
    }
}

/// What a field holds, as far as adapters tell values apart. `null`, `""` and `"-"` are nothing, and fit everywhere.
pub(super) enum What {
    /// A text.
    Text,
    /// A text or a number: identifiers, phone numbers, digits that were typed.
    Plain,
    /// The same, or an object.
    PlainOr(Shape),
    /// A number, or a text that reads as one.
    Number,
    /// Yes or no, in any spelling that [`Object::flag`] reads.
    Flag,
    /// A link, or `false` for none.
    Link,
    /// One of the words that this knows.
    Word(fn(&str) -> bool),
    /// An object; an empty list stands for none.
    Object(Shape),
    /// A list of objects.
    Objects(Shape),
    /// Anything.
    Any,
}

/// Compares an object with its shape, and all that is in it.
pub(super) fn drift(object: &Object<'_>, shape: Shape) -> Drift {
    let mut drift = Drift::default();
    compare_at(object, (shape, None), &mut drift);
    drift
}

/// The same, of an object that lies within another at this place; adds to `drift`.
pub(super) fn compare(object: &Object<'_>, (shape, within): (Shape, &str), drift: &mut Drift) {
    let place = Place {
        within: None,
        name: within,
    };
    compare_at(object, (shape, (!within.is_empty()).then_some(&place)), drift);
}

fn compare_at(object: &Object<'_>, (shape, within): (Shape, Within<'_>), drift: &mut Drift) {
    Keys::compare(object, (shape, within), drift).check(object, within, drift);
}

/// The keys of an object in wire order, each with its field, if it is documented.
struct Keys<'a>(Vec<(&'a str, Option<&'static Field>)>);

impl<'a> Keys<'a> {
    /// Looks an object's keys up, and tells of those that are not documented and of those that are missing.
    fn compare(object: &'a Object<'_>, (shape, within): (Shape, Within<'_>), drift: &mut Drift) -> Self {
        let fields = || shape.iter().copied().flatten();
        let field = |(name, _)| (name, fields().find(|field| field.name() == name));
        let keys: Vec<_> = object.entries().map(field).collect();
        for (name, _) in keys.iter().filter(|(_, field)| field.is_none()) {
            drift.add(DriftKind::UnknownField, &Place { within, name }.path());
        }
        for name in fields().filter_map(Field::promised).filter(|name| !object.has(name)) {
            drift.add(DriftKind::MissingField, &Place { within, name }.path());
        }
        Self(keys)
    }

    /// Whether an object has these keys in this order.
    fn are_of(&self, object: &Object<'_>) -> bool {
        object
            .entries()
            .map(|(name, _)| name)
            .eq(self.0.iter().map(|(name, _)| *name))
    }

    /// Compares what the fields of an object with these keys hold.
    fn check(&self, object: &Object<'_>, within: Within<'_>, drift: &mut Drift) {
        for ((name, field), (_, value)) in self.0.iter().zip(object.entries()) {
            if let Some(field) = field {
                field.what().check(value, &Place { within, name }, drift);
            }
        }
    }
}

/// Where a field is: written out only where it is needed, for nearly every field is as documented.
struct Place<'a> {
    within: Within<'a>,
    name: &'a str,
}

/// What a field lies in, unless it is a field of the message itself.
type Within<'a> = Option<&'a Place<'a>>;

impl Place<'_> {
    fn path(&self) -> String {
        match self.within {
            None => self.name.to_owned(),
            Some(within) => format!("{}.{}", within.path(), self.name),
        }
    }
}

impl What {
    fn check(&self, value: &Value<'_>, at: &Place<'_>, drift: &mut Drift) {
        let told = value.text();
        let is_text = value.is_string();
        if value.is_null() || is_text && told.is_none() {
            return;
        }
        let is = |test: fn(&str) -> bool| told.is_some_and(test);
        let fits = match self {
            Self::Any => true,
            Self::Text => is_text,
            Self::Plain => is_text || value.is_number(),
            Self::PlainOr(_) if is_text || value.is_number() => true,
            Self::PlainOr(shape) => fits_object(value, shape, at, drift),
            Self::Number => value.is_number(),
            Self::Flag => is(|told| matches!(told, "true" | "false" | "1" | "0")),
            Self::Link => is_text || is(|told| told == "false"),
            Self::Word(known) => {
                let fits = is_text || value.is_number();
                if fits && !is(*known) {
                    drift.add(DriftKind::UnknownWord, &at.path());
                }
                fits
            }
            Self::Object(shape) => fits_object(value, shape, at, drift),
            Self::Objects(shape) => fits_objects(value, shape, at, drift),
        };
        if !fits {
            drift.add(DriftKind::TypeChanged, &at.path());
        }
    }
}

fn fits_object(value: &Value<'_>, shape: Shape, at: &Place<'_>, drift: &mut Drift) -> bool {
    let Some(object) = Object::of(value) else {
        return value.list().is_some_and(<[_]>::is_empty);
    };
    compare_at(object, (shape, Some(at)), drift);
    true
}

fn fits_objects(value: &Value<'_>, shape: Shape, at: &Place<'_>, drift: &mut Drift) -> bool {
    let Some(items) = value.list() else { return false };
    let objects = || items.iter().filter_map(Object::of);
    let mut known: Option<Keys<'_>> = None;
    for object in objects() {
        // The objects of one list have the same keys as a rule: those are looked up once.
        let keys = match known.take().filter(|keys| keys.are_of(object)) {
            Some(keys) => keys,
            None => Keys::compare(object, (shape, Some(at)), drift),
        };
        keys.check(object, Some(at), drift);
        known = Some(keys);
    }
    objects().count() == items.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Field::{Always, Sometimes};
    use super::*;

    const INNER: &[Field] = &[Always("n", What::Number)];
    const SHAPE: Shape = &[
        &[Always("id", What::Plain), Sometimes("on", What::Flag)],
        &[
            Sometimes("text", What::Text),
            Sometimes("link", What::Link),
            Sometimes("word", What::Word(|word| word == "known")),
            Sometimes("inner", What::Object(&[INNER])),
            Sometimes("items", What::Objects(&[INNER])),
            Sometimes("any", What::Any),
        ],
    ];

    fn of(json: &str) -> Vec<(DriftKind, String)> {
        let drift = drift(&Object::parse(json.as_bytes()).unwrap(), SHAPE);
        drift.iter().map(|(kind, field)| (kind, field.to_owned())).collect()
    }

    #[test]
    fn every_spelling_an_adapter_reads_is_as_documented() {
        for json in [
            r#"{"id":1}"#,
            r#"{"id":"1","on":true,"text":"t","link":"http://h","word":"known","inner":{"n":1.5},"items":[{"n":"2"}],"any":[7]}"#,
            r#"{"id":"x","on":"0","link":false,"inner":[],"items":[]}"#,
            r#"{"id":null,"on":"","text":null,"link":"","word":"-","inner":null,"items":null,"any":null}"#,
        ] {
            assert_eq!(of(json), [], "{json}");
        }
    }

    #[test]
    fn every_difference_is_told_with_its_place() {
        for (json, kind, field) in [
            (r#"{"id":1,"new":1}"#, DriftKind::UnknownField, "new"),
            (r#"{"id":1,"new":1,"new":2}"#, DriftKind::UnknownField, "new"),
            (r#"{"on":true}"#, DriftKind::MissingField, "id"),
            (r#"{"id":{}}"#, DriftKind::TypeChanged, "id"),
            (r#"{"id":true}"#, DriftKind::TypeChanged, "id"),
            (r#"{"id":1,"on":"yes"}"#, DriftKind::TypeChanged, "on"),
            (r#"{"id":1,"text":5}"#, DriftKind::TypeChanged, "text"),
            (r#"{"id":1,"link":true}"#, DriftKind::TypeChanged, "link"),
            (r#"{"id":1,"word":"new"}"#, DriftKind::UnknownWord, "word"),
            (r#"{"id":1,"word":7}"#, DriftKind::UnknownWord, "word"),
            (r#"{"id":1,"word":{}}"#, DriftKind::TypeChanged, "word"),
            (r#"{"id":1,"inner":7}"#, DriftKind::TypeChanged, "inner"),
            (r#"{"id":1,"inner":[1]}"#, DriftKind::TypeChanged, "inner"),
            (r#"{"id":1,"inner":{}}"#, DriftKind::MissingField, "inner.n"),
            (r#"{"id":1,"inner":{"n":"x"}}"#, DriftKind::TypeChanged, "inner.n"),
            (r#"{"id":1,"items":{}}"#, DriftKind::TypeChanged, "items"),
            (r#"{"id":1,"items":[7]}"#, DriftKind::TypeChanged, "items"),
            (
                r#"{"id":1,"items":[{"n":1,"m":1},{"n":1,"m":1}]}"#,
                DriftKind::UnknownField,
                "items.m",
            ),
        ] {
            assert_eq!(of(json), [(kind, field.to_owned())], "{json}");
        }
    }
}
