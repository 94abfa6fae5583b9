#!/bin/sh
# Installs what the peers in main.rs are made of below the build directory; never compiles it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}/webrtc

command -v python3 >/dev/null || { echo "python3 is missing: install Python 3 (with venv)" >&2; exit 1; }

python3 -m venv "$target"
"$target/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$here/requirements.txt"
