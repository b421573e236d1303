#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The C tests and the Python tests under the sanitizers, a leak check by valgrind, and the C tests on
# other processors under qemu. Usage: tools/sanitize.sh PYTHON, where PYTHON has the extra "dev".
# Missing tools (valgrind, qemu, the cross compiler) are reported and skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags="-std=c11 -g -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -Wno-pass-failed -Icsrc/include -Icsrc -DSYSTEM_ALLOCATOR"
sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
sets="scalar avx2 avx512 neon" # VDCORE_CPU is an upper limit: sets that the machine lacks do no harm

has() { command -v "$1" >/dev/null || { echo "skipped: $1 not found"; false; }; }

build() { # output name, compiler, flags...: the C test programs
    local name=$1 compiler=$2 source
    shift 2
    for source in tests/c/test_*.c; do
        # has its own malloc, as the sanitizers, valgrind and static glibc do
        [ "$source" != tests/c/test_allocation.c ] || continue
        # shellcheck disable=SC2086
        "$compiler" $flags "$@" csrc/*/*.c "$source" -lm -o "$work/$name-$(basename "$source" .c)"
    done
}

run() { # output name, command prefix...
    local name=$1 program
    shift
    for program in "$work/$name"-test_*; do
        echo "== $name: $* $(basename "$program")"
        "$@" "$program"
    done
}

echo "== C tests, address and undefined behaviour sanitizers, leaks"
for compiler in gcc clang; do
    has $compiler || continue
    # shellcheck disable=SC2086
    build asan-$compiler $compiler -O1 $sanitizers
    for set in $sets; do
        run asan-$compiler env VDCORE_CPU=$set ASAN_OPTIONS=detect_leaks=1
    done
done

if has valgrind; then
    build valgrind "${CC:-cc}" -O1
    # valgrind does not support AVX-512
    run valgrind env VDCORE_CPU=avx2 valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,possible \
        --error-exitcode=1
fi

if has aarch64-linux-gnu-gcc && has qemu-aarch64; then
    build aarch64 aarch64-linux-gnu-gcc -O2 -static
    for set in scalar neon; do
        run aarch64 env VDCORE_CPU=$set qemu-aarch64
    done
fi

if [ "$(uname -m)" = x86_64 ] && has qemu-x86_64; then
    # an old processor: an instruction that leaked out of its kernel kills the program
    build nehalem "${CC:-cc}" -O3 -static
    run nehalem qemu-x86_64 -cpu Nehalem
    run nehalem qemu-x86_64 -cpu Haswell
fi

echo "== Python tests, address and undefined behaviour sanitizers"
# Python and NumPy do not free all memory at exit, so leaks are checked in C, above.
"$python" -m venv --without-pip "$work/venv"
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
target=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
CFLAGS="-g -O1 $sanitizers" LDFLAGS="$sanitizers" \
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/vdcore" .
printf 'import sys; sys.path.insert(0, "%s")\n%s\n' "$work/vdcore" "$site" >"$target/sanitized.pth"
runtimes="$("${CC:-cc}" -print-file-name=libasan.so) $("${CC:-cc}" -print-file-name=libubsan.so)"
# pytest captures standard error and loses it when a sanitizer ends the program: log to a file.
trap 'grep -hv "WARNING: AddressSanitizer failed to allocate" "$work"/report.* 2>/dev/null || true; rm -rf "$work"' EXIT
# shellcheck disable=SC2086
LD_PRELOAD=$runtimes PYTHONMALLOC=malloc \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:log_path=$work/report \
    UBSAN_OPTIONS=print_stacktrace=1:log_path=$work/report \
    "$work/venv/bin/python" -m pytest -m "not slow and not embedding and not packaging" \
    --ignore tests/c ${PYTEST_ARGS:-}
