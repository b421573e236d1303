# SPDX-License-Identifier: Apache-2.0
"""
Depth camera: fill the holes
============================

Depth cameras write 0 where they have no measurement. Those zeros must neither spread into
their surroundings nor survive. They are samples with confidence 0.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data
from skimage.transform import resize

import vdcore

# %%
# Depth frames in millimetres
# ---------------------------
#
# A real disparity map with its own holes, seen by a sensor that also loses random patches
# and adds noise that grows with the distance.

_, _, disparity = data.stereo_motorcycle()
valid = np.isfinite(disparity) & (disparity > 0)
distance = np.where(valid, 60_000 / np.where(valid, disparity, 1), 0)
distance = resize(distance, (250, 370), order=0)
known = distance > 0

rng = np.random.default_rng(1)
depth = np.zeros((12, 250, 370), np.uint16)  # 0 = missing
for frame in depth:
    lost = resize(rng.random((50, 74)), frame.shape, order=1) > 0.75
    measured = known & ~lost
    frame[measured] = (distance + rng.normal(0, 1, frame.shape) * (distance / 120))[
        measured
    ]

# %%
# One frame at a time
# -------------------
#
# A bilateral filter with a `range_sigma` of 100 mm keeps the edges of objects. `tau=4`
# lets earlier frames fill what the current one misses.

diffuser = vdcore.Diffuser(3, 4, model=vdcore.models.Bilateral(range_sigma=100))
for frame in depth:
    filled = diffuser(frame, confidence=frame > 0)

# %%
# Where nothing has ever been measured within reach, the frame's own 0 is kept. `fill`
# would set another value.

print(f"missing: {np.mean(depth[-1] == 0):.1%} before, {np.mean(filled == 0):.1%} after")

# %%
# A naive filter
# --------------
#
# Without the confidence, zeros count as measurements: every hole gets a halo of depths
# that do not exist.

naive = vdcore.Diffuser(3, 4)
for frame in depth:
    smeared = naive(frame)

figure, axes = plt.subplots(1, 3, figsize=(7, 2), layout="constrained")
colours = plt.get_cmap("viridis_r").with_extremes(bad="black")
pictures = (
    ("depth, 0 = missing", depth[-1]),
    ("filled", filled),
    ("zeros taken as depth", smeared),
)
for axis, (title, picture) in zip(axes, pictures, strict=True):
    shown = axis.imshow(np.ma.masked_equal(picture, 0), cmap=colours, vmin=600, vmax=3500)
    axis.set_title(title)
    axis.set_axis_off()
figure.colorbar(shown, ax=axes, label="mm", fraction=0.02)
