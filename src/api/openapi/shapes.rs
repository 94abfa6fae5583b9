//! Shapes that no type of ours has.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::{Ref, RefOr, Required};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::api::query::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::api::values::TAG_LENGTH;
use crate::domain::event::EventType;
use crate::domain::ids::EventId;
use crate::usecases::provider_kinds;

/// The parameters of every list.
pub enum Paged {}

impl IntoParams for Paged {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT))
            .default(Some(DEFAULT_LIMIT.into()));
        let cursor = text().max_length(Some(512)).pattern(Some("^[!-~]+$"));
        vec![
            query("limit", "How many on a page.", limit),
            query(
                "cursor",
                "The `next_cursor` of the page before; repeat every other parameter but `limit`.",
                cursor,
            ),
        ]
    }
}

/// The window of a list without a default.
pub enum Windowed {}

impl IntoParams for Windowed {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            query(
                "since",
                "Made at or after: an instant, a date, `today` or `yesterday`.",
                Moment::schema(),
            ),
            query(
                "until",
                "Made before an instant, or on or before a date, `today` or `yesterday`.",
                Moment::schema(),
            ),
        ]
    }
}

/// The window and the filters of the history.
pub enum Filtered {}

impl IntoParams for Filtered {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let component = |name: &str| RefOr::<Schema>::Ref(Ref::from_schema_name(name));
        let parties = || many(component("Address"));
        let lines = || many(Line::<100>::schema());
        let since = "An instant, a date, `today` or `yesterday`; today if absent.";
        let until = "An instant (excluded) or a whole day (included), as `since`; today if absent.";
        let answered = ObjectBuilder::new().schema_type(Type::Boolean);
        vec![
            query("since", since, Moment::schema()),
            query("until", until, Moment::schema()),
            query("account", "The account.", many(component("AccountName"))),
            query("provider", "The kind of provider.", many(provider_kind())),
            query("kind", "What the call was made of.", many(component("CallKind"))),
            query("direction", "Who started it.", many(component("Direction"))),
            query("status", "How it ended.", many(component("CallStatus"))),
            query("answered", "Whether it was answered.", answered),
            query("number", "Either party, or who is on either leg.", parties()),
            query("from", "Who called.", parties()),
            query("to", "Who was called.", parties()),
            query("agent_id", "The agent.", lines()),
            query("campaign_id", "The campaign.", lines()),
            query("external_id", "The CRM's identifier.", lines()),
            query("tag", "The label.", many(Tag::schema())),
            query(
                "provider_ref",
                "The provider's identifier.",
                many(Line::<200>::schema()),
            ),
        ]
    }
}

fn many(item: impl Into<RefOr<Schema>>) -> ArrayBuilder {
    ArrayBuilder::new().items(item.into())
}

fn provider_kind() -> ObjectBuilder {
    text().enum_values(Some(provider_kinds().collect::<Vec<_>>()))
}

/// What lets an answer be held back.
pub enum Waiting {}

impl IntoParams for Waiting {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let told = "`wait=20` holds the answer back until the call has news, at most 30 s.";
        vec![header("Prefer", told, text().examples(["wait=20"]))]
    }
}

/// What asks for a part of an audio.
pub enum Ranged {}

impl IntoParams for Ranged {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header("Range", "A range of bytes.", text().examples(["bytes=0-1023"]))]
    }
}

/// What goes on with a feed that broke.
pub enum Resuming {}

impl IntoParams for Resuming {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let told = "The last event that came before a live feed broke; instead of `after`.";
        vec![header("Last-Event-ID", told, EventId::schema())]
    }
}

fn query(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    optional(ParameterIn::Query, name, description, schema)
}

fn header(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    optional(ParameterIn::Header, name, description, schema)
}

fn optional(place: ParameterIn, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// A text on one line, of at most so many characters.
pub enum Line<const MAX: usize> {}

impl<const MAX: usize> PartialSchema for Line<MAX> {
    fn schema() -> RefOr<Schema> {
        text()
            .max_length(Some(MAX))
            .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]+$"))
            .into()
    }
}

impl<const MAX: usize> ToSchema for Line<MAX> {}

/// A label of the caller's own.
pub enum Tag {}

impl PartialSchema for Tag {
    fn schema() -> RefOr<Schema> {
        text()
            .max_length(Some(TAG_LENGTH))
            .pattern(Some(r"^[^\s\x00-\x1f\x7f-\x9f]+$"))
            .examples(["order-7"])
            .into()
    }
}

impl ToSchema for Tag {}

/// One end of a window.
pub enum Moment {}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        text()
            .pattern(Some("^(today|yesterday|[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?)$"))
            .examples(["yesterday"])
            .into()
    }
}

impl ToSchema for Moment {}

/// An IPv4 or IPv6 address.
pub enum IpAddress {}

impl PartialSchema for IpAddress {
    fn schema() -> RefOr<Schema> {
        let format = |format| text().format(Some(SchemaFormat::KnownFormat(format)));
        AnyOfBuilder::new()
            .item(format(KnownFormat::Ipv4))
            .item(format(KnownFormat::Ipv6))
            .examples(["203.0.113.7"])
            .into()
    }
}

impl ToSchema for IpAddress {}

/// Events of one type, of a family, or of every type.
pub enum EventTypes {}

impl PartialSchema for EventTypes {
    fn schema() -> RefOr<Schema> {
        text().enum_values(Some(type_patterns())).into()
    }
}

/// `*`, then each family followed by its types.
fn type_patterns() -> Vec<String> {
    let mut patterns = vec!["*".to_owned()];
    for kind in EventType::ALL {
        let family = kind.as_str().split_once('.').map(|(family, _)| format!("{family}.*"));
        patterns.extend(family.filter(|family| !patterns.contains(family)));
        patterns.push(kind.to_string());
    }
    patterns
}

impl ToSchema for EventTypes {}

/// What a record may carry besides.
pub enum Extra {}

impl PartialSchema for Extra {
    fn schema() -> RefOr<Schema> {
        text().enum_values(Some(["raw"])).into()
    }
}

impl ToSchema for Extra {}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Audio of the provider's, as it comes.
pub enum Audio {}

impl PartialSchema for Audio {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for Audio {}

/// Any JSON object.
pub enum AnyObject {}

impl PartialSchema for AnyObject {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        object
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
            .into()
    }
}

impl ToSchema for AnyObject {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::TypePattern;

    #[test]
    fn every_pattern_of_types_is_one_that_is_read() {
        let patterns = type_patterns();
        assert_eq!(patterns[..3], ["*", "call.*", "call.queued"]);
        assert!(patterns.iter().all(|pattern| pattern.parse::<TypePattern>().is_ok()));
    }
}
