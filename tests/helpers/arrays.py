# SPDX-License-Identifier: Apache-2.0
"""Videos that are arrays, through the file layer."""

import warnings

import numpy as np

import vdcore


def diffuse(source, out, sigma=0, tau=0, **keywords):
    """diffuse_video, its warnings in the report only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return vdcore.diffuse_video(source, out, sigma, tau, **keywords)


def filtered(frames, *args, **keywords):
    """The filter on arrays; alpha as it was."""
    if frames.ndim == 3 or frames.shape[3] < 4:
        return vdcore.diffuse(frames, *args, **keywords)
    colours = vdcore.diffuse(np.ascontiguousarray(frames[..., :3]), *args, **keywords)
    return np.concatenate([colours, frames[..., 3:]], axis=3)
