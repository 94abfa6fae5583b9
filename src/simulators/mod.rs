//! Provider simulators: HTTP servers that speak a provider's wire format on the loopback.
//!
//! Each writes its JSON as text and shares no type with the adapter it is tested against, so that one misunderstanding
//! cannot hide on both sides. What is common to them stands here: [`http`] and [`server`] (connections that can be
//! cut), [`control`] (everything under `/_sim/`), [`faults`], [`webhooks`], [`clock`], [`random`], [`fate`] and [`json`].

pub mod clock;
pub mod control;
pub mod evolux;
pub mod fate;
pub mod faults;
pub mod http;
pub mod json;
pub mod positus;
pub mod random;
pub mod server;
pub mod webhooks;
pub mod zenvia;
