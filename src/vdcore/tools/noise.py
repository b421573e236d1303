# SPDX-License-Identifier: Apache-2.0
"""`estimate_noise`: the noise of arrays and files."""

import os
from itertools import islice

import numpy as np

from vdcore._arrays import is_array
from vdcore._checks import integer
from vdcore.noise import BLOCK, NoiseEstimate, NoiseMeter
from vdcore.video.frame import sample_unit

from .frames import iterate_frames


def estimate_noise(
    frames: object, *, channel_axis: int | None = None, max_frames: int | None = 300
) -> NoiseEstimate:
    r"""Estimate the noise of a video, which may depend on brightness and may be clipped.

    Parameters
    ----------
    frames : str or os.PathLike, array_like or iterable
        The path of a video file, channels in the order red, green, blue; an array (T, H, W) or (T, H, W, C);
        or an iterable of frames (H, W) or (H, W, C). uint8, uint16 (assumed to be clipped at the range
        of the fewest bits that hold the samples), float32 or float64, where NaN is a missing sample. At least
        8 x 8 pixels. A single frame gives a less reliable estimate.
    channel_axis : int, optional
        Which axis of an array holds the channels, see `vdcore.diffuse`.
    max_frames : int or None, optional
        Maximum number of frames read from a file or an iterable, None for all. Pairs of frames are spread
        evenly over what is read, and over the whole of an array; memory does not depend on the length.

    Returns
    -------
    NoiseEstimate
        In sample units for arrays and iterables; in 8-bit units (0 to 255) for a file, whatever its depth.
        Zeros for a video without noise: constant, black, saturated, or mostly still. Areas that do not change
        at all, such as black bars, are left out unless they are most of the picture.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid, there are no frames, they are smaller than 8 x 8 or not of one shape and
        dtype, or no 8 x 8 block is free of missing samples.
    OSError
        The file cannot be read.

    Notes
    -----
    Differences of successive frames are measured in blocks with little texture, at all spatial frequencies.
    Where the noise changes, the estimate is that of the longest part. 0: nothing changes as noise does, as in
    slides, text and animation. Fine texture that moves and fills the whole picture is mistaken for noise, and
    a single frame does not tell texture from noise.

    References
    ----------
    .. [1] N. N. Ponomarenko et al., "An automatic approach to lossy compression of AVIRIS images",
       IGARSS 2007: blocks chosen by low frequencies, noise from high ones.
    .. [2] M. Colom and A. Buades, "Analysis and extension of the Ponomarenko et al. method, estimating a
       noise curve from a single image", Image Processing On Line 3, 2013.
    .. [3] A. Foi, "Clipped noisy images: heteroskedastic modeling and practical denoising", Signal Processing
       89, 2009.

    Examples
    --------
    >>> noise = vdcore.estimate_noise("in.mp4")
    >>> noise.sigma, noise.variance([0, 128, 255])
    """
    limit = None if max_frames is None else integer(max_frames, "max_frames", 1, 2**31 - 1)
    stream = iterate_frames(frames, channel_axis=channel_axis)
    meter, dtype = NoiseMeter(), np.dtype(np.uint8)
    for frame in stream if is_array(frames) else islice(stream, limit):
        if min(frame.shape[:2]) < BLOCK:
            height, width = frame.shape[:2]
            raise ValueError(f"frames must have at least {BLOCK} x {BLOCK} pixels, got {height} x {width}")
        meter.add(frame)
        dtype = frame.dtype
    estimate = meter.timeline().prevailing
    if isinstance(frames, str | os.PathLike):
        return estimate.scaled(1 / sample_unit(dtype))
    return estimate
