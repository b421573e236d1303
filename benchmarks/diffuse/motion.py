# SPDX-License-Identifier: Apache-2.0
"""What do a gate and motion cost, over the linear model?"""

from collections.abc import Callable
from itertools import cycle
from typing import Any

import cv2
import numpy as np

import vdcore

from ..common.results import Answer, Options, Row
from ..common.timing import interleave

HEIGHT, WIDTH, NOISE = 360, 640, 5.0


def moving_frames(height: int, width: int, count: int = 8) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Texture that moves by (2, 1) pixels per frame, with noise."""
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.normal(128, 280, (height + count, width + 2 * count, 3)), (0, 0), 2)
    views = [ground[t : t + height, 2 * t : 2 * t + width] for t in range(count)]
    noisy = np.stack(views) + rng.normal(0, NOISE, (count, height, width, 3))
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def stream(frames: np.ndarray[Any, Any], **options: Any) -> Callable[[], object]:
    """Return a function that gives the next frame to a diffuser."""
    diffuser = vdcore.Diffuser(1.0, 5.0, threads=1, **options)
    out, ring = np.empty_like(frames[0]), cycle([*frames, *frames[-2:0:-1]])  # there and back: no cut
    return lambda: diffuser(next(ring), out=out)


def run(options: Options) -> Answer:
    cv2.setNumThreads(1)  # interleave counts this thread's time alone
    height, width = (HEIGHT, WIDTH) if not options.tiny else (HEIGHT // 8, WIDTH // 8)
    frames = moving_frames(height, width)
    flow = np.full((height, width, 2), (-2, -1), np.float32)
    cases = {
        "gate": {"gate": NOISE},
        "gate, given motion": {"gate": NOISE, "motion": lambda frame, other: flow},
        "gate, optical flow": {"gate": NOISE, "motion": "flow"},
    }
    functions = {name: stream(frames, **keywords) for name, keywords in cases.items()}
    times = interleave({"linear": stream(frames), **functions}, tiny=options.tiny)
    rows = [
        Row.slower(
            "",
            f"{width} x {height} 8-bit BGR, {name}",
            "the linear model",
            f"one thread, {1e3 * times[name]:.3g} ms per frame",
            times[name] / times["linear"],
        )
        for name in cases
    ]
    return Answer(rows)
