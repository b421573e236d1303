# SPDX-License-Identifier: Apache-2.0
"""The denoiser for arrays: `denoise`."""

from typing import Any

import numpy.typing as npt

from vdcore._arrays import Array, as_frames, as_output, as_video, channels_last, is_in_place
from vdcore._regions import Region, resolve_region
from vdcore.flow import Motion
from vdcore.noise import NoiseEstimate, NoiseMeter

from .parameters import HotPixels, Preset, Strength, denoiser_parameters
from .samples import check_samples, colour_count, with_gaps
from .stream import Denoiser
from .tracking import scheduled, timeline_of


def denoise(
    frames: object,
    strength: Strength = "auto",
    *,
    preset: Preset = "balanced",
    motion: Motion | None = "flow",
    lookahead: int = 0,
    confidence: Region = None,
    fill: float | None = None,
    hot_pixels: HotPixels = "auto",
    channel_axis: int | None = None,
    threads: int | None = None,
    dtype: npt.DTypeLike | None = None,
    out: Any = None,
) -> Array:
    """Remove the noise of a video in memory.

    Parameters
    ----------
    frames : array_like, shape (T, H, W) or (T, H, W, C), or iterable of frames
        C from 1 to 4. uint8, uint16, float32 or float64, at most 1e15 in magnitude; NaN is a
        missing sample.
    strength : "auto", "light", "strong", float or NoiseEstimate, optional
        The noise: its standard deviation in sample units, >= 0, at most a quarter of the range of integer
        frames (63.75 for uint8, 16383.75 for uint16); or what `vdcore.estimate_noise` returns. 0 is no
        change, bit for bit. "auto": it is estimated from pairs of frames of the whole video first; where it
        changes, each part has its own. "light" assumes 0.7 times the standard deviation that was estimated,
        "strong" 1.4 times. With a number the spectrum is estimated as in `Denoiser`.
    confidence : array, callable or iterable, optional
        What is known of each pixel, from 0, missing, to 1; in the forms that `vdcore.diffuse` takes.
    preset, motion, lookahead, fill, hot_pixels, threads
        See `Denoiser`, also for the meaning of channels.
    channel_axis : int, optional
        Which axis holds the channels. By default the last of four axes. Three axes are then one colour
        picture; without it they are a grey video, and refused where the last is 3 or 4 long.
    dtype : dtype, optional
        That of the frames by default; or float32 or float64.
    out : array, optional
        Where to write, of the shape of `frames`: `frames` itself, or an array that shares no memory with it.

    Returns
    -------
    ndarray
        Shape of `frames`; `out` itself if it was given.

    Raises
    ------
    ValueError, TypeError
        The message names the argument, its value and what is allowed. `out` is then unchanged, unless the
        result of `motion` is at fault.
    ImportError
        OpenCV is missing, which ``motion="flow"`` needs.

    See Also
    --------
    Denoiser : the same, frame by frame.
    denoise_video : the same, from file to file.

    References
    ----------
    .. [1] P. Arias and J.-M. Morel, "Kalman filtering of patches for frame-recursive video denoising", CVPR
       Workshops 2019.

    Examples
    --------
    >>> clean = vdcore.denoise(video)
    """
    parameters = denoiser_parameters(strength, preset, motion, lookahead, fill, hot_pixels, threads)
    given = as_frames(frames)
    axis = channels_last(given, channel_axis)
    result = as_output(out, dtype, given.shape, given.dtype, True)
    source, target = as_video(given, axis), as_video(result, axis)
    is_in_place(source, target)
    for index, frame in enumerate(source):
        check_samples(frame, f"frames[{index}]")
    weights_at = resolve_region(confidence, source.shape[1], source.shape[2], "confidence")
    weights = [weights_at(index, float(index)) for index in range(len(source))]
    if confidence is not None:  # a callable may reuse its array, and out overwrite it
        weights = [None if mask is None else mask.copy() for mask in weights]
    changes: dict[int, NoiseEstimate] = {}
    if isinstance(parameters.strength, str):
        meter = NoiseMeter()
        for frame, mask in zip(source, weights, strict=True):
            meter.add(with_gaps(frame, mask))
        timeline = timeline_of(meter, colour_count(source.shape[1:]))
        changes = scheduled(timeline, parameters.strength)
    denoiser = Denoiser(**vars(parameters))
    ready = 0
    for index, (frame, mask) in enumerate(zip(source, weights, strict=True)):
        if index in changes:
            denoiser.set_strength(changes[index])
        ready += denoiser(frame, confidence=mask, out=target[ready]) is not None
    for rest in denoiser.flush(dtype=target.dtype):
        target[ready] = rest
        ready += 1
    return result if out is None else out
