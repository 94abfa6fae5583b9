//! Why a call ended, in the words of ITU-T Q.850.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::words;

words! {
    /// Who ended the call.
    HangupBy {
        /// Leg A: the party rung first.
        Caller = "caller",
        /// Leg B.
        Callee = "callee",
        /// The call centre's agent.
        Agent = "agent",
        /// This gateway, on a caller's request.
        Gateway = "gateway",
        /// The provider or its network.
        Provider = "provider",
    }
}

/// Why and by whom a call was ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Hangup {
    /// The Q.850 cause in snake case; null where the provider gives none that is known.
    #[schema(example = "normal_clearing")]
    pub cause: Option<String>,
    /// The Q.850 cause number.
    #[schema(example = 16, minimum = 1, maximum = 127)]
    pub q850: Option<u8>,
    /// Who ended it.
    pub by: Option<HangupBy>,
    /// The provider's own words in the order they came.
    #[schema(example = json!(["16. normal"]))]
    pub provider_texts: Vec<String>,
}

impl Hangup {
    /// A hangup for a Q.850 cause number with the provider's words; an unknown number names no cause.
    pub fn from_q850(q850: Option<u8>, provider_texts: Vec<String>) -> Self {
        Self {
            cause: q850.and_then(cause_name).map(str::to_owned),
            q850,
            by: None,
            provider_texts,
        }
    }
}

/// The snake-case name of a Q.850 cause number.
///
/// Source: ITU-T Q.850 (05/2018), table 1; 8, 9, 14, 23 and 25 from its later additions, 19 as telephone users say it.
pub fn cause_name(q850: u8) -> Option<&'static str> {
    Some(match q850 {
        1 => "unallocated_number",
        2 => "no_route_to_transit_network",
        3 => "no_route_to_destination",
        4 => "misdialled_trunk_prefix",
        5 => "misdialled_trunk_prefix",
        6 => "channel_unacceptable",
        7 => "call_awarded",
        8 => "preemption",
        9 => "preemption_circuit_reserved",
        14 => "query_on_release",
        16 => "normal_clearing",
        17 => "user_busy",
        18 => "no_user_responding",
        19 => "no_answer",
        20 => "subscriber_absent",
        21 => "call_rejected",
        22 => "number_changed",
        23 => "redirection_to_new_destination",
        25 => "exchange_routing_error",
        26 => "non_selected_user_clearing",
        27 => "destination_out_of_order",
        28 => "invalid_number_format",
        29 => "facility_rejected",
        30 => "response_to_status_enquiry",
        31 => "normal_unspecified",
        34 => "no_circuit_available",
        38 => "network_out_of_order",
        41 => "temporary_failure",
        42 => "switching_equipment_congestion",
        43 => "access_information_discarded",
        44 => "requested_channel_unavailable",
        47 => "resource_unavailable",
        50 => "facility_not_subscribed",
        52 => "outgoing_calls_barred",
        54 => "incoming_calls_barred",
        57 => "bearer_capability_not_authorized",
        58 => "bearer_capability_not_available",
        63 => "service_unavailable",
        65 => "bearer_capability_not_implemented",
        66 => "channel_type_not_implemented",
        69 => "facility_not_implemented",
        79 => "service_not_implemented",
        81 => "invalid_call_reference",
        88 => "incompatible_destination",
        91 => "invalid_transit_network",
        95 => "invalid_message_unspecified",
        96 => "mandatory_information_missing",
        97 => "message_type_nonexistent",
        98 => "wrong_message",
        99 => "information_element_nonexistent",
        100 => "invalid_information_contents",
        101 => "message_not_compatible_with_call_state",
        102 => "recovery_on_timer_expiry",
        111 => "protocol_error",
        127 => "interworking",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_cause_is_named_and_an_unknown_one_is_kept_as_a_number() {
        let known = Hangup::from_q850(Some(17), vec!["17. ocupado".into()]);
        assert_eq!(known.cause.as_deref(), Some("user_busy"));
        let odd = Hangup::from_q850(Some(126), vec![]);
        assert_eq!((odd.cause, odd.q850), (None, Some(126)));
    }
}
