# SPDX-License-Identifier: Apache-2.0
"""Spatio-temporal diffusion filtering of videos and image sequences.

Every sample of a video spreads over its neighbours in space (Gaussian, `sigma` pixels) and over the frames
that follow it (exponential, time constant `tau`); the output is the weighted mean of what arrives::

    smooth = vdcore.diffuse(frames, sigma=1.5, tau=3)                   # an array (T, H, W[, C])
    vdcore.diffuse_video("in.mp4", "out.mp4", sigma=1.5, tau=3)         # a file
    diffuser = vdcore.Diffuser(sigma=1.5, tau=3); diffuser(frame)       # a stream, frame by frame

Noise is removed without any setting, along the motion::

    clean = vdcore.denoise(frames)                                      # an array
    vdcore.denoise_video("in.mp4", "out.mkv")                           # a file
    denoiser = vdcore.Denoiser(); denoiser(frame)                       # a stream

And what a filter did can be measured and looked at::

    vdcore.compare_videos("in.mp4", "out.mkv", out="sheet.png")         # PSNR, SSIM, a contact sheet
    vdcore.show("in.mp4", "out.mkv")                                    # in a notebook
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdcore import models
from vdcore._core import build_info
from vdcore._core import version as _version
from vdcore.denoiser import Denoiser, DenoiserInfo, denoise
from vdcore.filter import Diffuser, DiffuserInfo, diffuse, diffuse_frame
from vdcore.noise import NoiseEstimate, estimate_noise
from vdcore.sources import SourceDiffuser, diffuse_sources, source_operator

if TYPE_CHECKING:
    from vdcore.comparison import Comparison, compare_videos
    from vdcore.fitting import Fit, SourceFit, Trial, fit, fit_sources
    from vdcore.notebook import FrameViewer, show
    from vdcore.video import VideoReport, denoise_video, diffuse_video

__version__ = _version()

__all__ = [
    "Comparison",
    "Denoiser",
    "DenoiserInfo",
    "Diffuser",
    "DiffuserInfo",
    "Fit",
    "FrameViewer",
    "NoiseEstimate",
    "SourceDiffuser",
    "SourceFit",
    "Trial",
    "VideoReport",
    "__version__",
    "build_info",
    "compare_videos",
    "denoise",
    "denoise_video",
    "diffuse",
    "diffuse_frame",
    "diffuse_sources",
    "diffuse_video",
    "estimate_noise",
    "fit",
    "fit_sources",
    "get_include",
    "models",
    "show",
    "source_operator",
]

# Loaded on first use: they need OpenCV or SciPy.
_LATER = {
    "Comparison": "vdcore.comparison",
    "Fit": "vdcore.fitting",
    "FrameViewer": "vdcore.notebook",
    "SourceFit": "vdcore.fitting",
    "Trial": "vdcore.fitting",
    "VideoReport": "vdcore.video",
    "compare_videos": "vdcore.comparison",
    "denoise_video": "vdcore.video",
    "diffuse_video": "vdcore.video",
    "fit": "vdcore.fitting",
    "fit_sources": "vdcore.fitting",
    "show": "vdcore.notebook",
}


def get_include() -> str:
    """Return the folder to put on a compiler's include path for ``<vdcore/vdcore_capi.h>``."""
    return str(Path(__file__).parent / "include")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
