# SPDX-License-Identifier: Apache-2.0
"""What stays put in a video, for the denoiser: the mean over time M, and how many frames m it is worth.

For cells of S x S samples, with the frame f, a prior P and the variance s^2 of the noise; over the 3 x 3
cells around each:

    G = mean of ((f - M)^2 - (f - P)^2) / s^2 - 1 / m        M against P
    A = mean of (f - M)^2 / s^2 - 1 - 1 / m                  M against the noise
    b = sum over a cell of f - M, over its standard deviation, averaged over time; B = mean of b^2 less its
        expected value
    L = as G, with the sums over cells in place of samples

G, L and the flow F are averaged over time. An error of M of variance v = max(0, G, L, A, B less some
deviations) limits m to 1 / v, and the trust in M falls with v m, with the motion, and where m is small.
"""

import numpy as np

SIZE = 8  # of the border
MOST = 400  # frames


def around(cells):
    """Sum over 3 x 3 cells."""
    wide = np.pad(cells, [(1, 1), (1, 1), *[(0, 0)] * (cells.ndim - 2)])
    rows, columns = cells.shape[:2]
    return sum(wide[j : j + rows, i : i + columns] for j, i in np.ndindex(3, 3))


def clip(x):
    return np.clip(x, 0, 1)


class Still:
    """The mean over time of frames (H, W, C), padded on the left and right.

    Parameters
    ----------
    step : int
        S.
    height : int
        Of a frame, without a border.
    shape : (int, int)
        Rows and columns of patches.
    """

    def __init__(self, step, height, shape, channels):
        self.step = step
        rows, columns = shape[0] + 1, shape[1] + 1
        self.first = np.maximum(np.arange(rows) * step - SIZE, 0)  # row of the picture
        inside = np.ones((height, (columns - 2) * step + SIZE))
        self.mean = np.zeros((*inside.shape, channels))
        self.age, self.trust, self.gain, self.low = np.zeros((4, rows, columns))
        self.moved, self.bias = np.zeros((rows, columns, 2)), np.zeros((rows, columns, channels))
        self.count = self.sums(inside)  # samples in a cell
        self.known = self.count > 0
        self.near = 1 / np.maximum(around(self.count), 1) / channels
        self.near_cells = 1 / np.maximum(around(self.known.astype(float)), 1)
        self.count_or_1 = np.maximum(self.count, 1)

    def sums(self, values):
        """Over the samples of each cell; `values` of shape (H, padded W, ...)."""
        rows, columns = self.age.shape
        pad = [
            (SIZE, rows * self.step - SIZE - len(values)),
            (0, columns * self.step - values.shape[1]),
            *[(0, 0)] * (values.ndim - 2),
        ]
        cells = np.pad(values, pad).reshape(rows, self.step, columns, self.step, *values.shape[2:])
        return cells.sum(axis=(1, 3))

    def of_samples(self, cells):
        """The value of the cell of each sample, (H, padded W, 1)."""
        large = cells.repeat(self.step, 0).repeat(self.step, 1)
        return large[SIZE : SIZE + len(self.mean), : self.mean.shape[1], None]

    def of_patches(self, cells):
        """The least of the 2 x 2 cells of each patch."""
        with_samples = np.flatnonzero(self.known[:, 0])
        cells = cells[np.arange(len(cells)).clip(with_samples[0], with_samples[-1])]
        least = np.minimum(
            np.minimum(cells[:-1, :-1], cells[1:, :-1]), np.minimum(cells[:-1, 1:], cells[1:, 1:])
        )
        return least[:, :, None, None, None]

    def update(self, frame, prior, flow, lost, variance, spectrum, brightness):
        """Take the next frame; return the prior with M where that is to be trusted.

        Parameters
        ----------
        frame, prior : ndarray, shape (H, padded W, C)
        flow : ndarray, shape (H, W, 2), or None
        lost : ndarray of bool, shape (rows, columns)
            Patches without a prior somewhere.
        variance : float
            s0^2
        spectrum : ndarray, shape (C, 8, 8)
        brightness : callable
            r of luma.
        """
        a, b, channels = frame - self.mean, frame - prior, frame.shape[2]
        r = brightness(self.sums(self.mean)[:, :, 0] / self.count_or_1)
        s2 = variance * spectrum.mean() * r
        low_s2 = (
            variance * spectrum[:, :2, :2].mean(axis=(1, 2)) * r[:, :, None] * self.count_or_1[:, :, None]
        )
        moments, moments_prior = self.sums(a), self.sums(b)
        rate = np.maximum(0.25, 1 / (self.age + 1))[:, :, None]
        self.bias += rate * (moments / np.sqrt(low_s2) - self.bias)
        m = np.minimum(self.age + 1, MOST)
        squares = around(self.sums((a**2).sum(axis=2)) / s2) * self.near
        gain = around(self.sums((a**2 - b**2).sum(axis=2)) / s2) * self.near
        low_near = self.near_cells / channels
        low = around(((moments**2 - moments_prior**2) / low_s2).sum(axis=2)) * low_near
        spread = np.maximum(1 / m, 1 / 7) + 1 / m
        bias = around((self.bias**2).sum(axis=2) * self.known) * low_near - spread
        gain = np.minimum(0.75 * self.gain + 0.25 * (gain - 1 / m), 1)
        low = np.minimum(0.75 * self.low + 0.25 * (low - 1 / m), 4)
        moved = self.moved
        motion = around(self._flow(flow)) * self.near_cells[:, :, None]
        moved = moved + np.maximum(1 / m, 1 / 16)[:, :, None] * (motion - moved)
        tests = [
            gain - 4 * np.sqrt((1 / m + 0.05) * self.near),
            low - 4 * np.sqrt((1 / m + 0.05) * low_near),
            squares - 1 - 1 / m - 4.5 * (1 + 1 / m) * np.sqrt(2 * self.near),
            bias - 5 * spread * np.sqrt(2 * low_near),
        ]
        v = np.maximum(0, np.max(tests, axis=0))
        trust = clip(2 - 2 * v * m) * clip((m - 2) / 3) * clip(2 - np.linalg.norm(moved, axis=2) / 0.35)
        age = np.where(v * m > 1, 1 / np.maximum(v, 1e-9), m)

        covers = np.pad(lost, 1)
        fresh = covers[:-1, :-1] | covers[1:, :-1] | covers[:-1, 1:] | covers[1:, 1:]
        usable = ~fresh & self.known
        self.age, self.trust, self.gain, self.low = (np.where(usable, x, 0) for x in (age, trust, gain, low))
        self.moved = np.where(usable[:, :, None], moved, 0)
        result = prior + self.of_samples(self.trust) * (self.mean - prior)
        self.mean = self.mean + (frame - self.mean) / (self.of_samples(self.age) + 1)
        return result

    def _flow(self, flow):
        """At the middle of each cell."""
        result = np.zeros((*self.age.shape, 2))
        if flow is not None:
            height, width = flow.shape[:2]
            x = (np.arange(self.age.shape[1]) * self.step - SIZE + self.step // 2).clip(0, width - 1)
            y = (self.first + self.step // 2).clip(0, height - 1)
            result = flow[y[:, None], x]
        return result * self.known[:, :, None]
