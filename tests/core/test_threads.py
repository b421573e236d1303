# SPDX-License-Identifier: Apache-2.0
"""Processes that may not start as many threads as they were asked for work serially."""

import os
import subprocess
import sys

import pytest

from helpers.compiled import shared_library

# pthread_create that fails with EAGAIN, as with a limit of processes, once THREADS_ALLOWED are running.
LIMIT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int running;

typedef struct start {
    void *(*function)(void *);
    void *argument;
} start;

static void *begin(void *given)
{
    start own = *(start *)given;
    free(given);
    void *result = own.function(own.argument);
    running--;
    return result;
}

typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *argument)
{
    create *original = dlsym(RTLD_NEXT, "pthread_create");
    start *given = malloc(sizeof *given);
    given->function = function;
    given->argument = argument;
    if (running++ < atoi(getenv("THREADS_ALLOWED")))
        return original(thread, attributes, begin, given);
    running--;
    free(given);
    return EAGAIN;
}
"""

PROGRAM = """
import sys
import numpy as np
import vdcore

threads = int(sys.argv[1])
frames = np.random.default_rng(1).integers(0, 256, (2, 400, 420, 3), np.uint8)
expected = vdcore.diffuse(frames, sigma=2.0, tau=3.0, threads=1)
assert np.array_equal(vdcore.diffuse(frames, sigma=2.0, tau=3.0, threads=threads), expected)
region = np.full(frames.shape[1:3], 0.5, np.float32)
vdcore.diffuse(frames, sigma=2.0, tau=3.0, threads=threads, region=region)
places = np.full((9, 2), 99.0)
vdcore.diffuse_sources(places, np.zeros(9), np.ones(9), (400, 420), sigma=50.0, tau=1.0, threads=threads)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD of Linux")
@pytest.mark.parametrize(("allowed", "threads"), [(0, 2), (1, 2), (1, 4), (2, 4), (3, 4)])
def test_no_more_threads_are_started_than_may_run(tmp_path, allowed, threads):
    """OpenMP's runtime would end the program."""
    library = shared_library(tmp_path, LIMIT, "-ldl")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(threads)],
        env={
            **os.environ,
            "LD_PRELOAD": f"{os.environ.get('LD_PRELOAD', '')} {library}".strip(),
            "THREADS_ALLOWED": str(allowed),
            "OPENBLAS_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
