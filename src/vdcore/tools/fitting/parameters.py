# SPDX-License-Identifier: Apache-2.0
"""Parameters fitted from data: `fit` finds the best sigma and tau for a video."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import exp, log
from typing import Any

import numpy as np
import numpy.typing as npt

from vdcore import models
from vdcore._checks import integer
from vdcore.diffuser.parameters import Boundary, Sigma, TimeUnit, filter_parameters
from vdcore.noise import NoiseEstimate
from vdcore.tools.noise import estimate_noise
from vdcore.video.filters.denoising import joined

from .inputs import Part, collect
from .result import AS_GIVEN, Fit, Trial, best_trial, own_parameters
from .risk import make_tasks
from .subset import Piece

# (low, high, limit): the grid of the start reaches from low to high, the search on to the limit. At `low` a
# neighbour weighs less than 0.2 %, and the parameter is set to 0.
_SIGMA = (0.25, 2.5, 16.0)  # pixels
_TAU = (0.15, 8.0, 1000.0)  # frames
_GRID = 5  # maximum points of the grid in one direction
_OWN = 1000.0  # a model's own parameters are searched from 1 / _OWN to _OWN times their initial value
_REGIONS = 8  # maximum values of a map of diffusivity that are fitted


@dataclass(frozen=True)
class _Free:
    """A parameter to be fitted, by the logarithm of its value."""

    name: str
    start: tuple[float, ...]  # where the search begins
    step: float  # of the first simplex
    low: float
    high: float
    can_be_off: bool  # the lowest position means 0

    def value(self, position: float) -> float:
        """Return the value at a position, to four digits."""
        if self.can_be_off and position <= self.low:
            return 0.0
        return float(f"{exp(position):.4g}")


def fit(
    frames: object,
    reference: object = None,
    *,
    model: str | models.Model = "gaussian",
    sigma: Sigma | None = None,
    tau: float | None = None,
    noise: NoiseEstimate | npt.ArrayLike | None = None,
    lookahead: int = 0,
    boundary: Boundary = "renormalize",
    truncate: float = 4.0,
    time_unit: TimeUnit = "frames",
    times: Iterable[float] | None = None,
    max_evaluations: int = 40,
    max_samples: int = 2**23,
    seed: int = 0,
    threads: int | None = None,
    channel_axis: int | None = None,
) -> Fit:
    r"""Find the sigma and tau that minimize the mean squared error of `vdcore.Diffuser`.

    With a clean `reference` the error is measured. Without one it is estimated from the noisy frames alone,
    by Stein's unbiased risk estimate [1]_ with the divergence from a random probe [2]_,

    .. math::

        E |u - v|^2 = E |u - f|^2 - s^2 + 2 s^2 E \frac{\partial u}{\partial f},

    f the frames, u the filter's result, v the unknown clean frames, s the noise. For a linear filter this
    extends the blind-spot prediction [3]_, which leaves out the pixel itself, to the filter with its weight
    at the pixel. Samples clipped to black or white are taken into account.

    Parameters
    ----------
    frames : str or os.PathLike, array_like or iterable
        The noisy video: a file, an array of shape (T, H, W) or (T, H, W, C), or an iterable of frames, which
        is read once. uint8 (range 255), uint16 (65535), float32 or float64 (1); NaN is a missing sample.
        Noise must be independent from sample to sample if there is no reference.
    reference : the same forms, optional
        The same video without noise: as many frames of the same shape and dtype, of any of these kinds. For
        a YCbCr file it may have any bit depth, and be RGB.
    model : str or model of `vdcore.models`, optional
        The model. Its own parameters that are floats above 0 are fitted too, starting from their values;
        integers are kept. In a map of diffusivity, pixels of equal value form a region whose value is fitted;
        there may be 8 of these, besides the pixels of 0. Only the product of diffusivity and sigma squared
        matters: if sigma is fitted, the diffusivity, or that of the largest region, is kept fixed.
    sigma, tau : float, optional
        If given, kept fixed instead of fitted; sigma may be (sigma_y, sigma_x).
    noise : float, array_like of shape (C,), or NoiseEstimate, optional
        Standard deviation of the noise before clipping, >= 0: of red, green and blue, or one number for all
        channels and planes. By default that of `vdcore.estimate_noise`. Unused with a reference.
    lookahead, boundary, truncate, time_unit, threads
        See `vdcore.Diffuser`.
    times : iterable of float, optional
        Time of every frame in `time_unit`, not decreasing. By default frame numbers or, for a file in
        seconds, its time stamps; required for anything else in seconds.
    max_evaluations : int, optional
        Maximum number of settings to try, >= 1.
    max_samples : int, optional
        Maximum number of samples of a video that are kept, >= 1, at about 16 bytes each. A longer
        or larger video is fitted on tiles of its frames, in runs of consecutive frames over its whole length.
    seed : int, optional
        Seed of the probe and of the tiles, >= 0. Nothing else is random.
    channel_axis : int, optional
        The axis of the channels of arrays, see `vdcore.diffuse`.

    Returns
    -------
    Fit
        Its `parameters()` go to `vdcore.diffuse` and its `command()` to the shell.

    Raises
    ------
    ValueError, TypeError
        An argument is invalid; the reference does not match; `tau` is to be fitted from a single frame; all
        samples are NaN.
    OSError
        A file cannot be read.
    ImportError
        SciPy is not installed: ``pip install vdcore[fit]``.

    Notes
    -----
    Noise, error and the models' parameters are in sample units for arrays, in 8-bit units (0 to 255) for
    files of any depth.

    A file is filtered as `vdcore.diffuse_video` filters it: the planes of a YCbCr file one by one. The error
    is then that of the planes, weighted by what each adds to the error of red, green and blue. That leaves
    out how the errors of planes correlate, and that interpolating chroma smooths it: the PSNR of the result
    is the one stated or up to 0.7 dB more on the test clips. Encoding is not part of it.

    A grid over the logarithms of sigma and tau, then the Nelder-Mead method from its best point. 0 is part of
    the grid, and values below 0.25 pixels or 0.15 frames become 0: a neighbour weighs less than 0.2 % there.
    Where filtering does not help, as in a constant or noiseless video, sigma and tau are 0. sigma is at most
    16 pixels and tau 1000 frames.

    Without a reference, noise taken 5 % too low or too high costs up to about 0.2 dB. Correlated noise,
    as after compression or demosaicing, is partly mistaken for signal, and the fit is then too weak. A noisy
    reference makes it weaker too, since its noise counts as signal.

    References
    ----------
    .. [1] C. M. Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics
           9(6), 1981.
    .. [2] S. Ramani, T. Blu and M. Unser, "Monte-Carlo SURE", IEEE TIP 17(9), 2008.
    .. [3] J. Batson and L. Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019.

    Examples
    --------
    >>> result = vdcore.fit("noisy.mp4")
    >>> print(result.table())
    >>> smooth = vdcore.diffuse(video, **result.parameters())
    """
    try:
        from scipy import optimize
    except ImportError as absent:
        raise ImportError("fit needs SciPy: pip install vdcore[fit]") from absent
    given = filter_parameters(
        0.0 if sigma is None else sigma,
        0.0 if tau is None else tau,
        model=model,
        lookahead=lookahead,
        boundary=boundary,
        truncate=truncate,
        time_unit=time_unit,
        threads=threads,
    )
    evaluations = integer(max_evaluations, "max_evaluations", 1, 2**31 - 1)
    samples = integer(max_samples, "max_samples", 1, 2**62)
    rng = np.random.default_rng(integer(seed, "seed", 0, 2**63 - 1))

    parts = collect(
        frames,
        reference,
        times=times,
        time_unit=time_unit,
        channel_axis=channel_axis,
        model=given.model,
        max_samples=samples,
        lookahead=given.lookahead,
        rng=rng,
    )
    if tau is None and parts[0].subset.frames < 2:
        raise ValueError("frames must be at least 2 to fit tau, got 1: give tau=0")
    measures: list[_Measure] = []
    levels: list[NoiseEstimate] = []
    for part in parts:
        pieces = list(part.subset.pieces())
        if reference is None:
            levels.append(_noise(noise, part, pieces))
        measures.append(_Measure(part, pieces, levels[-1] if levels else None, rng))
    as_given = {name: getattr(given, name) for name in AS_GIVEN}
    same = given.sigma[0] == given.sigma[1]
    fixed: dict[str, Any] = {"sigma": given.sigma[0] if same else given.sigma, "tau": given.tau}
    step = _usual_step(measures[0].pieces)
    free = _free_parameters(sigma is None, tau is None, given.model, step, evaluations)
    trials: dict[tuple[float, ...], Trial] = {}

    def error(positions: Iterable[float]) -> float:
        values = tuple(each.value(position) for each, position in zip(free, positions, strict=True))
        if values not in trials:
            chosen = fixed | {each.name: value for each, value in zip(free, values, strict=True)}
            setting = {
                "sigma": chosen.pop("sigma"),
                "tau": chosen.pop("tau"),
                "model": _changed(given.model, chosen),
            }
            arguments = {**setting, **as_given, "threads": given.threads}
            trials[values] = Trial(**setting, error=sum(each.error(arguments) for each in measures))
        return trials[values].error

    start = min(product(*(each.start for each in free)), key=error)
    if free and len(trials) < evaluations:
        corners = [start]
        for i, each in enumerate(free):
            corners.append((*start[:i], start[i] + each.step, *start[i + 1 :]))
        optimize.minimize(
            error,
            start,
            method="Nelder-Mead",
            bounds=[(each.low, each.high) for each in free],
            options={
                "initial_simplex": corners,
                "maxfev": evaluations - len(trials),
                "xatol": 0.02,
                "fatol": 0,
            },
        )
    best = best_trial(trials.values())
    peak = float(np.iinfo(parts[0].dtype).max) if parts[0].dtype.kind == "u" else 1.0
    return Fit(
        sigma=best.sigma,
        tau=best.tau,
        model=best.model,
        error=max(0.0, best.error),
        peak=peak / parts[0].unit,
        noise=None if reference is not None else _joined(levels, parts),
        frames=sum(piece.stop - piece.start for piece in measures[0].pieces),
        trials=tuple(trials.values()),
        **as_given,
    )


class _Measure:
    """The mean squared error of a filter on one part, as it counts in that of the picture."""

    def __init__(
        self, part: Part, pieces: list[Piece], noise: NoiseEstimate | None, rng: np.random.Generator
    ) -> None:
        self.pieces = pieces
        self._part = part
        self._tasks = make_tasks(pieces, noise, part.dtype, rng)
        self._counted = sum(np.count_nonzero(~task.missing) for task in self._tasks)

    def error(self, parameters: Mapping[str, Any]) -> float:
        """Return it in the user's unit."""
        arguments = self._part.arguments(parameters)
        total = sum(task.squared_error(**arguments) for task in self._tasks)
        return self._part.weight * total / self._counted / self._part.unit**2


def _joined(levels: list[NoiseEstimate], parts: list[Part]) -> NoiseEstimate:
    """Return the noise of all parts in the user's unit."""
    planes = [part.plane for part in parts if part.plane is not None]
    return joined(levels, planes) if planes else levels[0].scaled(1 / parts[0].unit)


def _changed(model: models.Model, values: dict[str, Any]) -> models.Model:
    """Return the model with other values of its own parameters, by name."""
    if isinstance(model, models.Laplacian) and isinstance(model.diffusivity, np.ndarray):
        levels, regions = np.unique(model.diffusivity, return_inverse=True)
        changed = np.array([values.get(f"diffusivity[{i}]", level) for i, level in enumerate(levels)])
        return models.Laplacian(changed[regions].reshape(model.diffusivity.shape))
    return replace(model, **values)


def _largest_region(model: models.Laplacian) -> str:
    """Return the name of the diffusivity that most pixels have, among those above 0."""
    if not isinstance(model.diffusivity, np.ndarray):
        return "diffusivity"
    levels, sizes = np.unique(model.diffusivity, return_counts=True)
    return f"diffusivity[{np.argmax(np.where(levels > 0, sizes, 0))}]"


def _free_parameters(
    sigma: bool, tau: bool, model: models.Model, usual_step: float, evaluations: int
) -> list[_Free]:
    """Return the free parameters: sigma, tau, and the model's own; the grid takes half the evaluations."""
    searched: list[tuple[str, float, tuple[float, float, float]]] = []
    searched += [("sigma", 1.0, _SIGMA)] if sigma else []
    searched += [("tau", usual_step, _TAU)] if tau else []
    points = min(_GRID, int((evaluations / 2) ** (1 / max(1, len(searched)))))
    free = []
    for name, unit, bounds in searched:
        low, high, limit = (log(unit * bound) for bound in bounds)
        grid = tuple(map(float, np.linspace(low, high, max(1, points))))
        free.append(_Free(name, grid, (high - low) / max(2, 2 * (points - 1)), low, limit, can_be_off=True))
    own = own_parameters(model)
    if models.has_map(model) and len(own) > _REGIONS:
        raise ValueError(
            f"model must have a map of at most {_REGIONS} values above 0 to be fitted, got {len(own)}"
        )
    if sigma and isinstance(model, models.Laplacian):
        own.pop(_largest_region(model), None)
    for name, value in own.items():
        free.append(
            _Free(name, (log(value),), log(2), log(value / _OWN), log(value * _OWN), can_be_off=False)
        )
    return free


def _usual_step(pieces: list[Piece]) -> float:
    """Return the median time between frames, 1 if there is none."""
    steps = np.concatenate([np.diff(piece.times) for piece in pieces])
    return float(np.median(steps)) or 1.0 if steps.size else 1.0


def _noise(noise: NoiseEstimate | npt.ArrayLike | None, part: Part, pieces: list[Piece]) -> NoiseEstimate:
    """Return the noise in sample units of a part, given in the user's unit or estimated from the pieces."""
    channels = pieces[0].images.shape[-1]
    if noise is None:
        noise = estimate_noise(frame for piece in pieces for frame in piece.images[:, 0])
        if not np.isfinite(noise.sigma).all():
            raise ValueError("frames are too few or too small to estimate their noise: give noise=")
        return noise
    colours = channels if part.plane is None else 3
    if isinstance(noise, NoiseEstimate):
        if noise.sigma.shape != (colours,):
            raise ValueError(f"noise must have {colours} channels, like frames, got {len(noise.sigma)}")
        return part.noise(noise)
    sigma = np.asarray(noise, np.float64)
    if sigma.shape not in ((), (colours,)) or not (np.isfinite(sigma) & (sigma >= 0)).all():
        raise ValueError(f"noise must be a number >= 0 or one for each of {colours} channels, got {noise!r}")
    sigma = np.broadcast_to(sigma, colours if sigma.ndim else channels)  # a number is that of every plane
    return part.noise(NoiseEstimate(sigma, np.zeros(sigma.shape), sigma**2))
