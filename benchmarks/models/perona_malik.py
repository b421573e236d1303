# SPDX-License-Identifier: Apache-2.0
"""How much faster is Perona-Malik diffusion than explicit schemes with the same total diffusion?

The two schemes in NumPy take steps of 0.2: the same equation as vdcore's, with the gradient of the smoothed
picture over all channels, and that of 1990 with the differences between neighbours. SimpleITK (steps of
0.125, the longest that it considers stable) and DIPlib (0.2) are compared where they are installed.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from time import process_time

import numpy as np

import vdcore
from vdcore.models import PeronaMalik

from ..common.peers import TINY
from ..common.results import Answer, Options, Row
from ..common.timing import interleave, one_thread

SIZE = (360, 640)
CONTRAST, STEP, ITK_STEP = 20.0, 0.2, 0.125
SIGMAS = (2, 4)


def scene(size: tuple[int, int], channels: int) -> np.ndarray:
    """Return blocks with noise, float32 in [0, 255]."""
    y, x = np.mgrid[: size[0], : size[1]]
    blocks = 60.0 + 60 * (y // 24 % 2) + 60 * (x // 32 % 2)
    noise = np.random.default_rng(1).normal(0, 12, (*size, channels))
    result: np.ndarray = (blocks[:, :, None] + noise).astype(np.float32)
    return result


def steps(sigma: float, length: float) -> int:
    """Return how many steps of this length make sigma."""
    return round(sigma**2 / 2 / length)


def ours(frame: np.ndarray, sigma: float) -> Callable[[], object]:
    """Return a stream that filters each frame on its own."""
    diffuser, out = vdcore.Diffuser(sigma, 0, model=PeronaMalik(CONTRAST), threads=1), np.empty_like(frame)
    return lambda: diffuser(frame, out=out)


def smooth(u: np.ndarray) -> np.ndarray:
    """Return the picture after (1 2 1) / 4 along both axes."""
    padded = np.pad(u, ((1, 1), (1, 1), (0, 0)), mode="edge")
    along = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    result: np.ndarray = (along[:, :-2] + 2 * along[:, 1:-1] + along[:, 2:]) / 16
    return result


def same_equation(frame: np.ndarray, sigma: float, dtype: str = "float64") -> Callable[[], object]:
    """Return explicit steps with the diffusivity computed in each."""

    def run() -> np.ndarray:
        u = frame.astype(dtype)
        for _ in range(steps(sigma, STEP)):
            smoothed = np.pad(smooth(u), ((1, 1), (1, 1), (0, 0)), mode="edge")
            in_y, in_x = smoothed[2:, 1:-1] - smoothed[:-2, 1:-1], smoothed[1:-1, 2:] - smoothed[1:-1, :-2]
            g = np.exp((in_y * in_y + in_x * in_x).sum(axis=2, keepdims=True) * (-0.25 / CONTRAST**2))
            down = (g[1:] + g[:-1]) * (STEP / 2) * np.diff(u, axis=0)
            along = (g[:, 1:] + g[:, :-1]) * (STEP / 2) * np.diff(u, axis=1)
            u[:-1] += down
            u[1:] -= down
            u[:, :-1] += along
            u[:, 1:] -= along
        return u

    return run


def plain(frame: np.ndarray, sigma: float) -> Callable[[], object]:
    """Return the scheme of Perona and Malik, g of each difference."""

    def run() -> np.ndarray:
        u = frame.copy()
        for _ in range(steps(sigma, STEP)):
            down, along = np.diff(u, axis=0), np.diff(u, axis=1)
            down *= STEP * np.exp(down * down * (-1 / CONTRAST**2))
            along *= STEP * np.exp(along * along * (-1 / CONTRAST**2))
            u[:-1] += down
            u[1:] -= down
            u[:, :-1] += along
            u[:, 1:] -= along
        return u

    return run


def simple_itk(frame: np.ndarray, sigma: float) -> Callable[[], object]:
    itk = import_module("SimpleITK")
    itk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    picture = itk.GetImageFromArray(frame[:, :, 0])
    diffusion = itk.GradientAnisotropicDiffusionImageFilter()
    diffusion.SetTimeStep(ITK_STEP)
    diffusion.SetNumberOfIterations(steps(sigma, ITK_STEP))
    diffusion.SetConductanceParameter(2.0)
    return lambda: diffusion.Execute(picture)


def diplib(frame: np.ndarray, sigma: float) -> Callable[[], object]:
    dip = import_module("diplib")
    dip.SetNumberOfThreads(1)
    picture = dip.Image(frame[:, :, 0])
    return lambda: dip.PeronaMalikDiffusion(picture, steps(sigma, STEP), CONTRAST, STEP)


Peer = Callable[[np.ndarray, float], Callable[[], object]]
PEERS: list[tuple[str, str, Peer, int, float | None]] = [  # place, name, peer, channels, target
    ("numpy", "the same equation in NumPy, float64", same_equation, 3, 50),
    ("numpy_f32", "the same equation in NumPy, float32", partial(same_equation, dtype="float32"), 3, None),
    ("plain", "the scheme of 1990 in NumPy, float32", plain, 1, None),
]
INSTALLED: list[tuple[str, str, str, Peer]] = [  # place, module, name, peer
    ("sitk", "SimpleITK", "SimpleITK GradientAnisotropicDiffusion", simple_itk),
    ("diplib", "diplib", "DIPlib PeronaMalikDiffusion", diplib),
]


def run(options: Options) -> Answer:
    size = TINY if options.tiny else SIZE
    installed = [(place, name, peer, 1, 3) for place, module, name, peer in INSTALLED if find_spec(module)]
    rows = []
    for place, name, peer, channels, target in PEERS + installed:
        frame = scene(size, channels)
        for sigma in SIGMAS:
            functions = {"ours": ours(frame, sigma), "theirs": peer(frame, sigma)}
            times = interleave(functions, tiny=options.tiny, clock=process_time)
            kind = "colour" if channels == 3 else "grey"
            work = f"Perona-Malik, float32 {kind} 640x360, sigma {sigma}"
            ratio = times["theirs"] / times["ours"]
            rows.append(Row.faster(f"models.pm_{place}_{sigma}", work, name, one_thread(), ratio, target))
    return Answer(rows)
