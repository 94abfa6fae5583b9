//! Providers: one folder each, one file per role it plays, so that the listing is the capability matrix.

pub mod evolux;
mod lenient;
pub mod port;
pub mod positus;
