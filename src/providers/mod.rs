//! Providers: one folder each, one file per role it plays, so that the listing is the capability matrix.

pub mod choose;
pub mod lenient;
pub mod evolux;
pub mod port;
pub mod positus;
pub mod registry;
pub mod zenvia;
