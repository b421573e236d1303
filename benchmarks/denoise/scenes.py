# SPDX-License-Identifier: Apache-2.0
"""Pictures without noise, drawn: slides, a text page, scrolling text, a cartoon. And texture."""

from itertools import cycle, islice

import cv2
import numpy as np

from .kinds import Bytes, Floats

Size = tuple[int, int]
WORDS = "the sum runs over every source that came before and each one counts less the older it is".split()
FONT = cv2.FONT_HERSHEY_SIMPLEX


def lines(height: int, width: int) -> Bytes:
    """Return small dark text on white, (height, width, 3)."""
    page = np.full((height, width, 3), 255, np.uint8)
    words = cycle(WORDS)
    for line, bottom in enumerate(range(12, height, 13)):
        text = " ".join(islice(words, 5 + line % 3 + width // 60))
        cv2.putText(page, text, (6, bottom), FONT, 0.36, (20, 20, 30), 1, cv2.LINE_AA)
    return page


def slide(size: Size, number: int = 0) -> Bytes:
    """Return a title, a gradient, a chart and a few lines of text, (H, W, 3)."""
    height, width = size
    shades = np.linspace(230, 250, height)[:, None, None]
    page = np.broadcast_to(shades, (height, width, 3)).astype(np.uint8).copy()
    top = height // 5
    page[:top] = [(40, 60, 120), (120, 50, 40), (30, 110, 60)][number % 3]
    cv2.putText(page, f"Results {number + 1}", (8, top - 6), FONT, top / 50, (255, 255, 255), 1, cv2.LINE_AA)
    half = width // 2
    page[top + 4 :, half:] = lines(height - top - 4, width - half)
    for bar in range(4):
        left, tall = 8 + bar * half // 5, (2 + (bar * 3 + number * 2) % 5) * (height - top) // 8
        cv2.rectangle(page, (left, height - 6 - tall), (left + half // 7, height - 6), (200, 120, 40), -1)
    return page


def cartoon(size: Size, count: int) -> Bytes:
    """Return flat, outlined shapes that move over a flat background, (T, H, W, 3)."""
    height, width = size
    frames = []
    for t in range(count):
        frame = np.full((height, width, 3), (120, 190, 240), np.uint8)
        frame[2 * height // 3 :] = (90, 170, 70)
        middle = (int(width * 0.2) + 2 * t, height // 2 + int(4 * np.sin(t / 2)))
        for colour, thickness in ((240, 200, 60), -1), ((0, 0, 0), 2):
            cv2.circle(frame, middle, height // 6, colour, thickness, cv2.LINE_AA)
        left = width - width // 4 - t
        cv2.rectangle(frame, (left, height // 3), (left + width // 6, 3 * height // 4), (200, 40, 40), -1)
        frames.append(frame)
    return np.stack(frames)


def drawn(size: Size, count: int) -> dict[str, Bytes]:
    """Return videos (T, H, W, 3) without any noise, by name."""
    height, width = size
    long_page = lines(height + 2 * count, width)
    return {
        "a still slide": np.stack([slide(size)] * count),
        "slides that change": np.stack([slide(size, 4 * t // count) for t in range(count)]),
        "a text page": np.stack([lines(height, width)] * count),
        "scrolling text": np.stack([long_page[2 * t : 2 * t + height] for t in range(count)]),
        "a cartoon": cartoon(size, count),
    }


def texture(size: Size, seed: int = 1) -> Floats:
    """Return grey texture of mean 128 and standard deviation 15, (H, W)."""
    picture = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, size), (0, 0), 1.5)
    return 128 + 15 * picture / picture.std()


def disc(size: Size, radius: float, middle: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return a disc, 0 to 1, and the distance of every pixel from its middle (y, x), both (H, W)."""
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(y - middle[0], x - middle[1])
    return np.clip(radius + 0.5 - distance, 0, 1), distance
