# SPDX-License-Identifier: Apache-2.0
"""The bilateral filter (Tomasi & Manduchi 1998), as a sum over the window.

    sums(x)    = sum_i m_i c_i(x) G(x - x_i) f_i
    weights(x) = sum_i m_i c_i(x) G(x - x_i)
    c_i(x)     = exp(-|f_i - f(x)|^2 / (2 range_sigma^2)), Euclidean over the channels

A pixel that is missing itself (m = 0) has nothing to compare with: c_i = 1 there.
"""

import numpy as np

PADDING = {"reflect": "symmetric", "nearest": "edge", "constant": "constant", "renormalize": "constant"}


def gaussian(sigma, truncate=4.0):
    """exp(-d^2 / 2 sigma^2) at d = -radius .. radius, radius = int(truncate sigma + 0.5)."""
    radius = int(truncate * sigma + 0.5)
    distances = np.arange(-radius, radius + 1)
    return np.exp(-0.5 * (distances / sigma) ** 2) if radius else np.ones(1)


def padded(samples, radius_y, radius_x, boundary, cval=0.0):
    """The picture with radius pixels around it, as the boundary makes them up."""
    widths = [(radius_y, radius_y), (radius_x, radius_x)] + [(0, 0)] * (samples.ndim - 2)
    keywords = {"constant_values": cval} if PADDING[boundary] == "constant" else {}
    return np.pad(samples, widths, PADDING[boundary], **keywords)


def bilateral(frame, sigma, range_sigma, *, boundary="renormalize", cval=0.0, truncate=4.0, confidence=None):
    """One frame alone.

    Parameters
    ----------
    frame : array_like, shape (H, W) or (H, W, C)
        A pixel with a NaN in any channel is missing.
    sigma : float or (float, float)
        Spatial standard deviation in pixels, (sigma_y, sigma_x).
    range_sigma : float
        In sample units, > 0.
    boundary, cval, truncate
        As in the library.
    confidence : array_like, shape (H, W), optional
        m, in [0, 1].

    Returns
    -------
    sums : ndarray, float64, shape of `frame`
    weights : ndarray, float64, shape (H, W)
    """
    sigma_y, sigma_x = np.broadcast_to(sigma, 2).astype(float)
    f = np.asarray(frame, float)
    f = f.reshape(*f.shape[:2], -1)
    m = np.ones(f.shape[:2]) if confidence is None else np.array(confidence, float)
    m[np.isnan(f).any(axis=2)] = 0.0
    f = np.where(m[:, :, None] > 0, f, 0.0)

    along_y, along_x = gaussian(sigma_y, truncate), gaussian(sigma_x, truncate)
    radius_y, radius_x = len(along_y) // 2, len(along_x) // 2
    around = padded(f, radius_y, radius_x, boundary, cval)
    masses = padded(m, radius_y, radius_x, boundary, float(boundary == "constant"))

    sums, weights = np.zeros(f.shape), np.zeros(m.shape)
    height, width = m.shape
    for y in range(height):
        for x in range(width):
            window = around[y : y + 2 * radius_y + 1, x : x + 2 * radius_x + 1]
            weight = masses[y : y + 2 * radius_y + 1, x : x + 2 * radius_x + 1] * np.outer(along_y, along_x)
            if m[y, x] > 0:
                distance = ((window - f[y, x]) ** 2).sum(axis=2)
                weight = weight * np.exp(-distance / (2 * range_sigma**2))
            sums[y, x] = (weight[:, :, None] * window).sum(axis=(0, 1))
            weights[y, x] = weight.sum()
    return sums.reshape(np.shape(frame)), weights
