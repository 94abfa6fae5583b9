//! Tells a call's state when asked.

use async_trait::async_trait;

use super::resource::{self, Resource};
use super::wire::{Object, Value};
use super::{Zenvia, documented, judge, normalize, path_to, unsupported};
use crate::domain::call::{CallKind, ProviderRef};
use crate::domain::error::Failure;
use crate::domain::facts::CallFacts;
use crate::providers::port::{Lookup, Target};
use crate::upstream::Exchange;

#[async_trait]
impl Lookup for Zenvia {
    fn can_fetch(&self, kind: CallKind) -> bool {
        resource::of_kind(kind).is_some()
    }

    async fn fetch(&self, call: Target<'_>) -> Result<CallFacts, Failure> {
        let unknown = || unsupported("GET /{kind}/{id}", "this provider has no calls of this kind");
        let resource = resource::of_kind(call.kind).ok_or_else(unknown)?;
        self.get(resource, call.reference, |object| {
            normalize::facts(call.kind, Object::of(object)?)
        })
        .await
    }
}

impl Zenvia {
    /// Gets the object that `reference` names and reads it.
    pub(super) async fn get<T: Send>(
        &self,
        resource: &Resource,
        reference: &ProviderRef,
        read: impl Fn(&Value<'_>) -> Option<T> + Send + Sync,
    ) -> Result<T, Failure> {
        let exchange = Exchange::get(resource.get, path_to(resource.get, reference)?);
        let documented = documented::object(resource.kind);
        self.exchange(exchange, documented, |answer| {
            judge::with_data(answer, |data| read(the_object(data?)?))
        })
        .await
    }
}

/// The object in `dados`; a received call is documented to come as the only row of a report.
fn the_object<'v, 'a>(data: &'v Value<'a>) -> Option<&'v Value<'a>> {
    match Object::of(data)?.list("relatorio") {
        None => Some(data),
        Some(rows) => rows.first(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_object_may_come_as_the_only_row_of_a_report() {
        for (data, object) in [
            (r#"{"id":1}"#, Some(r#"{"id":1}"#)),
            (r#"{"total":1,"relatorio":[{"id":2}]}"#, Some(r#"{"id":2}"#)),
            (r#"{"relatorio":[]}"#, None),
            ("[]", None),
        ] {
            let raw = Value::parse(data).unwrap();
            assert_eq!(the_object(&raw).map(Value::get), object, "{data}");
        }
    }
}
