//! What the repository promises about itself: its architecture, its licences, its texts, its deployment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod add_a_provider;
mod architecture;
mod deployment;
mod guarantees;
mod licences;
mod operated;
mod readme;
mod repository;
mod text;
