# SPDX-License-Identifier: Apache-2.0
"""The diffusion equations, by matrices and small explicit steps.

    u_s = d/dy (c sigma_y^2 / 2 du/dy) + d/dx (c sigma_x^2 / 2 du/dx),   0 <= s <= 1,

on the pixel grid: between two neighbours flows the coefficient of their common face times their difference,
nothing flows across the edges. `heat` is the heat equation, c a number or a map; `perona_malik` has
c = g(|grad u|). With confidence m both m f and m are diffused; the samples are the quotient of the two.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import expm_multiply, spsolve
from scipy.special import ive


def line_operator(length, sigma, diffusivity=1.0):
    """The heat equation along one line, exactly, as a matrix: e^-t I_n(t) between reflecting ends.

    Parameters
    ----------
    length : int
    sigma : float
        In samples; t = diffusivity sigma^2.
    diffusivity : float

    Returns
    -------
    ndarray, shape (length, length)
        [y, i] is the weight with which sample i enters at y.
    """
    t = diffusivity * sigma**2
    reach = int(12 * np.sqrt(t) + 60)
    offsets = np.arange(-reach, reach + 1)
    weights = ive(np.abs(offsets), t)
    matrix = np.zeros((length, length))
    for y in range(length):
        source = (y + offsets) % (2 * length)
        source = np.minimum(source, 2 * length - 1 - source)
        matrix[y] = np.bincount(source, weights, minlength=length)
    return matrix


def faces(c, mean):
    """Coefficients between vertical and between horizontal neighbours, (H - 1, W) and (H, W - 1)."""
    return mean(c[:-1], c[1:]), mean(c[:, :-1], c[:, 1:])


def harmonic_mean(a, b):
    """2 a b / (a + b), 0 where either is 0."""
    return np.divide(2 * a * b, a + b, out=np.zeros_like(a), where=a * b > 0)


def arithmetic_mean(a, b):
    """(a + b) / 2"""
    return (a + b) / 2


def divergence(u, below, right):
    """The right-hand side for u of shape (H, W) or (H, W, C), from coefficients as `faces` gives them."""
    extra = (1,) * (u.ndim - 2)
    down = below.reshape(*below.shape, *extra) * np.diff(u, axis=0)
    along = right.reshape(*right.shape, *extra) * np.diff(u, axis=1)
    result = np.zeros_like(u)
    result[:-1] += down
    result[1:] -= down
    result[:, :-1] += along
    result[:, 1:] -= along
    return result


def laplacian(diffusivity, sigma=(2**0.5, 2**0.5)):
    """The right-hand side of the heat equation as a sparse matrix over the pixels, for an (H, W) map."""
    height, width = diffusivity.shape
    sigma_y, sigma_x = np.broadcast_to(sigma, 2)
    below, right = faces(np.asarray(diffusivity, float), harmonic_mean)
    pixel = np.arange(height * width).reshape(height, width)
    first = np.concatenate([pixel[:-1].ravel(), pixel[:, :-1].ravel()])
    second = np.concatenate([pixel[1:].ravel(), pixel[:, 1:].ravel()])
    flow = np.concatenate([below.ravel() * sigma_y**2 / 2, right.ravel() * sigma_x**2 / 2])
    row = np.concatenate([first, second, first, second])
    column = np.concatenate([second, first, first, second])
    values = np.concatenate([flow, flow, -flow, -flow])
    return coo_array((values, (row, column)), shape=(pixel.size, pixel.size)).tocsr()


def heat(frame, sigma, diffusivity=1.0, masses=None, held=None):
    """Sums and weights of the heat equation.

    Parameters
    ----------
    frame : array_like, shape (H, W) or (H, W, C)
    sigma : float or (float, float)
    diffusivity : float or array_like, shape (H, W)
    masses : array_like, shape (H, W), optional
    held : array_like of bool, shape (H, W), optional
        Pixels that keep their values.

    Returns
    -------
    sums : ndarray, shape of frame
    weights : ndarray, shape (H, W)
    """
    frame = np.asarray(frame, float)
    height, width = frame.shape[:2]
    masses = np.ones((height, width)) if masses is None else np.asarray(masses, float)
    planes = np.dstack([frame * masses.reshape(height, width, *[1] * (frame.ndim - 2)), masses])
    sigma = np.broadcast_to(sigma, 2)
    if np.ndim(diffusivity) == 0 and held is None:
        along_y, along_x = (
            line_operator(n, s, diffusivity) for n, s in zip((height, width), sigma, strict=True)
        )
        result = np.einsum("yi,ijc,xj->yxc", along_y, planes, along_x, optimize=True)
    else:
        matrix = laplacian(np.broadcast_to(diffusivity, (height, width)), sigma)
        if held is not None:
            matrix = matrix.multiply(~np.asarray(held).reshape(-1, 1)).tocsr()
        result = expm_multiply(matrix, planes.reshape(height * width, -1)).reshape(planes.shape)
    return result[:, :, :-1].reshape(frame.shape), result[:, :, -1]


def harmonic(frame, held, diffusivity=1.0):
    """In-filling: div(c grad u) = 0 away from the held pixels, of shape (H, W) or (H, W, C) as the frame."""
    frame = np.asarray(frame, float)
    held = np.asarray(held, bool)
    matrix = laplacian(np.broadcast_to(np.asarray(diffusivity, float), held.shape)).tocsr()
    known = held.ravel()
    values = frame.reshape(known.size, -1).copy()
    right = -(matrix[~known][:, known] @ values[known])
    solution = spsolve(matrix[~known][:, ~known].tocsc(), right)
    values[~known] = solution.reshape(right.shape)
    return values.reshape(frame.shape)


def _pad(u):
    return np.pad(u, [(1, 1), (1, 1), (0, 0)], mode="symmetric")


def _smooth(u):
    """(1 2 1) / 4 along both axes of (H, W, C)."""
    padded = _pad(u)
    along = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return (along[:, :-2] + 2 * along[:, 1:-1] + along[:, 2:]) / 4


def perona_malik_diffusivity(sums, weights, contrast, function="exponential", least=1e-3):
    """g(|grad u|) at every pixel, from sums (H, W, C) and weights (H, W).

    u is smoothed sums over smoothed weights, unknown where the latter are below `least`. The gradient is by
    central differences, over all channels jointly; a difference that has an unknown end is 0.
    """
    below = _smooth(weights[:, :, None])
    known = below >= least
    u = _pad(np.divide(_smooth(sums), below, out=np.zeros_like(sums), where=known))
    known = _pad(known)
    in_y = np.where(known[2:, 1:-1] & known[:-2, 1:-1], (u[2:, 1:-1] - u[:-2, 1:-1]) / 2, 0.0)
    in_x = np.where(known[1:-1, 2:] & known[1:-1, :-2], (u[1:-1, 2:] - u[1:-1, :-2]) / 2, 0.0)
    ratio = (in_y**2 + in_x**2).sum(axis=2) / contrast**2
    return np.exp(-ratio) if function == "exponential" else 1 / (1 + ratio)


def _coefficients(planes, sigma, contrast, function):
    c = perona_malik_diffusivity(planes[:, :, :-1], planes[:, :, -1], contrast, function)
    below, right = faces(c, arithmetic_mean)
    return below * sigma[0] ** 2 / 2, right * sigma[1] ** 2 / 2


def _planes(frame, masses):
    frame = np.asarray(frame, float)
    frame = frame.reshape(*frame.shape[:2], -1)
    masses = np.ones(frame.shape[:2]) if masses is None else np.asarray(masses, float)
    return np.dstack([frame * masses[:, :, None], masses])


def perona_malik(frame, sigma, contrast, function="exponential", masses=None, steps_per_unit=50):
    """Sums (H, W, C) and weights (H, W) by explicit steps, the diffusivity anew in each.

    `steps_per_unit` is the number of steps per unit of diffusion (sigma^2 / 2 grows by 1); 50 is less than a
    tenth of the longest stable step.
    """
    planes = _planes(frame, masses)
    sigma = np.broadcast_to(sigma, 2)
    count = max(1, int(np.ceil(steps_per_unit * (sigma**2).max() / 2)))
    for _ in range(count):
        planes = planes + divergence(planes, *_coefficients(planes, sigma, contrast, function)) / count
    return planes[:, :, :-1], planes[:, :, -1]


def fed_steps(count):
    """Lengths of the steps of a cycle of fast explicit diffusion, in increasing order; they add up to 1."""
    tau = 1 / np.cos(np.pi * (2 * np.arange(count) + 1) / (4 * count + 2)) ** 2
    return tau / tau.sum()


def perona_malik_cycles(frame, sigma, contrast, function="exponential", masses=None, cycles_per_sigma=2):
    """The same by cycles of fast explicit diffusion, the diffusivity frozen in each, as in the library."""
    planes = _planes(frame, masses)
    sigma = np.broadcast_to(np.asarray(sigma, float), 2)
    cycles = max(1, int(np.ceil(cycles_per_sigma * sigma.max())))
    stable_steps = (sigma**2).sum() / cycles
    count = max(1, int(np.ceil(np.sqrt(0.25 + 3 * stable_steps) - 0.5)))
    for _ in range(cycles):
        below, right = _coefficients(planes, sigma / np.sqrt(cycles), contrast, function)
        for tau in fed_steps(count):
            planes = planes + tau * divergence(planes, below, right)
    reached = planes[:, :, -1:] >= 1e-3
    planes = np.where(reached, planes, 0.0)
    return planes[:, :, :-1], planes[:, :, -1]
