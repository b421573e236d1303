# SPDX-License-Identifier: Apache-2.0
"""A long stream on auto, in which scene and noise change again and again: does it drift, does memory grow?"""

import os
from pathlib import Path

import numpy as np

import vdcore

from ..common.results import Row
from .kinds import to_bytes
from .measures import psnr
from .scenes import texture

SIZE = (96, 128)
LEVELS = (5.0, 20.0, 10.0)  # of the noise, with a scene each
SEGMENT, SEGMENTS = 1000, 20  # frames, segments
LOOKED_AT = 10  # last frames of a segment
GROWTH = 4 * 2**20  # bytes, after the first round


def resident() -> int:
    """Return the resident memory of this process in bytes, 0 where the system does not say."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0


def rows(*, tiny: bool) -> list[Row]:
    """PSNR at the end of the last segments, compared with new streams that see one segment only; memory."""
    segment, segments = (4, 6) if tiny else (SEGMENT, SEGMENTS)
    rng = np.random.default_rng(10)
    scenes = [texture(SIZE, seed) for seed, _ in enumerate(LEVELS)]
    work = f"{segment * segments:,} frames, a change every {segment:,}"
    old = vdcore.Denoiser()
    found, memory = [], []
    for index in range(segments):
        level, scene = LEVELS[index % len(LEVELS)], scenes[index % len(LEVELS)]
        last = index >= segments - len(LEVELS)
        streams = [old, vdcore.Denoiser()] if last else [old]
        ends: list[list[np.ndarray]] = [[] for _ in streams]
        for frame in range(segment):
            noisy = to_bytes(scene + rng.normal(0, level, SIZE))
            for stream, end in zip(streams, ends, strict=True):
                result = stream(noisy)
                if frame >= segment - LOOKED_AT:
                    end.append(result)
        memory.append((old.info.state_bytes, resident()))
        if last:
            reached, alone = (psnr(np.stack([scene] * len(end)), np.stack(end)) for end in ends)
            what, peer = f"{work}, then noise {level:g}", f"a new stream: {alone:.2f} dB"
            met = reached >= alone - 0.1
            found.append(Row(what, peer, "", f"{reached:.2f} dB", "at least -0.1 dB", met))
    state, process = (memory[-1][i] - memory[len(LEVELS) - 1][i] for i in (0, 1))
    result = f"state {state / 2**20:+.1f} MiB, process {process / 2**20:+.1f} MiB"
    met = state <= 0 and process <= GROWTH
    return [*found, Row(f"{work}, memory", "after three segments", "", result, "at most +4 MiB", met)]
