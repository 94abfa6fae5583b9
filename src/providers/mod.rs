//! Providers: one folder each, one file per role it plays, so that the listing is the capability matrix.

pub mod choose;
pub mod evolux;
mod lenient;
pub mod port;
pub mod positus;
pub mod registry;
mod shape;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod testing;
pub mod zenvia;
