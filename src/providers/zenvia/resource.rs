//! The five resources that hold calls.

use crate::domain::call::CallKind;
use crate::providers::port::{Filter, Report};

/// A resource: calls of one kind, each to be had by its identifier and all of a period by report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The kind of its calls.
    pub kind: CallKind,
    /// The operation that gives one call.
    pub get: &'static str,
    /// The operation that lists calls.
    pub list: &'static str,
    /// The report.
    pub report: Report,
}

/// The resources.
pub const RESOURCES: &[Resource] = &[
    Resource {
        kind: CallKind::Connect,
        get: "GET /chamada/{id}",
        list: "GET /chamada/relatorio",
        report: report("chamada", b'c', &[CallKind::Connect], PARTIES),
    },
    Resource {
        kind: CallKind::Say,
        get: "GET /tts/{id}",
        list: "GET /tts/relatorio",
        report: report("tts", b't', &[CallKind::Say], PARTIES),
    },
    Resource {
        kind: CallKind::Play,
        get: "GET /audio/{id}",
        list: "GET /audio/relatorio",
        report: report("audio", b'a', &[CallKind::Play], PARTIES),
    },
    Resource {
        kind: CallKind::Flow,
        get: "GET /composto/{id}",
        list: "GET /composto/relatorio",
        report: report("composto", b'm', &[CallKind::Flow], PARTIES),
    },
    Resource {
        kind: CallKind::Did,
        get: "GET /did/chamada/{id}",
        list: "GET /did/relatorio",
        report: report("did", b'd', &[CallKind::Did], PARTIES),
    },
];

const PARTIES: &[Filter] = &[Filter::From, Filter::To, Filter::Number];

const fn report(name: &'static str, code: u8, kinds: &'static [CallKind], filters: &'static [Filter]) -> Report {
    // The most that `limite` takes.
    Report {
        name,
        code,
        kinds,
        filters,
        page_size: 200,
        // Days are the only dates that every client sends.
        instants: false,
        fields_by_campaign: false,
    }
}

/// The resource that holds calls of a kind.
pub fn of_kind(kind: CallKind) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.kind == kind)
}

/// The resource with a report of this name.
pub fn of_report(name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.report.name == name)
}
