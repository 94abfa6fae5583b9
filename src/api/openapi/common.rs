//! What is true of many operations and of all schemas, said once.

use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{OpenApi, RefOr, Required};

use crate::domain::summary::GroupBy;
use crate::domain::verification_summary::VerificationGroupBy;

/// Components that callers write: what may be absent there is not required.
const WRITTEN: &[&str] = &[
    "NewCall",
    "Action",
    "NewVerification",
    "Check",
    "Resend",
    "Acceptance",
    "Transfer",
    "Monitoring",
    "Redelivery",
];

/// Problems may carry an object under its noun, so theirs stays open.
const OPEN: &str = "Problem";

/// Properties of answers that may be absent.
const OPTIONAL: &[(&str, &str)] = &[("Record", "raw"), ("Preview", "permission")];

/// Rows of a summary have only the keys they are grouped by.
fn is_group_key(schema: &str, property: &str) -> bool {
    match schema {
        "SummaryRow" => property.parse::<GroupBy>().is_ok(),
        "VerificationSummaryRow" => property.parse::<VerificationGroupBy>().is_ok(),
        _ => false,
    }
}

/// Closes every object: requests take no other member, and answers have each of theirs, be it `null`.
pub fn close_schemas(document: &mut OpenApi) {
    let Some(components) = &mut document.components else {
        return;
    };
    for (name, schema) in &mut components.schemas {
        let object = match schema {
            RefOr::T(Schema::Object(object)) if name != OPEN => object,
            RefOr::T(Schema::OneOf(one_of)) => {
                one_of.items.iter_mut().for_each(close);
                continue;
            }
            _ => continue,
        };
        if object.properties.is_empty() {
            continue;
        }
        close_object(object);
        if !WRITTEN.contains(&name.as_str()) {
            let always = object
                .properties
                .keys()
                .filter(|property| !OPTIONAL.contains(&(name.as_str(), property.as_str())))
                .filter(|property| !is_group_key(name, property));
            object.required = always.cloned().collect();
        }
    }
}

fn close(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema {
        close_object(object);
    }
}

fn close_object(object: &mut Object) {
    object
        .additional_properties
        .get_or_insert_with(|| Box::new(AdditionalProperties::FreeForm(false)));
}

/// Every act takes an `Idempotency-Key`.
pub fn add_idempotency_key(operation: &mut Operation) {
    if !acts(operation) {
        return;
    }
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(255))
        .pattern(Some("^[!-~]([ -~]*[!-~])?$"))
        .examples(["order-7-attempt-1"]);
    let parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes a repeat safe: the same key and body get the first answer again for 24 hours. After an error the key is free.",
        ))
        .schema(Some(key))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

/// Says which scope an operation asks for.
pub fn name_scope(operation: &mut Operation) {
    let Some(scope) = scope(operation) else { return };
    let description = operation.description.get_or_insert_default();
    *description = format!("{}\n\nScope: `{scope}`.", description.trim_end())
        .trim_start()
        .to_owned();
}

/// Whether an operation is an act of a caller's.
pub fn acts(operation: &Operation) -> bool {
    scope(operation).is_some_and(|scope| scope.ends_with(":write"))
}

/// The scope an operation asks for; none where it is open.
pub fn scope(operation: &Operation) -> Option<String> {
    let requirement = operation.security.as_ref()?.first()?;
    let value = serde_json::to_value(requirement).ok()?;
    value.get("bearer")?.get(0)?.as_str().map(str::to_owned)
}
