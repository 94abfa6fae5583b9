//! Shapes that no type of ours has.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::api::query::{DEFAULT_LIMIT, MAX_LIMIT};

/// The parameters of every list.
pub enum Paged {}

impl IntoParams for Paged {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT))
            .default(Some(DEFAULT_LIMIT.into()));
        let cursor = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(512));
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
        let when = |example: &str| ObjectBuilder::new().schema_type(Type::String).examples([example]);
        vec![
            query(
                "since",
                "Made at or after: an instant, a date, `today` or `yesterday`.",
                when("yesterday"),
            ),
            query(
                "until",
                "Made before an instant, or on or before a date, `today` or `yesterday`.",
                when("today"),
            ),
        ]
    }
}

fn query(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
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
