# SPDX-License-Identifier: Apache-2.0
"""The linear model, as a sum.

    N(x, t) = sum_i m_i c_i f_i G(x - x_i) E(t - t_i)
    D(x, t) = sum_i m_i         G(x - x_i) E(t - t_i)
    u = N / D (normalized) or N (raw)

with G(d) = exp(-d^2 / 2 sigma^2), separable and cut off at int(truncate * sigma + 0.5) pixels, and
E(s) = exp(-|s| / tau) over all past frames and at most `lookahead` future ones. Nothing here is recursive
except `Recursion`, which exists for streams too long to sum and is itself checked against `diffuse`.
"""

from functools import lru_cache

import numpy as np

CONFIDENCE_FLOOR = 1e-20  # smaller confidences count as 0


@lru_cache(maxsize=256)
def line_operator(length, sigma, boundary="renormalize", truncate=4.0):
    """The sum over one line as a matrix.

    Parameters
    ----------
    length : int
        Samples in the line.
    sigma : float
        Standard deviation in samples.
    boundary : {"renormalize", "reflect", "nearest", "constant"}
    truncate : float
        The kernel ends at int(truncate * sigma + 0.5) samples.

    Returns
    -------
    inside : ndarray, shape (length, length)
        inside[y, i] is the weight with which sample i enters the sum at y.
    outside : ndarray, shape (length,)
        Weight of the samples beyond the ends, which hold cval ("constant"); else 0.
    """
    reach = truncate * sigma + 0.5
    radius = int(min(reach, length) if boundary == "renormalize" else reach)  # nothing there beyond the line
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2) if radius else np.ones(1)
    inside = np.zeros((length, length))
    outside = np.zeros(length)
    for y in range(length):
        source = y + offsets
        exists = (source >= 0) & (source < length)
        if boundary == "reflect":  # d c b a | a b c d | d c b a
            source = source % (2 * length)
            source = np.minimum(source, 2 * length - 1 - source)
            exists = np.ones_like(exists)
        elif boundary == "nearest":  # a a a a | a b c d | d d d d
            source = source.clip(0, length - 1)
            exists = np.ones_like(exists)
        elif boundary == "constant":
            outside[y] = weights[~exists].sum()
        elif boundary != "renormalize":
            raise ValueError(f"boundary {boundary!r}")
        inside[y] = np.bincount(source[exists], weights[exists], minlength=length)
    return inside, outside


def spread(samples, sigma, boundary="renormalize", outside_value=0.0, truncate=4.0):
    """G * samples for one picture of shape (H, W, C)."""
    sigma_y, sigma_x = np.broadcast_to(sigma, 2)
    height, width, _ = samples.shape
    inside_y, outside_y = line_operator(height, float(sigma_y), boundary, truncate)
    inside_x, outside_x = line_operator(width, float(sigma_x), boundary, truncate)
    result = np.einsum("yi,ijc,xj->yxc", inside_y, samples, inside_x, optimize=True)
    total_x = inside_x.sum(1) + outside_x
    beyond = np.outer(outside_y, total_x) + np.outer(inside_y.sum(1), outside_x)
    return result + outside_value * beyond[:, :, None]


def _sources(frame, confidence, coefficients, sigma, boundary, cval, truncate):
    """N and D of one frame alone, shape (H, W, C)."""
    value = np.asarray(frame, float).reshape(*np.shape(frame)[:2], -1)
    m = np.where(np.isnan(value), 0.0, _per_sample(confidence, value.shape))
    m[m < CONFIDENCE_FLOOR] = 0.0
    c = _per_sample(coefficients, value.shape)
    product = m * c * np.where(np.isnan(value), 0.0, value)
    numerator = spread(product, sigma, boundary, cval, truncate)
    denominator = spread(m, sigma, boundary, 1.0, truncate)
    return numerator, denominator


def _per_sample(factor, shape):
    """None, (H, W), (H, W, 1) or (H, W, C) as (H, W, C); uint8 counts in units of 1 / 255."""
    if factor is None:
        return np.ones(shape)
    factor = np.asarray(factor)
    scale = 255.0 if factor.dtype == np.uint8 else 1.0
    return np.broadcast_to(factor.reshape(*shape[:2], -1) / scale, shape)


def _log(x):
    with np.errstate(divide="ignore"):
        return np.log(x)


def _decay(duration, tau):
    with np.errstate(over="ignore"):  # many time constants of the smallest kind
        return np.exp(-duration / tau) if 0 < tau < np.inf else np.isfinite(duration) * 1.0


def _mean(numerator, denominator):
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def diffuse(
    frames,
    sigma,
    tau,
    *,
    normalize=True,
    boundary="renormalize",
    cval=0.0,
    truncate=4.0,
    fill=None,
    lookahead=0,
    times=None,
    confidence=None,
    coefficients=None,
):
    """The linear model, every sum written out.

    For the quotient N / D all weights in time are taken relative to that of the nearest frame that reaches
    the sample, so that it survives any gap.

    Parameters
    ----------
    frames : array_like, shape (T, H, W) or (T, H, W, C)
        NaN is a missing sample.
    sigma : float or (float, float)
        Spatial standard deviation in pixels, (sigma_y, sigma_x).
    tau : float
        Time constant in the unit of `times`; 0 is no memory, inf the mean of all frames.
    normalize, boundary, cval, truncate, fill, lookahead
        As in the library.
    times : array_like, shape (T,), optional
        Time stamps, 0, 1, 2, ... by default.
    confidence, coefficients : sequence of T arrays (H, W) or (H, W, C) or None, optional
        Per frame; uint8 confidence is divided by 255.

    Returns
    -------
    ndarray, float64
        Not rounded, the shape of `frames`.
    """
    count = len(frames)
    times = np.arange(count) if times is None else np.asarray(times, float)
    confidence = [None] * count if confidence is None else confidence
    coefficients = [None] * count if coefficients is None else coefficients
    pairs = [
        _sources(frame, m, c, sigma, boundary, cval, truncate)
        for frame, m, c in zip(frames, confidence, coefficients, strict=True)
    ]
    numerators, denominators = map(np.array, zip(*pairs, strict=True))

    result = np.empty(np.shape(frames))
    for n in range(count):
        window = slice(n, n + 1) if tau == 0 else slice(0, n + lookahead + 1)
        above, below = numerators[window], denominators[window]
        distance = np.abs(times[n] - times[window]).reshape(-1, 1, 1, 1)
        if normalize:
            nearest = np.where(below > 0, distance, np.inf).min(axis=0)
            reached = np.isfinite(nearest)
            decay = _decay(np.where(below > 0, distance - np.where(reached, nearest, 0.0), np.inf), tau)
            mean = _mean((decay * above).sum(axis=0), (decay * below).sum(axis=0))
            own = np.asarray(frames[n], float).reshape(mean.shape)
            u = np.where(reached, mean, own if fill is None else fill)
        else:
            u = (_decay(distance, tau) * above).sum(axis=0)
        result[n] = u.reshape(result.shape[1:])
    return result


class Recursion:
    """The causal model frame by frame, for long streams: u and log D are kept, nothing underflows."""

    def __init__(
        self, sigma, tau, *, normalize=True, boundary="renormalize", cval=0.0, truncate=4.0, fill=None
    ):
        self.space = (sigma, boundary, cval, truncate)
        self.tau, self.normalize, self.fill = tau, normalize, fill
        self.u = 0.0
        self.log_weight = -np.inf

    def __call__(self, frame, dt=1.0, confidence=None, coefficients=None):
        """Take a frame of shape (H, W) or (H, W, C), answer the float64 result of that shape."""
        numerator, denominator = _sources(frame, confidence, coefficients, *self.space)
        log_decay = -dt / self.tau if self.tau > 0 else -np.inf
        if not self.normalize:
            self.u = np.exp(log_decay) * self.u + numerator
            return self.u.reshape(np.shape(frame))
        log_denominator = _log(denominator)
        self.log_weight = np.logaddexp(self.log_weight + log_decay, log_denominator)
        reached = np.isfinite(self.log_weight)
        share = np.exp(log_denominator - np.where(reached, self.log_weight, 0.0))
        self.u = self.u + share * (_mean(numerator, denominator) - self.u)
        own = np.asarray(frame, float).reshape(numerator.shape)
        return np.where(reached, self.u, own if self.fill is None else self.fill).reshape(np.shape(frame))
