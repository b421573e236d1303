#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compile the C library for the platforms of the wheels with zig's clang, strictly, and link its test
# program against it (OpenMP off: zig carries no OpenMP runtime). Usage: tools/cross.sh PYTHON,
# where PYTHON has the extra "release". The programs for Linux are run where this machine can run them.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for target in x86_64-linux-musl aarch64-linux-musl x86_64-macos aarch64-macos x86_64-windows-gnu; do
    program=$work/test_api-$target
    "$python" -m ziglang cc -target $target -std=c11 -O2 -ffp-contract=off -fno-math-errno \
        -Wall -Wextra -Wpedantic -Werror -Wno-error=unused-command-line-argument \
        -Icsrc/include -Icsrc csrc/*/*.c tests/c/test_api.c -lm -o "$program"
    case $target in
    "$(uname -m)"-linux-*) "$program" ;;
    aarch64-linux-*) if command -v qemu-aarch64 >/dev/null; then qemu-aarch64 "$program"; fi ;;
    esac
    echo "$target: built"
done
