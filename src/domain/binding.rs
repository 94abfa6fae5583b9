//! Does this news belong to that call?
//!
//! By our identifier echoed in a tag; else by the party called, the kind of call and the time, for the two providers that give
//! no identifier when a call starts.

use super::address::Address;
use super::call::{Call, CallKind, LegSide, ProviderRef};
use super::call_file::CallFile;
use super::facts::CallFacts;
use super::time::Timestamp;

/// How long before its creation here a provider may date a call, in seconds: clocks differ, and Zenvia's legs are dated a second early.
const EARLY_SECONDS: i64 = 5;
/// How long after its creation here a provider may still first tell of it, in seconds.
const LATE_SECONDS: i64 = 180;
/// Within how many seconds of each other two calls to one party are told apart by their order and not by their time: a
/// webhook is dated when the phone rings, and that takes longer at one time than at another.
const NEAR_SECONDS: u64 = 10;

/// The same as [`choose`]; a call that is known to join another party than the news tell of is none of those.
///
/// An agent is asked for many calls one after the other, and only the other party tells them apart.
pub fn choose_file<'a>(facts: &CallFacts, waiting: impl IntoIterator<Item = &'a CallFile>) -> Option<&'a CallFile> {
    let callee = facts.legs.iter().find(|leg| leg.side == LegSide::Callee);
    let theirs = callee.and_then(|leg| leg.address.as_ref());
    let may_be = |file: &&CallFile| match (&file.joins, theirs) {
        (Some(ours @ Address::Phone(_)), Some(theirs @ Address::Phone(_))) => {
            let is_named = facts.echoed.is_some() || provider_id(file.call.provider_ref.as_ref()).is_some();
            is_named || ours.same_party(theirs)
        }
        _ => true,
    };
    let waiting: Vec<_> = waiting.into_iter().filter(may_be).collect();
    let chosen = choose(facts, waiting.iter().map(|file| &file.call))?;
    waiting.into_iter().find(|file| file.call.id == chosen.id)
}

/// Chooses among `waiting` the call that `facts` are about.
///
/// The echoed identifier decides alone, else the provider's own. Without either a call of the same parties whose reference
/// is not known is taken: the nearest in time, and of those about as near the oldest, so that two live calls to one
/// number are told apart by the order they were placed in.
pub fn choose<'a>(facts: &CallFacts, waiting: impl IntoIterator<Item = &'a Call>) -> Option<&'a Call> {
    let told = provider_id(facts.reference.as_ref());
    let (bound, unbound): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .partition(|call| provider_id(call.provider_ref.as_ref()).is_some());
    if let Some(id) = facts.echoed {
        return unbound.into_iter().find(|call| call.id == id);
    }
    let named = bound
        .into_iter()
        .find(|call| told.is_some() && provider_id(call.provider_ref.as_ref()) == told);
    let fitting = unbound.into_iter().filter(|call| fits(facts, call));
    let far = |call: &Call| {
        facts
            .created_at
            .map(|told| seconds_between(told, call.created_at) / NEAR_SECONDS)
    };
    named.or_else(|| fitting.min_by_key(|call| (far(call), call.created_at, call.id)))
}

fn seconds_between(one: Timestamp, other: Timestamp) -> u64 {
    one.max(other).seconds_since(one.min(other))
}

fn provider_id(reference: Option<&ProviderRef>) -> Option<&str> {
    reference?.id.as_deref()
}

fn fits(facts: &CallFacts, call: &Call) -> bool {
    let same_direction = facts.direction.is_none_or(|direction| direction == call.direction);
    // What an agent is asked to dial, a call centre lists among the calls of its queues, and the agent only as leg A.
    let agents = matches!(call.to, Some(Address::Agent(_)));
    let same_kind = facts
        .kind
        .is_none_or(|kind| kind == call.kind || (agents && kind == CallKind::Queue));
    let leg_a = facts.legs.iter().find(|leg| leg.side == LegSide::Caller);
    let rung = [facts.to.as_ref(), leg_a.and_then(|leg| leg.address.as_ref())];
    let is_rung = |ours: &Address| rung.into_iter().flatten().any(|theirs| theirs.same_party(ours));
    let called = call.to.as_ref().is_some_and(is_rung);
    let in_time = facts.created_at.is_none_or(|told| {
        told >= call.created_at.plus_seconds(-EARLY_SECONDS) && told <= call.created_at.plus_seconds(LATE_SECONDS)
    });
    same_direction && same_kind && called && in_time
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::call::{Direction, Leg, ProviderRef};
    use crate::domain::ids::CallId;
    use crate::domain::phone::Region;

    fn placed(to: &str, seconds: i64) -> Call {
        let at = Timestamp::from_seconds(1_000 + seconds);
        let mut call = Call::new(
            CallId::generate(),
            "t".into(),
            Direction::Outbound,
            CallKind::Whatsapp,
            at,
        );
        call.to = Address::parse(to, Region::BR).ok();
        call
    }

    fn news(to: &str) -> CallFacts {
        CallFacts {
            to: Address::parse(to, Region::BR).ok(),
            direction: Some(Direction::Outbound),
            created_at: Some(Timestamp::from_seconds(1_002)),
            ..CallFacts::default()
        }
    }

    #[test]
    fn the_provider_s_own_name_decides_where_a_call_has_it() {
        let (older, mut newer) = (
            placed("whatsapp:+5511988887777", 0),
            placed("whatsapp:+5511988887777", 1),
        );
        newer.provider_ref = Some(ProviderRef::id("77"));
        let mut facts = news("whatsapp:+5511988887777");
        facts.reference = Some(ProviderRef::id("77"));
        assert_eq!(choose(&facts, [&older, &newer]).unwrap().id, newer.id);
        facts.reference = Some(ProviderRef::id("78"));
        assert_eq!(choose(&facts, [&older, &newer]).unwrap().id, older.id);
    }

    #[test]
    fn the_echoed_id_decides() {
        let calls = [
            placed("whatsapp:+5511988887777", 0),
            placed("whatsapp:+5511988887777", 1),
        ];
        let facts = CallFacts {
            echoed: Some(calls[1].id),
            ..news("whatsapp:+5511988887777")
        };
        assert_eq!(choose(&facts, &calls).unwrap().id, calls[1].id);
    }

    #[test]
    fn parties_and_time_decide_else_with_and_without_the_ninth_digit() {
        let calls = [
            placed("whatsapp:+5511988887777", 0),
            placed("whatsapp:+5511988886666", 0),
        ];
        assert_eq!(choose(&news("whatsapp:+551188886666"), &calls).unwrap().id, calls[1].id);
        assert_eq!(choose(&news("whatsapp:+5511977776666"), &calls), None);
    }

    #[test]
    fn of_two_live_calls_to_one_number_the_older_unbound_one_is_taken() {
        let mut calls = [
            placed("whatsapp:+5511988887777", 0),
            placed("whatsapp:+5511988887777", 1),
        ];
        assert_eq!(
            choose(&news("whatsapp:+5511988887777"), &calls).unwrap().id,
            calls[0].id
        );
        calls[0].provider_ref = Some(ProviderRef::id("wacid.1"));
        assert_eq!(
            choose(&news("whatsapp:+5511988887777"), &calls).unwrap().id,
            calls[1].id
        );
    }

    #[test]
    fn a_call_that_was_never_made_does_not_take_the_news_of_a_later_one() {
        let calls = [
            placed("whatsapp:+5511988887777", -40),
            placed("whatsapp:+5511988887777", 0),
        ];
        assert_eq!(
            choose(&news("whatsapp:+5511988887777"), &calls).unwrap().id,
            calls[1].id
        );
    }

    #[test]
    fn news_of_another_time_is_not_ours() {
        let calls = [placed("whatsapp:+5511988887777", -1_000)];
        assert_eq!(choose(&news("whatsapp:+5511988887777"), &calls), None);
    }

    fn leg(side: LegSide, address: &str) -> Leg {
        Leg {
            side,
            address: Address::parse(address, Region::BR).ok(),
            status: None,
            started_at: None,
            answered_at: None,
            talk_seconds: None,
            billed_seconds: None,
            price: None,
            hangup: None,
        }
    }

    #[test]
    fn an_agent_s_call_is_found_among_the_queues_by_the_agent_on_leg_a() {
        let mut ours = Call {
            kind: CallKind::Connect,
            ..placed("whatsapp:+5511988887777", 0)
        };
        ours.to = Address::parse("agent:john.snow", Region::BR).ok();
        let listed = CallFacts {
            kind: Some(CallKind::Queue),
            legs: vec![leg(LegSide::Caller, "agent:john.snow")],
            ..news("+5511988887777")
        };
        assert_eq!(choose(&listed, [&ours]).map(|call| call.id), Some(ours.id));
        let of_another = CallFacts { legs: vec![], ..listed };
        assert_eq!(choose(&of_another, [&ours]), None);
    }

    #[test]
    fn of_an_agent_s_calls_the_other_party_tells_which() {
        let joining = |number: &str, seconds| {
            let mut call = placed("agent:john.snow", seconds);
            call.kind = CallKind::Connect;
            CallFile {
                joins: Address::parse(number, Region::BR).ok(),
                ..CallFile::new(call)
            }
        };
        let of = |number: &str| CallFacts {
            kind: Some(CallKind::Queue),
            legs: vec![leg(LegSide::Caller, "agent:john.snow"), leg(LegSide::Callee, number)],
            ..news(number)
        };
        // The older one was never made: its answer was lost on the way there.
        let files = [joining("+5511988887777", 0), joining("+5511988886666", 1)];
        let chosen = |number: &str| choose_file(&of(number), &files).map(|file| file.call.id);
        assert_eq!(chosen("+5511988886666"), Some(files[1].call.id));
        assert_eq!(chosen("+5511988887777"), Some(files[0].call.id));
        assert_eq!(chosen("+5511988885555"), None);
    }
}
