# SPDX-License-Identifier: Apache-2.0
"""The coefficient models: how strongly a source is weighted for the pixel that receives it.

A model is a small frozen dataclass of its parameters. Every ``model=`` takes an instance or a string: the
name, then parameters, as in ``"bilateral:range_sigma=20"``.
"""

from base64 import b64decode, b64encode
from dataclasses import MISSING, asdict, dataclass, fields, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from vdcore._arrays import FACTOR_DTYPES, Array, as_samples, is_array
from vdcore._checks import integer, number

__all__ = ["Bilateral", "Gaussian", "Laplacian", "NonLocalMeans", "PeronaMalik"]


@dataclass(frozen=True)
class Gaussian:
    r"""The linear model: sources are weighted by their confidence alone, ``c_i = m_i``.

    In space this is the Gaussian kernel ``exp(-d^2 / (2 sigma^2))``, sampled at whole pixels and separable in
    y and x: the formula of `vdcore.Diffuser` as written.

    References
    ----------
    .. [1] T. Lindeberg, "Scale-space for discrete signals", IEEE TPAMI 12(3), 1990.
    .. [2] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993.
    """

    name: ClassVar[str] = "gaussian"


@dataclass(frozen=True)
class Bilateral:
    r"""A source is weighted less the more its value differs from that of the receiving pixel.

    .. math:: c_i(x) = m_i \, e^{-|f_i - f(x)|^2 / 2 \rho^2},

    with the Euclidean distance over all channels and rho the `range_sigma`, times the spatial Gaussian of
    `sigma` (a square window that ends at ``int(truncate * sigma + 0.5)`` pixels). Edges higher than a few rho
    stay sharp.

    Parameters
    ----------
    range_sigma : float
        Standard deviation of the range weight, > 0, in sample units (of 255 for uint8, 65535 for uint16, 1
        for float).

    Notes
    -----
    A pixel is missing if any of its samples is, and its confidence is the minimum of theirs. A missing pixel
    has no value to compare with: all its range weights are 1.

    References
    ----------
    .. [1] C. Tomasi and R. Manduchi, "Bilateral filtering for gray and color images", ICCV 1998.
    """

    name: ClassVar[str] = "bilateral"
    range_sigma: float

    def __post_init__(self) -> None:
        number(self.range_sigma, "range_sigma", 0, strict=True)


@dataclass(frozen=True)
class NonLocalMeans:
    r"""A source is weighted by how similar its surroundings are to those of the receiving pixel.

    .. math:: c_i(x) = m_i \, e^{-\max(0,\, d^2(x, x_i) - 2 s^2) / h^2},

    where d^2 is the mean squared difference of the two patches over their pixels and channels, s the `noise`
    and h the `strength`. Sources are the pixels up to `search` away, weighted by the Gaussian of `sigma` too;
    with sigma 0 all distances weigh the same.

    Parameters
    ----------
    strength : float
        h, > 0, in sample units.
    noise : float, optional
        Expected standard deviation of the noise, >= 0, in sample units; differences it explains are ignored.
    patch : int, optional
        Radius of the patches in pixels, 0 to 32.
    search : int, optional
        Radius of the window in pixels, 1 to 256.

    Notes
    -----
    The pixel itself has distance 0 and weight 1. Beyond the edges, patches see the reflected picture.

    References
    ----------
    .. [1] A. Buades, B. Coll and J.-M. Morel, "A non-local algorithm for image denoising", CVPR 2005.
    """

    name: ClassVar[str] = "nonlocal_means"
    strength: float
    noise: float = 0.0
    patch: int = 2
    search: int = 5

    def __post_init__(self) -> None:
        number(self.strength, "strength", 0, strict=True)
        number(self.noise, "noise", 0)
        integer(self.patch, "patch", 0, 32)
        integer(self.search, "search", 1, 256)


@dataclass(frozen=True)
class Laplacian:
    r"""Heat equation: information flows from each pixel to its neighbours.

    .. math:: u_s = \mathrm{div}(c \nabla u) \;\text{ up to }\; s = \sigma^2 / 2,

    with nothing flowing across the edges of the picture (`boundary` does not matter). For c = 1 this is the
    discrete Gaussian ``e^-t I_n(t)``, ``t = sigma^2``, along each axis, which approaches the sampled Gaussian
    as sigma grows.

    With `confidence` (or NaN) the known pixels are held, and unknown ones resume from their value in the last
    frame, so that the values of a region spread through the whole video, towards harmonic in-filling; `tau`
    is how long such a value persists. With `lookahead` each frame is filled in by itself.

    Parameters
    ----------
    diffusivity : float or array_like of shape (H, W), optional
        c, how fast information spreads: a number > 0, or a map of float32 or float64, one finite number >= 0
        for each pixel, which is copied (to float64). Neighbours exchange with the harmonic mean of theirs: a
        pixel of 0 is unchanged and blocks the flow. A map fits frames of its height and width only,
        and has no string form.

    References
    ----------
    .. [1] T. Lindeberg, "Scale-space for discrete signals", IEEE TPAMI 12(3), 1990.
    .. [2] J. Weickert, "Anisotropic diffusion in image processing", Teubner, 1998.

    Examples
    --------
    >>> wall = np.ones((480, 640))
    >>> wall[:, 320] = 0
    >>> halves = vdcore.diffuse(video, 8, 2, model=vdcore.models.Laplacian(wall))
    """

    name: ClassVar[str] = "laplacian"
    diffusivity: float | Array = 1.0

    def __post_init__(self) -> None:
        given = self.diffusivity
        if isinstance(given, Real) or not (is_array(given) or isinstance(given, list | tuple)):
            number(given, "diffusivity", 0, strict=True)
            return
        diffusivity = (
            as_samples(given, "diffusivity", FACTOR_DTYPES).astype(np.float64, order="C") + 0.0
        )  # no -0.0
        if diffusivity.ndim != 2:
            raise ValueError(f"diffusivity must be a number or of shape (H, W), got {diffusivity.shape}")
        if not (np.isfinite(diffusivity) & (diffusivity >= 0)).all():
            raise ValueError(
                "diffusivity must be finite and >= 0 everywhere,"
                f" got values from {diffusivity.min()} to {diffusivity.max()}"
            )
        diffusivity.flags.writeable = False
        object.__setattr__(self, "diffusivity", diffusivity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Laplacian) and np.array_equal(self.diffusivity, other.diffusivity)

    def __hash__(self) -> int:
        return hash(np.asarray(self.diffusivity, np.float64).tobytes())


@dataclass(frozen=True)
class PeronaMalik:
    r"""Heat equation that stops at edges.

    .. math:: u_s = \mathrm{div}(g(|\nabla u_\rho|) \nabla u) \;\text{ up to }\; s = \sigma^2/2,

    where the gradient is that of the picture smoothed by 0.7 pixels [2]_, over all channels together, and g
    its diffusivity. Nothing flows across the edges of the picture.

    Parameters
    ----------
    contrast : float
        K, > 0, in sample units per pixel: gradients well below it are smoothed, well above it kept.
    diffusivity : {"exponential", "rational"}, optional
        ``g = exp(-(|grad u| / K)^2)`` or ``1 / (1 + (|grad u| / K)^2)``.

    References
    ----------
    .. [1] P. Perona and J. Malik, "Scale-space and edge detection using anisotropic diffusion", IEEE TPAMI
       12(7), 1990.
    .. [2] F. Catte, P.-L. Lions, J.-M. Morel and T. Coll, "Image selective smoothing and edge detection by
       nonlinear diffusion", SIAM J. Numer. Anal. 29(1), 1992.
    .. [3] S. Grewenig, J. Weickert and A. Bruhn, "From box filtering to fast explicit diffusion", DAGM 2010.
    """

    name: ClassVar[str] = "perona_malik"
    contrast: float
    diffusivity: str = "exponential"

    def __post_init__(self) -> None:
        number(self.contrast, "contrast", 0, strict=True)
        if self.diffusivity not in ("exponential", "rational"):
            raise ValueError(f"diffusivity must be 'exponential' or 'rational', got {self.diffusivity!r}")


Model = Gaussian | Bilateral | NonLocalMeans | Laplacian | PeronaMalik

_ALL = (Gaussian, Bilateral, NonLocalMeans, Laplacian, PeronaMalik)
MODELS: dict[str, type[Model]] = {model.name: model for model in _ALL}


def resolve(model: str | Model) -> Model:
    """Return the model itself, or the one that a string such as "bilateral:range_sigma=20" describes."""
    if isinstance(model, Model):
        return model
    name, _, listed = model.partition(":") if isinstance(model, str) else ("", "", "")
    if name not in MODELS:
        raise ValueError(f"model must be one of {', '.join(map(repr, MODELS))} or an instance, got {model!r}")
    wanted: Any = MODELS[name]
    known = {field.name: field for field in fields(wanted)}
    values: dict[str, Any] = {}
    for text in filter(None, listed.split(",")):
        key, _, value = text.partition("=")
        if key not in known:
            raise ValueError(f"model {name!r} has {', '.join(known) or 'no parameters'}, got {text!r}")
        given: Any = known[key].type
        kind = given if isinstance(given, type) else float
        try:
            values[key] = kind(value)
        except ValueError:
            raise ValueError(f"{key} of model {name!r} must be a number, got {value!r}") from None
    missing = [key for key, field in known.items() if field.default is MISSING and key not in values]
    if missing:
        raise ValueError(
            f"model {name!r} needs {', '.join(missing)}: give vdcore.models.{wanted.__name__}(...)"
            f' or "{name}:{missing[0]}=VALUE"'
        )
    return resolve(wanted(**values))


def text_of(model: Model) -> str:
    """Return the string form of a model, as `resolve` reads it; ValueError for a map, which has none."""
    own = asdict(model)
    for key, value in own.items():
        if isinstance(value, np.ndarray):
            raise ValueError(f"a map has no string form: {key} has shape {value.shape}")
    values = ",".join(f"{key}={value}" for key, value in own.items())
    return f"{model.name}:{values}" if values else model.name


def values_of(model: Model) -> dict[str, Any]:
    """Return the model for `from_values`, in types that JSON has."""
    values = asdict(model)
    for key, value in values.items():
        if isinstance(value, np.ndarray):
            values[key] = {"shape": value.shape, "float64": b64encode(value.tobytes()).decode()}
    return {"name": model.name} | values


def from_values(values: dict[str, Any]) -> Model:
    """Return the model that `values_of` described."""
    own: dict[str, Any] = {
        key: np.frombuffer(b64decode(value["float64"])).reshape(value["shape"])
        if isinstance(value, dict)
        else value
        for key, value in values.items()
        if key != "name"
    }
    return MODELS[values["name"]](**own)


_SAMPLE_UNITS = ("range_sigma", "strength", "noise", "contrast")


def scaled(model: Model, factor: float) -> Model:
    """Return the model for the same video with its samples multiplied by `factor`."""
    names = {field.name for field in fields(model)}
    changes: dict[str, Any] = {name: getattr(model, name) * factor for name in _SAMPLE_UNITS if name in names}
    return replace(model, **changes) if changes else model


def has_map(model: Model) -> bool:
    """Whether the model has a diffusivity for every pixel."""
    return isinstance(getattr(model, "diffusivity", None), np.ndarray)


def check_shape(model: Model, shape: tuple[int, ...]) -> None:
    """Raise ValueError if the model has a map that does not fit frames of shape (H, W) or (H, W, C)."""
    diffusivity = getattr(model, "diffusivity", None)
    if isinstance(diffusivity, np.ndarray) and diffusivity.shape != shape[:2]:
        raise ValueError(
            f"diffusivity must have the shape of the frames, {shape[:2]}, got {diffusivity.shape}"
        )
