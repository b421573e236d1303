#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Build LLVM's OpenMP runtime for MACOSX_DEPLOYMENT_TARGET and install it into the folder given.
# Homebrew's libomp runs on the newest macOS only, and so would a wheel that bundles it.
set -euo pipefail

prefix=$1
version=21.1.1
base=https://github.com/llvm/llvm-project/releases/download/llvmorg-$version

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fetch() { # component, SHA-256
    curl --fail --silent --show-error --location --retry 3 --remote-name "$base/$1-$version.src.tar.xz"
    echo "$2  $1-$version.src.tar.xz" | shasum --algorithm 256 --check
    tar xf "$1-$version.src.tar.xz"
    mv "$1-$version.src" "$1"
}
fetch openmp eb10379045844c2d2f1b89a15fd1beaf9cd0de524180c6648e9ea17a0661ece2
fetch cmake 9c0b9064b7d0f2a3004f1d034aadf84d2af4e5dca2135ebf697b0a1eb85ef769

cmake -S openmp -B build \
    -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_OSX_DEPLOYMENT_TARGET="$MACOSX_DEPLOYMENT_TARGET" \
    -DCMAKE_OSX_ARCHITECTURES="$(uname -m)" \
    -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DLIBOMP_INSTALL_ALIASES=OFF \
    -DLIBOMP_OMPD_SUPPORT=OFF
cmake --build build
cmake --install build
