# SPDX-License-Identifier: Apache-2.0
"""The order of the recipes in the gallery, the most common task first, and the look of their figures."""

from typing import Any

ORDER = ("phone_clip", "webcam", "microscopy", "depth_camera", "event_camera", "infilling", "fitting")


class RecipeOrder:
    """A sort key for the files of the gallery, as sphinx-gallery wants it."""

    def __init__(self, folder: str) -> None:
        pass

    def __call__(self, name: str) -> int:
        return ORDER.index(name.removeprefix("plot_").removesuffix(".py"))

    def __repr__(self) -> str:
        return "RecipeOrder()"


def readable_figures(gallery: dict[str, Any], path: str) -> None:
    """Draw figures sharp, with text that is large enough on a phone; called before each recipe."""
    import matplotlib

    matplotlib.rcParams.update({"figure.dpi": 150, "font.size": 11})
