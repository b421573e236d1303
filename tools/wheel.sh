#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Build the sdist and, in isolation, wheels from the tree and from the sdist; check that the two wheels are
# identical, repair and audit one, and test it in a fresh environment outside the source tree.
# Usage: tools/wheel.sh PYTHON, where PYTHON has the extra "release". The results go to dist/.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf dist build
export LDFLAGS="${LDFLAGS:-} -Wl,--strip-all" VDCORE_REQUIRE_OPENMP=1

"$python" -m build --sdist --wheel --outdir "$work/tree" # each from the tree
tar xf "$work"/tree/vdcore-*.tar.gz -C "$work"
"$python" -m build --wheel --outdir "$work/sdist" "$work"/vdcore-*/
"$python" tools/same_wheel.py "$work"/tree/*.whl "$work"/sdist/*.whl

mkdir -p dist
cp "$work"/tree/*.tar.gz dist/
"$python" -m auditwheel repair --wheel-dir dist "$work"/tree/*.whl
"$python" -m auditwheel show dist/*.whl
"$python" -m abi3audit --strict --report dist/*.whl
"$python" -m check_wheel_contents "$work"/tree/*.whl
"$python" -m check_wheel_contents --toplevel vdcore,vdcore.libs --ignore W010 dist/*.whl # W010: vdcore.libs
VDCORE_WHEEL=$(echo dist/*.whl) "$python" -m pytest tests/embedding

"$python" -m venv "$work/fresh"
"$work/fresh/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl
cp tests/packaging/smoke.py "$work"
cd "$work"
fresh/bin/python smoke.py
fresh/bin/vdcore info
ls -l "$root/dist"
