# SPDX-License-Identifier: Apache-2.0
"""Missing samples of the video denoiser: what takes their place, and what patches then hold.

Pictures f have the shape (H, W, C), confidences m the shape (H, W). The pull-push of weights w: each sample
of level l + 1 is the weighted mean of four of level l; on the way back a sample keeps min(1, w / enough) of
its value and takes the rest from the coarser ones around it.
"""

import numpy as np


def pulled(values, weights):
    """The next level: ((means of 2 x 2 samples, trace of their variance), sums of their weights)."""
    odd = [(0, length % 2) for length in weights.shape]
    w = np.pad(weights, odd)
    f, s = (np.pad(part, [*odd, (0, 0)]) for part in values)
    quarters = [np.s_[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    total = sum(w[q] for q in quarters)
    inverse = np.divide(1, total, out=np.zeros_like(total), where=total > 0)[..., None]
    mean = sum(w[q][..., None] * f[q] for q in quarters) * inverse
    around = [s[q] + ((f[q] - mean) ** 2).sum(axis=2, keepdims=True) for q in quarters]
    return (mean, sum(w[q][..., None] * a for q, a in zip(quarters, around, strict=True)) * inverse), total


def between(coarse, shape):
    """Coarser samples, linear between them, on the finer grid."""
    for axis, length in enumerate(shape):
        i = np.arange(length)
        beside = (i // 2 + np.where(i % 2, 1, -1)).clip(0, coarse.shape[axis] - 1)
        coarse = 0.75 * coarse.take(i // 2, axis) + 0.25 * coarse.take(beside, axis)
    return coarse


def pull_push(f, weights, enough):
    """f and the trace of its variance around each sample, from where there are weights."""
    levels = [((f, np.zeros((*weights.shape, 1))), weights)]
    while levels[-1][1].size > 1:
        levels.append(pulled(*levels[-1]))
    filled = levels.pop()[0]
    for values, w in reversed(levels):
        share = [np.minimum(1, w / number)[..., None] for number in enough]
        filled = [
            t * v + (1 - t) * between(c, w.shape) for t, v, c in zip(share, values, filled, strict=True)
        ]
    return filled


def shares(m, radius=4):
    """w: what a pixel's confidence is of that around it."""
    padded = np.pad(m, radius)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1, 2 * radius + 1))
    total, squares = windows.sum(axis=(2, 3)), (windows**2).sum(axis=(2, 3))
    w = np.divide(m * total, squares, out=np.zeros_like(m), where=m > 0)
    return np.where(w < 0.9999, w, 1)


def filled(f, w, prior, known, variance):
    """f with what takes the place of missing samples: those of the prior where it is known and fits."""
    f = np.where(w[..., None] > 0, f, 0)
    (spatial, _), (_, spread) = pull_push(f, w, (1, 1)), pull_push(f, w, (8, 8))
    if prior is None:
        return spatial
    if not w.any():
        return prior
    error = ((f - prior) ** 2).sum(axis=2, keepdims=True)
    (error, _) = pull_push(error, w * known, (8, 8))
    fits = (known & (error <= spread + 2 * f.shape[2] * variance)[..., 0])[..., None]
    w = w[..., None]
    return np.where(fits, w * f + (1 - w) * prior, spatial)


def moved(known, flow):
    """Where all pixels next to the one that the motion leads to are known."""
    height, width = known.shape
    y, x = np.mgrid[:height, :width]
    inside = np.isfinite(flow).all(axis=2)
    flow = np.where(inside[..., None], flow, 0)
    row, column = (y + flow[..., 1]).clip(0, height - 1), (x + flow[..., 0]).clip(0, width - 1)
    for j in (np.floor(row), np.ceil(row)):
        for i in (np.floor(column), np.ceil(column)):
            inside = inside & known[j.astype(int), i.astype(int)]
    return inside
