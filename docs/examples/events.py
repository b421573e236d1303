# SPDX-License-Identifier: Apache-2.0
"""Events: the time surface of an event camera, kept up to date by a SourceDiffuser.

    python events.py [FOLDER]

An event camera sends no frames but events (t, y, x, polarity), millions a second, each saying that one pixel
has become brighter or darker. Here they are made from a scene whose ball moves fast: a pixel fires when its
logarithmic brightness has changed by a threshold since it last fired. With sigma 0 every event counts for its
own pixel and is forgotten with the time constant tau: that is the time surface. With sigma 1.5 events support
each other, and `normalize` gives the mean polarity around each pixel and the weight it rests on, by which
pixels that fire for nothing are told from the ball.
"""

import sys
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

import vdcore

WIDTH, HEIGHT, FRAMES, FPS = 320, 180, 60, 1000.0
THRESHOLD = 0.1  # change of the logarithm of the brightness that makes a pixel fire
TAU = 0.01  # seconds


def brightness(index: int) -> np.ndarray:
    """The logarithm of a scene in which a ball flies in front of a striped wall."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    scene = 80 + 40 * np.tanh(3 * np.sin(x / 9))
    distance = np.hypot(x - 40 - 4 * index, y - 120 + 80 * np.sin(np.pi * index / FRAMES))
    cover = np.clip(25.5 - distance, 0, 1)
    return np.log(scene * (1 - cover) + cover * (210 - 4 * distance))


def events() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each millisecond: times in seconds, positions (N, 2) as y and x, polarities +1 or -1."""
    rng = np.random.default_rng(1)
    fired = brightness(0)
    packets = []
    for index in range(1, FRAMES):
        steps = np.trunc((brightness(index) - fired) / THRESHOLD).astype(int)
        fired += steps * THRESHOLD
        noise = rng.random(steps.shape) < 0.002  # pixels that fire for nothing
        steps[noise] += rng.choice([-1, 1], noise.sum())
        position = np.repeat(np.argwhere(steps), np.abs(steps[steps != 0]), axis=0)
        polarity = np.sign(steps[tuple(position.T)])
        time = (index - rng.random(len(position))) / FPS
        packets.append((time, position, polarity))
    return packets


def picture(field: np.ndarray) -> np.ndarray:
    """Grey is nothing, white brighter, black darker."""
    strength = np.sqrt(np.abs(field) / np.percentile(np.abs(field), 99.5))
    return np.clip(128 + 127 * np.sign(field) * strength, 0, 255).astype(np.uint8)


def main(folder: Path) -> float:
    folder.mkdir(parents=True, exist_ok=True)
    packets = events()
    surface = vdcore.SourceDiffuser((HEIGHT, WIDTH), sigma=0, tau=TAU, dtype=np.float32)
    smooth = vdcore.SourceDiffuser((HEIGHT, WIDTH), sigma=1.5, tau=TAU, normalize=True, fill=0)
    start = perf_counter()
    for time, position, polarity in packets:
        surface.add(position, time, polarity)
    seconds = perf_counter() - start
    for time, position, polarity in packets:
        smooth.add(position, time, polarity)
    mean, weight = smooth.field()
    rate = surface.count / seconds
    print(f"{surface.count} events, {rate / 1e6:.1f} million a second; at {surface.time:.4f} s:")
    print(f"  {np.mean(np.abs(surface.field()) > 0.05):.1%} of the pixels of the time surface are active")
    print(f"  the mean polarity rests on more than one event at {np.mean(weight > 1):.1%} of the pixels")
    supported = np.where(weight > 1, mean, 0)
    cv2.imwrite(str(folder / "events.png"), np.hstack([picture(surface.field()), picture(supported)]))
    return rate


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "events"))
