# SPDX-License-Identifier: Apache-2.0
"""The video denoiser: a Kalman filter on patch spectra, along the optical flow.

For a patch n, a channel c and a frequency k, with the spectra Q of the frame and P of the prior (the last
result, warped along the flow):

    e = Q - P                                  innovation
    E = E' / 2 + (smoothed e^2) / 2            its variance, measured; E' that of the last frame
    v = max(0, E - 1.1 s^2)                    variance of the prior: E less the noise s^2
    K = max(0.02, v / (v + s^2))               Kalman gain; 1 where the patch starts again
    X = P + K e,  V = K s^2                    estimate, and the variance of the noise left in it

With several priors, each with an E of its own and weight w = s^2 / v, K = 1 / (1 + sum of w) and
X = Q - K (sum of w e). A prior with noise of its own, as a frame of the future, has v >= s^2.

Then a Wiener filter in space, A / (A + V) with the power A of the signal: once with A from X (`fast`), and
once more with A from the first result (`balanced`). The result is the next frame's prior; unclipping comes
after it.
"""

from dataclasses import dataclass
from statistics import NormalDist

import cv2
import numpy as np

from oracles.bilateral import gaussian

SIZE = 8  # of a patch, and of the border
LARGER = np.maximum.outer(np.arange(SIZE), np.arange(SIZE))  # max(ky, kx)
FIRST_ROW = np.indices((SIZE, SIZE))[0] == 0  # ky = 0
WINDOW = np.outer(np.kaiser(SIZE, 2), np.kaiser(SIZE, 2))
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])

DCT = np.cos(np.pi * np.outer(np.arange(SIZE), np.arange(SIZE) + 0.5) / SIZE) * np.sqrt(2 / SIZE)
DCT[0] /= np.sqrt(2)  # orthonormal DCT-II


@dataclass(frozen=True)
class Preset:
    step: int  # of the grid of patches
    second_step: bool  # the Wiener filter once more
    half_size: bool  # flow from pictures of half size
    blur: float  # of the pictures for the flow


PRESETS = {"fast": Preset(6, False, True, 0.7), "balanced": Preset(4, True, False, 1.0)}


def bordered(picture, step):
    """The picture with 8 samples more on each side, and so many below and on the right that the grid fits."""
    below, right = (-(length + SIZE) % step for length in picture.shape[:2])
    return np.pad(picture, [(SIZE, SIZE + below), (SIZE, SIZE + right), (0, 0)], "reflect")


def spectra(picture, step):
    """Of all patches of a picture (H, W, C) with its border, shape (rows, columns, C, 8, 8)."""
    patches = np.lib.stride_tricks.sliding_window_view(picture, (SIZE, SIZE), axis=(0, 1))
    return DCT @ patches[::step, ::step] @ DCT.T


def aggregated(spectrum, weights, step):
    """Weighted mean of the patches that cover a sample; weights of shape (rows, columns, C)."""
    rows, columns, channels = weights.shape
    above = np.zeros(((rows - 1) * step + SIZE, (columns - 1) * step + SIZE, channels))
    below = np.zeros_like(above)
    patches = DCT.T @ spectrum @ DCT
    for j, i in np.ndindex(rows, columns):
        place = np.s_[j * step : j * step + SIZE, i * step : i * step + SIZE]
        weight = WINDOW[:, :, None] * weights[j, i]
        above[place] += weight * np.moveaxis(patches[j, i], 0, 2)
        below[place] += weight
    return above / below


def mean_around(values, radius):
    """Mean over the (2 radius + 1)^2 patches around each and itself, those that exist."""
    result = np.empty_like(values)
    for j, i in np.ndindex(values.shape[:2]):
        window = values[max(0, j - radius) : j + radius + 1, max(0, i - radius) : i + radius + 1]
        result[j, i] = window.mean(axis=(0, 1))
    return result


def blurred(picture, sigma):
    """A picture (H, W) after a Gaussian, cut off at 4 sigma, the edge reflected without repeating it."""
    weights = gaussian(sigma) / gaussian(sigma).sum()
    around = np.pad(picture, len(weights) // 2, "reflect")
    around = np.lib.stride_tricks.sliding_window_view(around, len(weights), axis=0) @ weights
    return np.lib.stride_tricks.sliding_window_view(around, len(weights), axis=1) @ weights


def halved(picture):
    """Mean of each 2 x 2 samples; of an odd length the last counts twice."""
    even = np.pad(picture, [(0, length % 2) for length in picture.shape], "edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def sampled(picture, y, x, kernel):
    """The picture (H, W, C) at (y, x), edge replicated: sum of kernel(distance) f over 4 x 4 samples."""
    height, width = picture.shape[:2]
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    result = np.zeros((*y.shape, picture.shape[2]))
    for j, i in np.ndindex(4, 4):
        row, column = top - 1 + j, left - 1 + i
        weight = kernel(np.abs(y - row)) * kernel(np.abs(x - column))
        result += weight[..., None] * picture[row.clip(0, height - 1), column.clip(0, width - 1)]
    return result


def linear(d):
    return np.maximum(0, 1 - d)


def cubic(d, a=-0.75):
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def mean_of_clipped(m, s):
    """E clip(m + noise, 0, 255) with Gaussian noise of standard deviation s."""
    a, b = (0 - m) / s, (255 - m) / s
    normal = NormalDist()
    inside = m * (normal.cdf(b) - normal.cdf(a)) + s * (normal.pdf(a) - normal.pdf(b))
    return inside + 255 * (1 - normal.cdf(b))


class VideoDenoiser:
    """Causal: one frame in, one out.

    Parameters
    ----------
    noise : float or vdcore.NoiseEstimate
        See `set_noise`.
    preset : {"fast", "balanced"}
    """

    def __init__(self, noise, preset="balanced"):
        self.preset = PRESETS[preset]
        self.result = None  # y, opponent colours, shape (H, W, C)
        self.innovations = []  # for each prior E, shape (rows, columns, C, 8, 8)
        self.set_noise(noise)

    def set_noise(self, noise):
        """Assume another noise from the next frame on.

        Parameters
        ----------
        noise : float or vdcore.NoiseEstimate
            Standard deviation of the noise before clipping; or that, its dependence on brightness and its
            spectrum, whose mean over the coefficients of all channels is 1.
        """
        self.variance = float(np.mean(np.square(getattr(noise, "sigma", noise))))  # s0^2
        self.gain = float(np.mean(getattr(noise, "gain", 0.0)))
        self.offset = float(np.mean(getattr(noise, "offset", self.variance)))
        given = getattr(noise, "spectrum", None)
        self.spectrum = np.ones((1, SIZE, SIZE)) if given is None else given  # t(c, k), shape (C or 1, 8, 8)

    def push(self, frame, priors=None):
        """Take the next frame.

        Parameters
        ----------
        frame : ndarray of uint8 or float, shape (H, W) or (H, W, 3)
            uint8 is unclipped; float has no range, but its brightness is 0 to 255.
        priors : list of (picture or None, flow or None, noise), optional
            What the frame is compared with: a picture of the frame's shape or the last result; the flow
            there, (H, W, 2), or no motion; the least variance of its own noise over that of the frame. By
            default the last result, along the flow that is estimated here.

        Returns
        -------
        ndarray of float64, shape of `frame`
            Not rounded.
        """
        if self.variance == 0:
            return frame.astype(float)
        step = self.preset.step
        f = self._opponent(frame)
        height, width, channels = f.shape
        q = spectra(bordered(f, step), step)
        if priors is None:
            priors = [(None, None if self.result is None else self._flow(f), 0.0)]
        x, v = self._kalman(q, priors)
        result = self._wiener(x, v)
        self.result = result[SIZE : SIZE + height, SIZE : SIZE + width]

        samples = self.result if channels == 1 else self.result @ OPPONENT
        return (self._unclipped(samples) if frame.dtype == np.uint8 else samples).reshape(frame.shape)

    @staticmethod
    def _opponent(picture):
        """Opponent colours of a colour picture, shape (H, W, C)."""
        picture = picture.astype(float)
        return picture[:, :, None] if picture.ndim == 2 else picture @ OPPONENT.T

    @staticmethod
    def _brightness(opponents):
        """Luma of opponent colours, channels on the third axis, on the scale of the samples."""
        luma = opponents[:, :, 0]
        return luma if opponents.shape[2] == 1 else luma / np.sqrt(3)

    def _noise(self, spectra):
        """s^2(n, c, k) = s0^2 r(n) t(c, k), r from the means of these patches."""
        r = np.ones(spectra.shape[:2])
        if self.gain != 0:
            brightness = self._brightness(spectra[..., 0, 0] / SIZE)
            r = np.maximum(0.01, (self.gain * brightness + self.offset) / self.variance)
        return self.variance * r[:, :, None, None, None] * self.spectrum

    def _flow(self, f):
        """From the frame to the last result, (dx, dy) in pixels, shape (H, W, 2)."""
        height, width = f.shape[:2]
        pictures = [self._brightness(picture) for picture in (f, self.result)]
        if self.preset.half_size:
            pictures = [halved(picture) for picture in pictures]
            method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        else:
            method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
            method.setFinestScale(1)
            method.setGradientDescentIterations(12)
            method.setVariationalRefinementIterations(0)
        if min(pictures[0].shape) < 16:  # too small for it
            return np.zeros((height, width, 2))
        here, there = (blurred(p, self.preset.blur).clip(0, 255).round().astype(np.uint8) for p in pictures)
        flow = method.calc(here, there, None).astype(float)
        if self.preset.half_size:
            y, x = np.mgrid[:height, :width] / 2 - 0.25
            flow = 2 * sampled(flow, y, x, linear)
        return flow

    def _kalman(self, q, priors):
        """X and V, of a frame with the spectra q. Moves E on."""
        weights, moments = np.zeros_like(q), np.zeros_like(q)
        before, self.innovations = self.innovations, []
        noise = self._noise(q)
        for number, (picture, flow, own) in enumerate(priors):
            source = self.result if picture is None else self._opponent(picture)
            if source is None:
                self.innovations.append(np.broadcast_to(2 * noise, q.shape))
                continue
            last = (
                before[number]
                if number < len(before)
                else np.broadcast_to(2 * self.variance * self.spectrum, q.shape)
            )
            e, variance, reset = self._compare(source, flow, last, q)
            if number == 0:  # brightness of where the frame comes from, a quarter of the way to the frame
                noise = self._noise(q - 0.75 * e)
            keep = (~reset & self._fits(e, own, noise))[:, :, None, None, None]
            if number == 0:
                noise = self._noise(q - 0.75 * keep * e)
            variance[reset] = (2 * noise)[reset]
            self.innovations.append(variance)
            w = keep * noise / np.maximum(variance - 1.1 * noise, max(own, 1 / 49) * noise)
            weights += w
            moments += w * e
        gain = 1 / (1 + weights)
        return q - gain * moments, gain * noise

    def _compare(self, source, flow, last, q):
        """Innovation e, E, and which patches lack a prior somewhere, from E of the last frame."""
        step = self.preset.step
        height, width = source.shape[:2]
        flow = np.zeros((height, width, 2)) if flow is None else np.array(flow, float)
        lost = ~np.isfinite(flow).all(axis=2)
        flow[lost] = 0

        y, x = np.mgrid[:height, :width]
        prior = sampled(source, y + flow[:, :, 1], x + flow[:, :, 0], cubic)
        e = q - spectra(bordered(prior, step), step)
        now = 0.7 * e**2 + 0.3 * mean_around(e**2, 1)

        moved = np.empty_like(now)  # E'
        rows, columns = now.shape[:2]
        for j, i in np.ndindex(rows, columns):
            y, x = j * step - SIZE + SIZE // 2, i * step - SIZE + SIZE // 2  # centre of the patch
            dx, dy = flow[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
            row, column = round(j + dy / step), round(i + dx / step)
            moved[j, i] = last[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)]
        variance = 0.5 * moved + 0.5 * now
        around = bordered(lost[:, :, None], step)
        covers = np.lib.stride_tricks.sliding_window_view(around, (SIZE, SIZE), axis=(0, 1))
        return e, variance, covers[::step, ::step].any(axis=(2, 3, 4))

    @staticmethod
    def _fits(e, own, noise):
        """Whether the innovation of a patch is little more than noise."""
        fits = np.ones(e.shape[:2], bool)
        tests = [(LARGER < 2, 10), (LARGER < 4, 10), (LARGER < 8, 10), (FIRST_ROW, 6), (FIRST_ROW.T, 6)]
        for where, deviations in tests:
            relative = (e**2 / noise)[..., where]
            terms = relative[0, 0].size
            fits &= relative.mean(axis=(2, 3)) <= (1 + own) * (1 + deviations * np.sqrt(2 / terms))
        return fits

    def _wiener(self, x, v):
        """The spatial stage: a picture with its border, from X and V."""
        step = self.preset.step
        power = np.maximum(0, 0.1 * x**2 + 0.9 * mean_around(x**2, 2) - 1.1 * v)
        result = self._shrunk(x, v, power, 0.1)
        if self.preset.second_step:
            result = self._shrunk(x, v, spectra(result, step) ** 2, 0.02)
        return result

    def _shrunk(self, x, v, power, floor):
        g = power / (power + v)
        g[..., 0, 0] = 1.0
        weights = 1 / ((g**2 * v).sum(axis=(3, 4)) + floor * self.variance)
        return aggregated(g * x, weights, self.preset.step)

    def _unclipped(self, samples):
        """m, from the mean of clip(m + noise)."""
        means = np.linspace(0, 255, 1021)
        clipped = [mean_of_clipped(m, np.sqrt(self.variance)) for m in means]
        return np.interp(samples, clipped, means)
