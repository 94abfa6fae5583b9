//! The pure parts: wire parsing, merge, cursor, fold.
//!
//! `cargo bench` measures their time, and `bench/instructions` counts what the processor does for each.
#![allow(missing_docs, clippy::disallowed_methods)]

use criterion::{Criterion, criterion_group, criterion_main};
use switchboard::measuring::{Part, parts};

/// A symbol of its own, by which callgrind knows when to count.
#[inline(never)]
fn measured(part: &Part) {
    (part.run)();
}

fn pure(criterion: &mut Criterion) {
    for part in parts() {
        criterion.bench_function(part.name, |bencher| bencher.iter(|| measured(&part)));
    }
}

criterion_group!(benches, pure);
criterion_main!(benches);
