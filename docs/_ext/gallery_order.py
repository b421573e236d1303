# SPDX-License-Identifier: Apache-2.0
"""The order of the recipes in the gallery: the most common task first."""

ORDER = ("phone_clip", "webcam", "microscopy", "depth_camera", "event_camera", "infilling", "fitting")


class RecipeOrder:
    """A sort key for the files of the gallery, as sphinx-gallery wants it."""

    def __init__(self, folder: str) -> None:
        pass

    def __call__(self, name: str) -> int:
        return ORDER.index(name.removeprefix("plot_").removesuffix(".py"))

    def __repr__(self) -> str:
        return "RecipeOrder()"
