# SPDX-License-Identifier: Apache-2.0
"""Recursion in time with a coefficient per pixel, in float64, pixel by pixel from the formulas.

An estimate is (u, W, V): values (H, W, C), weights (H, W) and variances (H, W). Of a and b, b moved to a,

    W = W_a + d c W_b    u = (W_a u_a + d c W_b u_b) / W    V = (W_a^2 V_a + (d c W_b)^2 V_b) / W^2
"""

import numpy as np

from oracles.video_denoiser import cubic, linear


def of_frame(frame, confidence=None, variance=None):
    """The estimate that a frame (H, W, C) is; confidence (H, W); variance a function of the samples."""
    u = frame.astype(float)
    missing = np.isnan(u).any(axis=2)
    w = np.where(missing, 0.0, 1.0 if confidence is None else confidence)
    v = np.zeros(u.shape[:2]) if variance is None else variance(u).mean(axis=2)
    return u, w, np.where(w > 0, v, 0)


def moved(b, flow):
    """b where the flow (H, W, 2), dx and dy, leads from each pixel; W = 0 where nothing is known."""
    u, w, v = b
    height, width, channels = u.shape
    result = np.zeros(u.shape), np.zeros(w.shape), np.zeros(v.shape)
    for y, x in np.ndindex(height, width):
        there = np.array([y + float(flow[y, x, 1]), x + float(flow[y, x, 0])])
        if not ((there >= -0.5) & (there <= np.array([height, width]) - 0.5)).all():
            continue
        there = there.clip(0, [height - 1, width - 1])
        first = np.floor(there).astype(int) - 1
        taps = [
            (row.clip(0, height - 1), column.clip(0, width - 1), abs(there[0] - row), abs(there[1] - column))
            for row in first[0] + np.arange(4)
            for column in first[1] + np.arange(4)
        ]
        near = [linear(dy) * linear(dx) for _, _, dy, dx in taps]
        known = np.array([w[row, column] > 0 for row, column, _, _ in taps])
        parts = np.array([cubic(dy) * cubic(dx) for _, _, dy, dx in taps])
        if not known[parts != 0].all():
            parts = near * known / max(np.sum(near * known), 1e-300)
        weight = sum(part * w[row, column] for part, (row, column, _, _) in zip(near, taps, strict=True))
        if weight == 0:
            continue
        result[1][y, x] = weight
        for part, (row, column, _, _) in zip(parts, taps, strict=True):
            if part != 0:
                result[0][y, x] += part * u[row, column]
                result[2][y, x] += part**2 * v[row, column]
    return result


def quantile(freedom):
    """What chi squared over its degrees of freedom exceeds in 2 of 100 cases (Wilson & Hilferty)."""
    return (1 - 2 / (9 * freedom) + 2 * np.sqrt(2 / (9 * freedom))) ** 3


def excess(value, noise, freedom):
    if noise == 0:
        return np.inf if value > 0 else 0.0
    return max(0.0, value / noise - quantile(freedom)) / (2 * np.sqrt(2 / freedom))


def coefficients(a, b):
    """c of every pixel."""
    (u_a, w_a, v_a), (u_b, w_b, v_b) = a, b
    both = (w_a > 0) & (w_b > 0)
    difference = np.where(both[..., None], u_a - u_b, 0)
    noise = np.where(both, v_a + v_b, 0)
    channels = u_a.shape[2]
    result = np.ones(w_a.shape)
    for y, x in np.ndindex(w_a.shape):
        near = np.s_[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        far = np.s_[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5]
        exponent = excess((difference[far].sum(axis=(0, 1)) ** 2).mean(), noise[far].sum(), channels)
        if both[near].any():
            energy = (difference[near] ** 2).mean(axis=2).sum()
            exponent += excess(energy, noise[near].sum(), both[near].sum() * channels)
        result[y, x] = np.exp(-exponent)
    return result


def merged(a, b, flow=None, decay=1.0, gated=True):
    """a and b, moved along the flow, as one estimate."""
    b = b if flow is None else moved(b, flow)
    c = coefficients(a, b) if gated else np.ones(a[1].shape)
    (u_a, w_a, v_a), (u_b, w_b, v_b) = a, b
    w_b = decay * c * w_b
    w_b[w_b < 1e-20] = 0
    w = w_a + w_b
    u, v = u_a.copy(), np.zeros(w.shape)
    for place in zip(*np.nonzero(w), strict=True):
        from_a = w_a[place] * u_a[place] if w_a[place] > 0 else 0
        from_b = w_b[place] * u_b[place] if w_b[place] > 0 else 0
        u[place] = (from_a + from_b) / w[place]
        v[place] = (w_a[place] ** 2 * v_a[place] + w_b[place] ** 2 * v_b[place]) / w[place] ** 2
    return u, w, v


def stream(frames, tau, variance=None, confidences=None, flow=None, lookahead=0):
    """The values (T, H, W, C) of a stream of frames (T, H, W, C), one unit of time apart.

    variance as for `of_frame`, with a gate; flow() returns the flow of the next merge.
    """
    gated, queue, results, state = variance is not None, [], [], None

    def answer():
        (start, estimate, _), *later = queue
        for time, _, own in later:
            estimate = merged(estimate, own, flow and flow(), np.exp((start - time) / tau), gated)
        queue.pop(0)
        return estimate[0]

    for time, frame in enumerate(frames):
        own = of_frame(frame, None if confidences is None else confidences[time], variance)
        state = own if state is None else merged(own, state, flow and flow(), np.exp(-1 / tau), gated)
        queue.append((time, state, own))
        if len(queue) > lookahead:
            results.append(answer())
    while queue:
        results.append(answer())
    return np.array(results)
