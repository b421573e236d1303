# SPDX-License-Identifier: Apache-2.0
"""Spatio-temporal diffusion filtering of videos and image sequences.

Every sample of a video spreads over its neighbours in space (Gaussian, `sigma` pixels) and over the frames
that follow it (exponential, time constant `tau`); the output is the weighted mean of what arrives::

    smooth = vdcore.diffuse(frames, sigma=1.5, tau=3)                   # an array (T, H, W[, C])
    vdcore.diffuse_video("in.mp4", "out.mp4", sigma=1.5, tau=3)         # a file
    diffuser = vdcore.Diffuser(sigma=1.5, tau=3); diffuser(frame)       # a stream, frame by frame

Noise is removed along the motion, without parameters to choose::

    clean = vdcore.denoise(frames)                                      # an array
    vdcore.denoise_video("in.mp4", "out.mkv")                           # a file
    denoiser = vdcore.Denoiser(); denoiser(frame)                       # a stream

Results can be measured and viewed::

    vdcore.compare("in.mp4", "out.mkv", out="sheet.png")         # PSNR, SSIM, a contact sheet
    vdcore.show("in.mp4", "out.mkv")                                    # in a notebook
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdcore import models
from vdcore._core import build_info
from vdcore._core import version as _version
from vdcore.denoiser import Denoiser, DenoiserInfo, denoise
from vdcore.diffuser import Diffuser, DiffuserInfo, diffuse, diffuse_frame
from vdcore.noise import NoiseEstimate
from vdcore.sources import SourceDiffuser, diffuse_sources, source_operator

if TYPE_CHECKING:
    from vdcore import video
    from vdcore.tools.compare import Comparison, compare
    from vdcore.tools.fitting import Fit, SourceFit, Trial, fit, fit_sources
    from vdcore.tools.noise import estimate_noise
    from vdcore.tools.notebook import FrameViewer, show
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
    "compare",
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
    "video",
]

# Imported on first use: modules that read files or need an extra.
_LAZY = {
    "Comparison": "vdcore.tools.compare",
    "Fit": "vdcore.tools.fitting",
    "FrameViewer": "vdcore.tools.notebook",
    "SourceFit": "vdcore.tools.fitting",
    "Trial": "vdcore.tools.fitting",
    "VideoReport": "vdcore.video",
    "compare": "vdcore.tools.compare",
    "denoise_video": "vdcore.video",
    "diffuse_video": "vdcore.video",
    "estimate_noise": "vdcore.tools.noise",
    "fit": "vdcore.tools.fitting",
    "fit_sources": "vdcore.tools.fitting",
    "show": "vdcore.tools.notebook",
}


def get_include() -> str:
    """Return the folder to put on a compiler's include path for ``<vdcore/vdcore_capi.h>``."""
    return str(Path(__file__).parent / "include")


def __getattr__(name: str) -> Any:
    if name == "video":
        return import_module("vdcore.video")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
