# SPDX-License-Identifier: Apache-2.0
"""Non-local means (Buades, Coll and Morel 2005) of one frame, a loop over pixels and over their windows.

    sums(x)    = sum_i m_i c_i(x) G(x - x_i) f_i
    weights(x) = sum_i m_i c_i(x) G(x - x_i)
    c_i(x)     = exp(-max(0, d2(x, x_i) - 2 noise^2) / strength^2)

over the (2 search + 1)^2 pixels around x, with d2 the mean over channels and over the (2 patch + 1)^2 offsets
j of (f(x + j) - f(x_i + j))^2. Only offsets count at which both pixels are present; c_i is 1 where there are
none. With boundary "renormalize" no sources lie beyond the edges, but patches see the picture reflected.
"""

import numpy as np

PADDING = {
    "renormalize": {"mode": "symmetric"},  # for patches; there are no sources
    "reflect": {"mode": "symmetric"},  # d c b a | a b c d | d c b a
    "nearest": {"mode": "edge"},
    "constant": {"mode": "constant"},
}


def gaussian(distance, sigma):
    """exp(-distance^2 / 2 sigma^2); 1 for sigma 0, where the window alone limits."""
    return np.exp(-0.5 * (distance / sigma) ** 2) if sigma > 0 else 1.0


def coefficient(here, there, present, strength, noise):
    """c_i of two patches of shape (P, P, C), where present (P, P) says which pixels both have."""
    if not present.any():
        return 1.0
    distance = ((here - there)[present] ** 2).mean()
    return np.exp(-max(0.0, distance - 2 * noise**2) / strength**2)


def nonlocal_means(
    frame,
    sigma=0.0,
    *,
    strength,
    noise=0.0,
    patch=2,
    search=5,
    boundary="renormalize",
    cval=0.0,
    confidence=None,
):
    """The sums and the weights.

    Parameters
    ----------
    frame : array_like, shape (H, W) or (H, W, C)
        A pixel with a NaN in any channel is missing.
    sigma : float or (float, float)
        Of the Gaussian G, (sigma_y, sigma_x); 0 is no Gaussian along that axis.
    strength, noise : float
        In sample units.
    patch, search : int
        Radii in pixels.
    boundary : {"renormalize", "reflect", "nearest", "constant"}
    cval : float
    confidence : array_like, shape (H, W), optional
        m, in [0, 1].

    Returns
    -------
    sums : ndarray, shape (H, W, C)
    weights : ndarray, shape (H, W)
    """
    sigma_y, sigma_x = np.broadcast_to(sigma, 2)
    value = np.asarray(frame, float).reshape(*np.shape(frame)[:2], -1)
    height, width, _ = value.shape
    mass = np.ones((height, width)) if confidence is None else np.array(confidence, float)
    mass[np.isnan(value).any(axis=2)] = 0.0
    value = np.where(mass[:, :, None] > 0, value, 0.0)

    margin = patch + search
    keywords = PADDING[boundary]
    fill = {"constant_values": cval} if boundary == "constant" else {}
    value = np.pad(value, ((margin, margin), (margin, margin), (0, 0)), **keywords, **fill)
    fill = {"constant_values": 1.0} if boundary == "constant" else {}
    is_there = np.pad(mass > 0, margin, **keywords, **fill)
    if boundary == "renormalize":
        keywords = {"mode": "constant"}
    mass = np.pad(mass, margin, **keywords, **fill)

    def around(array, y, x):
        return array[y - patch : y + patch + 1, x - patch : x + patch + 1]

    sums = np.zeros((height, width, value.shape[2]))
    weights = np.zeros((height, width))
    for y, x in np.ndindex(height, width):
        for dy, dx in np.ndindex(2 * search + 1, 2 * search + 1):
            here, there = (y + margin, x + margin), (y + dy + patch, x + dx + patch)
            present = around(is_there, *here) & around(is_there, *there)
            c = coefficient(around(value, *here), around(value, *there), present, strength, noise)
            weight = mass[there] * c * gaussian(dy - search, sigma_y) * gaussian(dx - search, sigma_x)
            sums[y, x] += weight * value[there]
            weights[y, x] += weight
    return sums, weights
