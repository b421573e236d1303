# SPDX-License-Identifier: Apache-2.0
"""The video denoiser: a Kalman filter on patch spectra, along the optical flow.

For a patch n, a channel c and a frequency k, with the spectra Q of the frame and P of the prior (the last
result, warped along the flow):

    e = Q - P                                  innovation
    E = E' / 2 + (smoothed e^2) / 2            its variance, measured; E' that of the last frame
    v = max(0, E - 1.1 s^2)                    variance of the prior: E less the noise s^2
    K = max(0.02, v / (v + s^2))               Kalman gain; 1 where the patch starts again
    X = P + K e,  V = min(1, K (1 + c) / (1 - c)) s^2    estimate, and the variance of the noise left in it

Where the picture stays put (see still.py), the mean of the frames takes the prior's place by the trust t in
it, the factor 1.1 becomes 1.1 + 4 t, and the least v becomes the mean of 1 / 49 and 1 / m by t.

With several priors, each with an E of its own and weight w = s^2 / v, K = 1 / (1 + sum of w) and
X = Q - K (sum of w e). A prior with noise of its own, as a frame of the future, has v >= s^2.

Then a Wiener filter in space, A / (A + V) with the power A of the signal: once with A from X (`fast`), and
once more with A from the first result (`balanced`). The result is the next frame's prior; unclipping comes
after it. What takes the place of missing samples is in `oracles.missing`; the innovation is that of the
others, so that e / sqrt(c) is tested and goes into E, with c the mean of w^2 over the patch, and samples of
confidence M have the noise s^2 / M.
"""

from dataclasses import dataclass
from statistics import NormalDist

import cv2
import numpy as np

from oracles import missing
from oracles.bilateral import gaussian
from oracles.still import Still

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


def mean_of_clipped(m, s, low, high):
    """E clip(m + noise, low, high) with Gaussian noise of standard deviation s."""

    def above(distance):  # E max(0, noise - distance)
        a = distance / s
        return s * normal.pdf(a) - distance * normal.cdf(-a)

    normal = NormalDist()
    up = above(m - low) if np.isfinite(low) else 0.0
    down = above(high - m) if np.isfinite(high) else 0.0
    return m + up - down


class VideoDenoiser:
    """Causal: one frame in, one out.

    Parameters
    ----------
    noise : float or vdcore.NoiseEstimate
        See `set_noise`.
    preset : {"fast", "balanced"}
    limits : (float, float)
        What samples were clipped to; infinite: not clipped.
    """

    def __init__(self, noise, preset="balanced", limits=(-np.inf, np.inf)):
        self.limits = limits
        self.preset = PRESETS[preset]
        self.result = None  # y, opponent colours, shape (H, W, C)
        self.innovations = []  # for each prior E, shape (rows, columns, C, 8, 8)
        self.still = None  # what stays put
        self.seen = 0  # frames when a prior was given last
        self.count = 0
        self.known = None  # (H, W), bool
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
        correlation = getattr(noise, "correlation", 0.0)  # from frame to frame
        self.lasting = (1 + correlation) / (1 - correlation)
        given = getattr(noise, "spectrum", None)
        self.spectrum = np.ones((1, SIZE, SIZE)) if given is None else given  # t(c, k), shape (C or 1, 8, 8)

    def push(self, frame, priors=None, confidence=None, outliers=None, fill=None):
        """Take the next frame.

        Parameters
        ----------
        frame : ndarray of uint8 or float, shape (H, W) or (H, W, 3)
            Its brightness is 0 to 255, for the flow.
        priors : list of (picture or None, flow or None, noise), optional
            What the frame is compared with: a picture of the frame's shape or the last result; the flow
            there, (H, W, 2), or no motion; the least variance of its own noise over that of the frame. By
            default the last result, along the flow that is estimated here.
        confidence : ndarray of float, shape (H, W), optional
            In [0, 1]; 0 where a sample is NaN, and where there are outliers.
        outliers : ndarray of bool, shape (H, W), optional
            Where the result takes the sample's place in any case.
        fill : float, optional
            The result where nothing was ever known; None: the frame.

        Returns
        -------
        ndarray of float64, shape of `frame`
            Not rounded.
        """
        if self.variance == 0:
            return frame.astype(float)
        step = self.preset.step
        f = self._opponent(frame)
        height, width, self.channels = f.shape
        if priors is None:
            priors = [(None, None if self.result is None else self._flow(f), 0.0)]
        f = self._without_gaps(f, priors, confidence, outliers)
        q = spectra(bordered(f, step), step)
        x, v = self._kalman(f, q, priors)
        result = self._wiener(x, v)
        self.result = result[SIZE : SIZE + height, SIZE : SIZE + width]

        samples = self.result if self.channels == 1 else self.result @ OPPONENT
        samples = np.array(self._unclipped(samples)).reshape(frame.shape)
        there = self.known if outliers is None else self.known | outliers
        samples[~there] = frame[~there] if fill is None else fill
        return samples

    def _without_gaps(self, f, priors, confidence, outliers):
        """The frame with something in the place of missing samples; c and M of patches; what is known now."""
        step = self.preset.step
        m = np.ones(f.shape[:2]) if confidence is None else np.array(confidence, float)
        m[~np.isfinite(f).all(axis=2) | (False if outliers is None else outliers)] = 0
        w = m if ((m == 0) | (m == 1)).all() else missing.shares(m)
        window = np.lib.stride_tricks.sliding_window_view
        patches, own = (
            window(bordered(part[..., None], step), (SIZE, SIZE), axis=(0, 1))[::step, ::step, 0]
            for part in (w, m)
        )
        self.present = (patches**2).mean(axis=(2, 3))
        self.present[self.present == 0] = 1
        total, squares = own.sum(axis=(2, 3)), (own**2).sum(axis=(2, 3))
        self.level = np.divide(squares, total, out=np.ones_like(total), where=total > 0)
        prior, known = None, np.zeros(m.shape, bool)
        if priors and (priors[0][0] is not None or self.result is not None):
            picture, flow = priors[0][:2]
            flow = np.zeros((*m.shape, 2)) if flow is None else np.array(flow, float)
            prior = self._moved(self.result if picture is None else self._opponent(picture), flow)
            known = missing.moved(self.known if picture is None else np.ones(m.shape, bool), flow)
        self.known = known | (m > 0)
        return f if (w == 1).all() else missing.filled(f, w, prior, known, self.variance)

    @staticmethod
    def _moved(source, flow):
        """A picture along the flow, which may be NaN."""
        y, x = np.mgrid[: source.shape[0], : source.shape[1]]
        flow = np.where(np.isfinite(flow).all(axis=2, keepdims=True), flow, 0)
        return sampled(source, y + flow[:, :, 1], x + flow[:, :, 0], cubic)

    @staticmethod
    def _opponent(picture):
        """Opponent colours of a colour picture, shape (H, W, C)."""
        picture = picture.astype(float)
        return picture[:, :, None] if picture.ndim == 2 else picture @ OPPONENT.T

    def _brightness(self, luma):
        """Luma on the scale of the samples."""
        return luma if self.channels == 1 else luma / np.sqrt(3)

    def _level(self, luma):
        """The noise's variance at a brightness over s0^2."""
        return np.maximum(0.01, (self.gain * self._brightness(luma) + self.offset) / self.variance)

    def _noise(self, spectra):
        """s^2(n, c, k) = s0^2 r(n) t(c, k), r from the means of these patches."""
        r = np.ones(spectra.shape[:2])
        if self.gain != 0:
            r = self._level(spectra[:, :, 0, 0, 0] / SIZE)
        return self.variance * (r / self.level)[:, :, None, None, None] * self.spectrum

    def _flow(self, f):
        """From the frame to the last result, (dx, dy) in pixels, shape (H, W, 2)."""
        height, width = f.shape[:2]
        pictures = [self._brightness(picture[:, :, 0]) for picture in (f, self.result)]
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

    def _kalman(self, f, q, priors):
        """X and V, of a frame f with the spectra q. Moves E on."""
        weights, moments = np.zeros_like(q), np.zeros_like(q)
        before, self.innovations = self.innovations, []
        noise = self._noise(q)
        for number, (picture, flow, own) in enumerate(priors):
            source = self.result if picture is None else self._opponent(picture)
            if source is None:
                self._without_motion(f, np.zeros_like(f), None, np.ones(q.shape[:2], bool))
                self.innovations.append(np.broadcast_to(2 * noise, q.shape))
                continue
            unknown = np.broadcast_to(2 * self.variance * self.spectrum, q.shape)
            last = before[number] if number < len(before) else unknown
            e, variance, reset = self._compare(f if number == 0 else None, source, flow, last, q)
            if number == 0:  # brightness of where the frame comes from, a quarter of the way to the frame
                noise = self._noise(q - 0.75 * e)
            keep = (~reset & self._fits(e, own, noise))[:, :, None, None, None]
            if number == 0:
                noise = self._noise(q - 0.75 * keep * e)
            variance[reset] = (2 * noise)[reset]
            self.innovations.append(variance)
            trust, frames = (self.still.of_patches(x) for x in (self.still.trust, self.still.age))
            if number > 0:
                trust = np.zeros_like(trust)
            least = max(own, 1 / 49) * (1 - trust) + trust / np.maximum(frames, 1)
            w = keep * noise / np.maximum(variance - (1.1 + 4 * trust) * noise, least * noise)
            weights += w
            moments += w * e * np.sqrt(self.present)[:, :, None, None, None]
        if priors:
            self.seen = self.count + 1
        self.count += 1
        gain = 1 / (1 + weights)
        return q - gain * moments, np.minimum(gain * self.lasting, 1) * noise

    def _without_motion(self, f, prior, flow, reset):
        """The prior with its border, and the mean over time where nothing moves; `f` goes into the mean."""
        step, height = self.preset.step, len(f)
        inside = np.s_[SIZE : SIZE + height]
        frame, padded = bordered(f, step)[inside], bordered(prior, step)[inside]
        if self.still is None:
            self.still = Still(step, height, reset.shape, f.shape[2])
        if self.seen != self.count:
            reset = np.ones_like(reset)
        level = self._level if self.gain else np.ones_like
        prior = self.still.update(frame, padded, flow, reset, self.variance, self.spectrum, level)
        return np.pad(prior, [(SIZE, SIZE + -(height + SIZE) % step), (0, 0), (0, 0)], "reflect")

    def _compare(self, f, source, flow, last, q):
        """Innovation e, E, and which patches lack a prior somewhere, from E of the last frame.

        With `f`, the frame, the mean over time stands in where nothing moves.
        """
        step = self.preset.step
        height, width = source.shape[:2]
        flow = np.zeros((height, width, 2)) if flow is None else np.array(flow, float)
        lost = ~np.isfinite(flow).all(axis=2)
        flow[lost] = 0

        prior = self._moved(source, flow)
        around = bordered(lost[:, :, None], step)
        covers = np.lib.stride_tricks.sliding_window_view(around, (SIZE, SIZE), axis=(0, 1))
        reset = covers[::step, ::step].any(axis=(2, 3, 4))
        padded = bordered(prior, step) if f is None else self._without_motion(f, prior, flow, reset)
        e = (q - spectra(padded, step)) / np.sqrt(self.present)[:, :, None, None, None]
        now = 0.7 * e**2 + 0.3 * mean_around(e**2, 1)

        moved = np.empty_like(now)  # E'
        rows, columns = now.shape[:2]
        for j, i in np.ndindex(rows, columns):
            y, x = j * step - SIZE + SIZE // 2, i * step - SIZE + SIZE // 2  # centre of the patch
            dx, dy = flow[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
            row, column = round(j + dy / step), round(i + dx / step)
            moved[j, i] = last[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)]
        variance = 0.5 * moved + 0.5 * now
        return e, variance, reset

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
        power = np.maximum(power, x**2 - 14 * v)  # what stands out by itself
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
        """m, from the mean of clip(m + noise) and within the limits."""
        low, high = self.limits
        if np.isinf(low) and np.isinf(high):
            return samples
        reach = 1000 + 10 * np.sqrt(self.variance)  # where the end has no effect
        start = low if np.isfinite(low) else high - reach
        stop = high if np.isfinite(high) else low + reach
        means = np.linspace(start, stop, 8001)
        variances = np.full(means.shape, self.variance)
        if self.gain != 0:
            variances = np.maximum(self.gain * means + self.offset, 0.01 * self.variance)
        clipped = [mean_of_clipped(m, s, low, high) for m, s in zip(means, np.sqrt(variances), strict=True)]
        inverse = np.interp(samples, clipped, means)
        beyond = ((samples < start) & np.isinf(low)) | ((samples > stop) & np.isinf(high))
        return np.where(beyond, samples, inverse)
