# SPDX-License-Identifier: Apache-2.0
"""The result of a fit, as text, as a command and as a plot."""

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import inf, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from vdcore import models
from vdcore._arrays import Array
from vdcore.diffuser.parameters import Sigma, filter_parameters
from vdcore.noise import NoiseEstimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AS_GIVEN = ("lookahead", "boundary", "truncate", "time_unit")  # parameters of the filter that stay
_MARKS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000)  # on the axes of a plot


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes
    ----------
    sigma : float or (float, float)
        In pixels.
    tau : float
        In the fit's `time_unit`.
    model : model of `vdcore.models`
        With its own parameters.
    error : float
        Mean squared error per sample, in squared sample units: measured against the reference, or else its
        unbiased estimate, which may be negative.
    """

    sigma: Sigma
    tau: float
    model: models.Model
    error: float


@dataclass(frozen=True, repr=False)
class Fit:
    """The parameters that `fit` found, and those it tried.

    Attributes
    ----------
    sigma : float or (float, float)
        Spatial standard deviation in pixels; 0 where smoothing in space does not help.
    tau : float
        Time constant in `time_unit`; 0 where memory does not pay.
    model : model of `vdcore.models`
        With its own parameters fitted.
    error : float
        Mean squared error per sample before rounding, >= 0; without a reference, an estimate. In squared
        sample units for arrays, in squared 8-bit units (0 to 255) of red, green and blue for files.
    peak : float
        The range of the samples in the same unit: 255, 65535 or 1 by dtype.
    noise : NoiseEstimate or None
        The noise assumed by the estimate of the error, of channels or planes; None with a reference.
    frames : int
        Frames over which the error was taken, at least in part.
    trials : tuple of Trial
        Every setting that was tried, in order.
    lookahead, boundary, truncate, time_unit
        As given.
    """

    sigma: Sigma
    tau: float
    model: models.Model
    error: float
    peak: float
    noise: NoiseEstimate | None
    frames: int
    trials: tuple[Trial, ...]
    lookahead: int
    boundary: str
    truncate: float
    time_unit: str

    @property
    def psnr(self) -> float:
        """The error in dB below the peak; inf for no error."""
        return _psnr(self.error, self.peak)

    def parameters(self) -> dict[str, Any]:
        """Return the keywords for `vdcore.diffuse`, `vdcore.Diffuser` and `vdcore.diffuse_video`."""
        return {name: getattr(self, name) for name in ("sigma", "tau", "model", *AS_GIVEN)}

    def command(self, source: str | os.PathLike[str], target: str | os.PathLike[str]) -> str:
        """Return the line for a POSIX shell that filters the video `source` with these parameters.

        Raises ValueError if the model has a map, which has no text form.
        """
        words = ["vdcore", "run", os.fspath(source), os.fspath(target)]
        words += ["--sigma", _text(self.sigma), "--tau", _text(self.tau)]
        if self.model != models.Gaussian():
            words += ["--model", models.text_of(self.model)]
        usual = filter_parameters(0, 0)
        for name in AS_GIVEN:
            if getattr(self, name) != getattr(usual, name):
                words += [f"--{name.replace('_', '-')}", str(getattr(self, name))]
        return shlex.join(words)

    def table(self) -> str:
        """Return the trials as text, one per line, the best marked with a star."""
        best = best_trial(self.trials)
        lines = [_line("", "sigma", "tau", *_shown(self.model), "error", "PSNR")]
        for number_, trial in enumerate(self.trials, 1):
            values = _text(trial.sigma), _text(trial.tau), *_shown(trial.model).values()
            measured = f"{trial.error:.4g}", f"{_psnr(trial.error, self.peak):.2f}"
            lines.append(_line(f"{number_}{'*' if trial is best else ' '}", *values, *measured))
        return "\n".join(lines)

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """Draw the error over sigma and tau, with all trials and the best of them.

        Parameters
        ----------
        path : str or os.PathLike, optional
            Where to save the figure; the suffix selects the format.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            matplotlib is not installed: ``pip install vdcore[plot]``.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("plot needs matplotlib: pip install vdcore[plot]") from error
        figure = Figure(figsize=(7, 5), layout="constrained")
        _draw(figure.add_subplot(), self)
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure

    def __repr__(self) -> str:
        noise = "" if self.noise is None else f" estimated with noise {_text(tuple(self.noise.sigma))}"
        return (
            f"Fit(sigma={_text(self.sigma)}, tau={_text(self.tau)}, model={self.model!r},"
            f" error={self.error:.4g}, psnr={self.psnr:.2f}{noise};"
            f" {len(self.trials)} trials on {self.frames} frames)"
        )


def _psnr(error: float, peak: float) -> float:
    return 10 * log10(peak**2 / error) if error > 0 else inf


def best_trial(trials: Iterable[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.error)  # the first of equals


def _text(value: float | tuple[float, ...]) -> str:
    return ",".join(f"{part:.4g}" for part in (value if isinstance(value, tuple) else (value,)))


def _shown(model: models.Model) -> dict[str, str]:
    """Return the model's own parameters as text; of a map, the range of its values."""
    if models.has_map(model):
        values = own_parameters(model).values()
        return {"map": f"{min(values):.3g}..{max(values):.3g}"}
    return {name: _text(value) for name, value in own_parameters(model).items()}


def _line(first: str, *cells: str) -> str:
    return "  ".join([f"{first:>4}", *(f"{cell:>9}" for cell in cells)])


def _draw(axes: Any, result: Fit) -> None:
    """Plot the error over sigma and tau, as far as they were varied; 0 is drawn at the lower end."""
    error = np.array([trial.error for trial in result.trials])
    best = int(error.argmin())
    places: list[Array] = []
    for name, unit in (("sigma", "pixels"), ("tau", result.time_unit)):
        values = np.array([getattr(trial, name) for trial in result.trials])
        if np.unique(values, axis=0).size < 2 or values.ndim > 1:
            continue
        low, high = values[values > 0].min() / 1.5, 1.2 * values.max()
        marks = [mark for mark in _MARKS if low < mark < high]
        which = "xy"[len(places)]
        axes.set(**{f"{which}scale": "log", f"{which}label": f"{name} ({unit})"})
        getattr(axes, f"set_{which}ticks")([low, *marks], ["0", *(f"{mark:g}" for mark in marks)])
        getattr(axes, f"{which}axis").minorticks_off()
        places.append(np.maximum(values, low))
    if len(places) == 2:
        shown = np.array([_psnr(max(each, 1e-3 * error.max()), result.peak) for each in error])
        if np.linalg.matrix_rank(np.cov(np.log(places))) == 2:
            axes.tricontourf(*places, shown, 24, cmap="viridis", alpha=0.6)
        points = axes.scatter(*places, c=shown, cmap="viridis", edgecolors="black", clip_on=False, zorder=2)
        axes.figure.colorbar(points, label="PSNR (dB)")
    else:
        places = [*places, np.arange(1, len(error) + 1)][:1]
        axes.plot(*places, error, "o")
        axes.set_ylabel("mean squared error")
        places.append(error)
    axes.plot(places[0][best], places[1][best], "r*", markersize=14, zorder=3)
    setting = f"sigma {_text(result.sigma)}, tau {_text(result.tau)}"
    axes.set_title(f"{setting}: PSNR {result.psnr:.2f} dB{' (estimated)' if result.noise else ''}")


def own_parameters(model: models.Model) -> dict[str, float]:
    """Return the model's parameters that can be fitted: floats above 0, not whole numbers."""
    values = {field.name: getattr(model, field.name) for field in fields(model)}
    if models.has_map(model):
        levels = enumerate(np.unique(values["diffusivity"]).tolist())
        values = {f"diffusivity[{i}]": level for i, level in levels}
    return {name: value for name, value in values.items() if isinstance(value, float) and 0 < value < inf}
