//! Limits on requests: who is counted, and how callers are told (draft-ietf-httpapi-ratelimit-headers-10).

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};
use ipnet::IpNet;

use super::Api;
use super::edge::Visit;
use super::headers::{RATE_LIMIT, RATE_LIMIT_POLICY};
use super::problem;
use crate::usecases::Quota;

/// What is never counted: probes of whoever runs the gateway, and what providers tell.
const UNCOUNTED: [&str; 2] = ["/health/", "/webhooks/"];
/// The header that proxies add to.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The two header fields that tell of one limit.
pub fn fields(name: &str, (max, per): (u64, u64), (remaining, resets_in): (u64, u64)) -> [(HeaderName, String); 2] {
    [
        (RATE_LIMIT_POLICY, format!("\"{name}\";q={max};w={per}")),
        (RATE_LIMIT, format!("\"{name}\";r={remaining};t={resets_in}")),
    ]
}

/// Counts a request before it is answered, and answers 429 where a limit is used up.
///
/// # Errors
/// Those of the handler.
pub async fn hold<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let visit = request.extensions().get::<Rc<Visit>>().cloned();
    let (Some(api), Some(visit)) = (request.app_data::<web::Data<Api>>().cloned(), visit) else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let gateway = visit.gateway(&api);
    if !gateway.limits_requests() || UNCOUNTED.iter().any(|start| request.path().starts_with(start)) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    // Who sends no good token is counted by address only; the handler refuses it.
    let caller = api.auth.authenticate(request.request(), gateway.now()).ok();
    let tenant = caller.as_ref().map(|caller| caller.tenant.as_str());
    let trusted = &gateway.config().server.trusted_proxies;
    let peer = request.peer_addr().map(|peer| peer.ip());
    let address = peer.map(|peer| client_address(peer, request.headers(), trusted));
    match gateway.admit(tenant, address).await {
        Err(error) => {
            let response = problem::response(&error, &visit.request_id);
            Ok(request.into_response(response).map_into_right_body())
        }
        Ok(quotas) => {
            let mut answer = next.call(request).await?.map_into_left_body();
            for quota in quotas {
                tell(answer.headers_mut(), &quota);
            }
            Ok(answer)
        }
    }
}

fn tell(headers: &mut HeaderMap, quota: &Quota) {
    let policy = (quota.max.into(), quota.per.as_secs());
    let state = (quota.remaining, whole_seconds(quota.resets_in));
    for (name, value) in fields(quota.name, policy, state) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The address a request comes from: the peer's, or what trusted proxies say of it.
///
/// Each proxy adds whom it heard from at the right, so what the rightmost untrusted hop wrote to the left of it is hearsay.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).map(HeaderValue::to_str).collect();
    let hops = lines.iter().rev().flat_map(|line| match line {
        Ok(line) => line.rsplit(',').map(hop).collect::<Vec<_>>(),
        Err(_) => vec![None],
    });
    let mut client = peer;
    for hop in hops {
        match hop {
            Some(hop) if is_trusted(client) => client = hop,
            _ => break,
        }
    }
    client
}

/// An address as proxies write it, with or without a port.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    plain
        .unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| Some(text.parse::<std::net::SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(
                HeaderName::from_static(FORWARDED_FOR),
                HeaderValue::from_str(line).unwrap(),
            );
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_may_say_who_it_speaks_for() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(
            client("::ffff:10.0.0.1", &["198.51.100.1"], &["10.0.0.0/8"]),
            "198.51.100.1"
        );
        assert_eq!(client("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client_whatever_it_claims() {
        let trusted = ["10.0.0.0/8"];
        for forwarded in [
            &["1.1.1.1, 198.51.100.1, 10.0.0.2"][..],
            &["1.1.1.1", "198.51.100.1,10.0.0.2"],
            &["junk, 198.51.100.1:4711"],
            &["unknown", "10.9.9.9, 198.51.100.1"],
        ] {
            assert_eq!(client("10.0.0.1", forwarded, &trusted), "198.51.100.1", "{forwarded:?}");
        }
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &trusted), "10.0.0.3");
        assert_eq!(client("10.0.0.1", &["198.51.100.1, junk"], &trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:443"], &trusted), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]"], &trusted), "2001:db8::1");
    }

    #[test]
    fn the_fields_are_structured_fields() {
        let [policy, state] = fields("limits.requests_per_tenant", (100, 60), (99, 30));
        assert_eq!(policy.1, "\"limits.requests_per_tenant\";q=100;w=60");
        assert_eq!(state.1, "\"limits.requests_per_tenant\";r=99;t=30");
    }
}
