# SPDX-License-Identifier: Apache-2.0
"""`diffuse` for arrays of frames and `diffuse_frame` for one."""

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from vdcore import _core, models
from vdcore._arrays import (
    FACTOR_DTYPES,
    Array,
    as_factors,
    as_frame,
    as_frames,
    as_output,
    as_samples,
    as_video,
    channels_last,
    copy_if_aliased,
    is_in_place,
    per_frame,
)
from vdcore._options import accepts
from vdcore._regions import Region, frame_range, resolve_region, time_stamps

from .core import check_gate, new_core
from .parameters import FilterOptions, Sigma, SpatialOptions, filter_parameters
from .stream import Diffuser

if TYPE_CHECKING:
    pass

_BATCH = 16  # frames per call in `diffuse`, few enough for Ctrl-C


@accepts(FilterOptions, filter_parameters)
def diffuse(
    frames: object,
    sigma: Sigma,
    tau: float,
    *,
    times: object = None,
    region: Region = None,
    confidence: Region = None,
    coefficients: object = None,
    start: float | None = None,
    stop: float | None = None,
    channel_axis: int | None = None,
    dtype: npt.DTypeLike | None = None,
    out: Any = None,
    **options: Unpack[FilterOptions],
) -> Array:
    r"""Filter a video in memory by spatio-temporal diffusion.

    Every sample spreads over its neighbours in space and over the frames that follow it,

    .. math::

        u(x, t) = \frac{\sum_i m_i f_i e^{-|x - x_i|^2 / 2 \sigma^2} e^{-(t - t_i) / \tau}}
                       {\sum_i m_i e^{-|x - x_i|^2 / 2 \sigma^2} e^{-(t - t_i) / \tau}}.

    Parameters
    ----------
    frames : array_like, shape (T, H, W) or (T, H, W, C), or iterable of frames
        uint8 (range 255), uint16 (65535), float32 or float64 (1); NaN is a missing sample.
    sigma : float or (float, float)
        Spatial standard deviation in pixels, or (sigma_y, sigma_x). 0 = no spreading.
    tau : float
        Time constant in `time_unit`. 0 = no memory, inf = running mean.
    model, normalize, boundary, cval, truncate, fill, lookahead, tolerance, time_unit, threads, dither
        See `Diffuser`.
    motion, gate
        See `Diffuser`.
    times : array_like, shape (T,), optional
        Time of every frame in `time_unit`, not decreasing; required for seconds. Frame numbers by default.
    region : (x, y, width, height), array, callable or iterable, optional
        Where the output is changed; elsewhere the frames pass through untouched. A rectangle in pixels; a
        mask of shape (H, W): bool, float in [0, 1] or uint8 where 255 is 1, blended at soft edges; a callable
        of (index, time) that returns one of those, or None for everywhere; or an iterable or an array of
        shape (T, H, W) that gives one per frame.
    confidence : the same forms, optional
        The weight of each pixel as a source, m in [0, 1]; 0 = missing, filled in from its neighbours.
    coefficients : array_like, shape (H, W), (T, H, W) or that of `frames`, optional
        In raw mode (``normalize=False``), a factor of any sign for every sample, float32 or float64.
    start, stop : float, optional
        Only frames with start <= t < stop are filtered, in `time_unit`. The others pass through untouched and
        do not enter the state.
    channel_axis : int, optional
        Which axis holds the channels. By default the last of four axes. Three axes are then one colour
        picture; without it they are a grey video, and refused where the last is 3 or 4 long.
    dtype : dtype, optional
        That of the frames (in raw mode float32 for integer frames) by default; or float32 or float64.
    out : array, optional
        Where to write, of the shape of `frames`: `frames` itself, or an array that shares no memory with it.

    Returns
    -------
    ndarray
        Shape of `frames`; `out` itself if it was given.

    Raises
    ------
    ValueError, TypeError
        The message names the argument, its value and what is allowed.

    See Also
    --------
    Diffuser : the same, frame by frame.
    diffuse_video : the same, from file to file.

    References
    ----------
    .. [1] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993.

    Examples
    --------
    >>> smooth = vdcore.diffuse(video, sigma=1.5, tau=3)
    """
    parameters = filter_parameters(sigma, tau, **options)
    given = as_frames(frames)
    axis = channels_last(given, channel_axis)
    source = as_video(given, axis)
    models.check_shape(parameters.model, source.shape[1:])
    check_gate(parameters.gate, source.shape[1:])
    result = as_output(out, dtype, given.shape, given.dtype, parameters.normalize)
    target = as_video(result, axis)
    in_place = is_in_place(source, target)

    if coefficients is not None:
        coefficients = as_samples(coefficients, "coefficients", FACTOR_DTYPES)
        if coefficients.shape == given.shape:
            coefficients = as_video(coefficients, axis)
    factors = per_frame(coefficients, "coefficients", source, target, as_factors)

    count, height, width = source.shape[:3]
    stamps = time_stamps(times, count, parameters.time_unit)
    steps = np.diff(stamps, prepend=stamps[0])
    inside = frame_range(start, stop, parameters.time_unit)
    chosen = [i for i in range(count) if inside.contains(i, stamps[i])]
    first, last = (chosen[0], chosen[-1] + 1) if chosen else (0, 0)
    for outside in (slice(0, first), slice(last, count)):
        np.copyto(target[outside], source[outside], casting="same_kind")

    weights_at = resolve_region(copy_if_aliased(confidence, result), height, width, "confidence")
    region_at = resolve_region(copy_if_aliased(region, result), height, width)

    def blend(index: int, original: Array) -> None:
        mask = region_at(index, float(stamps[index]))
        if mask is not None:
            _core.blend(original.astype(target.dtype, copy=False), mask, target[index], parameters.threads)

    core = new_core(parameters)
    # in place, inputs and originals still needed would be overwritten
    ahead = in_place and (parameters.lookahead > 0 or region is not None)
    ready = first
    for begin in range(first, last, _BATCH):
        end = min(begin + _BATCH, last)
        batch, reached = slice(begin, end), slice(ready, ready + end - begin)
        inputs, originals = source[batch], source[reached]
        if ahead:
            inputs, originals = inputs.copy(), originals.copy()
        written = core.push_many(
            inputs,
            target[reached],
            steps[batch],
            None if confidence is None else [weights_at(i, float(stamps[i])) for i in range(begin, end)],
            None if factors is None else factors[batch],
        )
        for index, original in enumerate(originals[:written], ready):
            blend(index, original)
        ready += written
    for index in range(ready, last):
        original = source[index].copy() if ahead else source[index]
        core.flush(target[index])
        blend(index, original)
    return result if out is None else out


@accepts(SpatialOptions, filter_parameters)
def diffuse_frame(
    frame: object,
    sigma: Sigma,
    *,
    confidence: object = None,
    coefficients: object = None,
    channel_axis: int | None = None,
    dtype: npt.DTypeLike | None = None,
    out: Any = None,
    **options: Unpack[SpatialOptions],
) -> Array:
    r"""Smooth one frame in space: the normalized convolution with a Gaussian.

    .. math::

        u(x) = \frac{\sum_i m_i f_i e^{-|x - x_i|^2 / 2 \sigma^2}}{\sum_i m_i e^{-|x - x_i|^2 / 2 \sigma^2}}

    Parameters
    ----------
    frame : array_like, shape (H, W), or (H, W, C) with ``channel_axis=-1``
        uint8 (range 255), uint16 (65535), float32 or float64 (1); NaN is a missing sample.
    sigma : float or (float, float)
        Spatial standard deviation in pixels, or (sigma_y, sigma_x). 0 = no spreading.
    model, normalize, boundary, cval, truncate, fill, tolerance, threads, dither
        See `Diffuser`.
    confidence, coefficients : array_like, optional
        See `Diffuser.__call__`.
    channel_axis : int, optional
        Which axis holds the channels; must be given for three axes.
    dtype, out
        See `Diffuser.__call__`.

    Returns
    -------
    ndarray
        Shape of `frame`; `out` itself if it was given.

    References
    ----------
    .. [1] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993.
    """
    diffuser = Diffuser(sigma, 0, **options)
    given = as_frame(frame)
    if channel_axis is None and given.ndim == 3:
        raise ValueError(f"channel_axis must be given for a frame of three axes, got shape {given.shape}")
    axis = None if channel_axis is None else channels_last(given, channel_axis)
    result = as_output(out, dtype, given.shape, given.dtype, diffuser.parameters.normalize)
    source, target = (array if axis is None else np.moveaxis(array, axis, -1) for array in (given, result))
    diffuser(source, confidence=confidence, coefficients=coefficients, out=target)
    return result if out is None else out
