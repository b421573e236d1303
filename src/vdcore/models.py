# SPDX-License-Identifier: Apache-2.0
"""The coefficient models: what decides how strongly one sample counts for another.

A model is a small frozen dataclass of its parameters. Every ``model=`` takes an instance or its name.
"""

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Gaussian"]


@dataclass(frozen=True)
class Gaussian:
    r"""The linear model: a source counts by its confidence alone, ``c_i = m_i``.

    In space this is the Gaussian kernel ``exp(-d^2 / (2 sigma^2))``, sampled at whole pixels and separable in
    y and x. It is the formula of `vdcore.Diffuser` as it stands.

    References
    ----------
    .. [1] T. Lindeberg, "Scale-space for discrete signals", IEEE TPAMI 12(3), 1990.
    .. [2] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993.
    """

    name: ClassVar[str] = "gaussian"


Model = Gaussian

_MODELS: dict[str, type[Model]] = {model.name: model for model in (Gaussian,)}


def resolve(model: str | Model) -> Model:
    """Return the model that an instance or a name stands for."""
    if isinstance(model, Model):
        return model
    if isinstance(model, str) and model in _MODELS:
        return _MODELS[model]()
    raise ValueError(f"model must be one of {', '.join(map(repr, _MODELS))} or an instance, got {model!r}")
