# SPDX-License-Identifier: Apache-2.0
"""Distance to the clean clip, noise and sharpness."""

import cv2
import numpy as np
from skimage.metrics import structural_similarity

BLOCK = 16  # pixels on a side
DARK = 64  # sample values below


def psnr(clean: np.ndarray, frames: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, peak 255: the mean over the frames."""
    squared = [np.square(a.astype(np.float64) - b).mean() for a, b in zip(clean, frames, strict=True)]
    return float(np.mean(10 * np.log10(255**2 / np.maximum(squared, 1e-10))))


def ssim(clean: np.ndarray, frames: np.ndarray) -> float:
    """Return scikit-image's structural similarity of (T, H, W, 3) uint8, mean over channels and frames."""
    pairs = zip(clean, frames, strict=True)
    return float(np.mean([structural_similarity(a, b, channel_axis=-1, data_range=255) for a, b in pairs]))


def brightness(frames: np.ndarray) -> np.ndarray:
    """Return the mean of the channels, float32, shape (T, H, W)."""
    return frames.astype(np.float32) if frames.ndim == 3 else frames.mean(axis=3, dtype=np.float32)


def change(clean: np.ndarray) -> np.ndarray:
    """Return how the brightness changes between frames, after a Gaussian of 1.5 pixels, (T - 1, H, W)."""
    smooth = [cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in brightness(clean)]
    return np.abs(np.diff(smooth, axis=0))


def error_ratio(clean: np.ndarray, one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    """Return the squared error of one result over that of the other, on the pixels `where` (T, H, W)."""
    ours, theirs = (
        np.square(frames[where] - clean[where].astype(np.float64)).sum() for frames in (one, other)
    )
    return float(ours / theirs) if theirs else float("nan")


def in_blocks(pictures: np.ndarray, side: int = BLOCK) -> np.ndarray:
    """Return pictures (T, H, W) as whole blocks, shape (T, rows, columns, side, side)."""
    count, height, width = pictures.shape
    rows, columns = height // side, width // side
    cut = pictures[:, : rows * side, : columns * side].reshape(count, rows, side, columns, side)
    return cut.swapaxes(2, 3)


def flat_blocks(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which blocks of pairs of successive frames are flat and static, and which of these are dark.

    The flattest tenth of the blocks that are static (the mean changes by less than half a step) but neither
    frozen (no sample changes) nor clipped. Flatness is measured on the mean of both frames, which in white
    noise is independent of their difference.
    """
    pictures = brightness(frames)
    pair, difference = in_blocks((pictures[1:] + pictures[:-1]) / 2), in_blocks(np.diff(pictures, axis=0))
    level, texture = pair.mean((3, 4)), pair.var((3, 4))
    static = (
        (np.abs(difference.mean((3, 4))) < 0.5) & (difference != 0).any((3, 4)) & (level > 4) & (level < 247)
    )

    def flattest(among: np.ndarray) -> np.ndarray:
        return among & (texture <= np.quantile(texture[among], 0.1)) if among.any() else among

    return flattest(static), flattest(static & (level < DARK))


def temporal_deviation(frames: np.ndarray, blocks: np.ndarray) -> float:
    """Return the standard deviation over time in these blocks, from differences of successive frames."""
    differences = in_blocks(np.diff(brightness(frames), axis=0))[blocks]
    return float(np.sqrt(np.square(differences).mean() / 2)) if differences.size else float("nan")


def steepness(frames: np.ndarray) -> np.ndarray:
    """Return the magnitude of the gradient of the brightness (Sobel), shape (T, H, W)."""
    pictures = brightness(frames)
    slopes = [(cv2.Sobel(p, cv2.CV_32F, 1, 0), cv2.Sobel(p, cv2.CV_32F, 0, 1)) for p in pictures]
    return np.stack([np.hypot(dx, dy) for dx, dy in slopes])


def edge_contrast(before: np.ndarray, after: np.ndarray) -> float:
    """Return the mean gradient after over before, on the steepest 2 % of the pixels of `before`."""
    slopes = steepness(before)
    steep = slopes >= np.quantile(slopes, 0.98)
    return float(steepness(after)[steep].mean() / slopes[steep].mean())
