//! The rules, one verb per file; the only place where they meet.

pub mod requests;
