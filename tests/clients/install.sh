#!/bin/sh
# Installs what makes clients from our document, and what checks the compose file, below the build directory, for the
# tests in ../operated.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}/clients

for tool in node npm python3; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: install Node.js (with npm) and Python 3 (with venv)" >&2; exit 1; }
done

mkdir -p "$target/node"
cp "$here/node/package.json" "$here/node/package-lock.json" "$here/node/tsconfig.json" "$target/node/"
npm --prefix "$target/node" ci --no-audit --no-fund --ignore-scripts

python3 -m venv "$target/python"
"$target/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/python/requirements.txt"
