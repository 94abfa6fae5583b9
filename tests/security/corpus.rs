//! What fuzzing found worth keeping, read again.

use std::fs;
use std::path::{Path, PathBuf};

use switchboard::fuzzing::TARGETS;

fn inputs(target: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn no_input_of_the_corpus_breaks_a_promise() {
    let mut read = 0;
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has a corpus");
        for input in inputs {
            println!("{}", input.display());
            target(&fs::read(input).unwrap());
            read += 1;
        }
    }
    println!("{} targets, {read} inputs: 0 crashes", TARGETS.len());
}

#[test]
fn the_corpus_has_no_folder_without_a_target_and_is_small() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut bytes = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name}");
        bytes += inputs(&name)
            .iter()
            .map(|input| fs::metadata(input).unwrap().len())
            .sum::<u64>();
    }
    assert!(bytes < 1 << 20, "{bytes} bytes");
}
