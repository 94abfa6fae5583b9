//! The files of a deployment, checked by the programs that read them. `tests/clients/install.sh` installs the one that
//! is not Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What `tests/clients/install.sh` installs.
pub fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .with_file_name("clients")
        .join(path);
    assert!(
        path.exists(),
        "{} is missing: run tests/clients/install.sh",
        path.display()
    );
    path
}

/// Runs a program of the repository to its end, which must be a good one.
#[track_caller]
pub fn succeeds(command: &mut Command) -> String {
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let [told, faults] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{command:?}: {told}\n{faults}");
    told
}

#[test]
fn alerts_proxy_unit_and_compose_file_are_what_their_readers_take() {
    succeeds(Command::new("scripts/check-deployment").arg(installed("python/bin/python")));
}
