# SPDX-License-Identifier: Apache-2.0
"""
Event camera: time surface
==========================

An event camera sends no frames but events (time, y, x, polarity), millions per second;
each says that one pixel has become brighter or darker. `SourceDiffuser` keeps their time
surface up to date.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import vdcore

# %%
# Events of a ball in front of a striped wall
# -------------------------------------------
#
# A pixel fires when its logarithmic brightness has changed by 0.1 since it last fired. A
# few pixels fire at random. One packet of events per millisecond.

WIDTH, HEIGHT, FRAMES, FPS, THRESHOLD = 320, 180, 60, 1000.0, 0.1
y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)


def log_brightness(index):
    wall = 80 + 40 * np.tanh(3 * np.sin(x / 9))
    distance = np.hypot(x - 40 - 4 * index, y - 120 + 80 * np.sin(np.pi * index / FRAMES))
    cover = np.clip(25.5 - distance, 0, 1)
    return np.log(wall * (1 - cover) + cover * (210 - 4 * distance))


rng = np.random.default_rng(1)
fired = log_brightness(0)
packets = []
for index in range(1, FRAMES):
    steps = np.trunc((log_brightness(index) - fired) / THRESHOLD).astype(int)
    fired += steps * THRESHOLD
    noise = rng.random(steps.shape) < 0.002
    steps[noise] += rng.choice([-1, 1], noise.sum())
    positions = np.repeat(np.argwhere(steps), np.abs(steps[steps != 0]), axis=0)  # y, x
    polarities = np.sign(steps[tuple(positions.T)])
    times = (index - rng.random(len(positions))) / FPS
    packets.append((positions, times, polarities))

# %%
# The time surface
# ----------------
#
# With ``sigma=0`` every event counts for its own pixel and fades with a time constant of
# 10 ms.

surface = vdcore.SourceDiffuser((HEIGHT, WIDTH), sigma=0, tau=0.01, dtype=np.float32)
start = perf_counter()
for positions, times, polarities in packets:
    surface.add(positions, times, polarities)
seconds = perf_counter() - start
print(f"{surface.count} events, {surface.count / seconds / 1e6:.1f} million per second")

# %%
# Mean polarity, and what supports it
# -----------------------------------
#
# With ``sigma=1.5`` and ``normalize=True``, events support each other: `field` returns
# the mean polarity around each pixel and the weight behind it. Pixels that fired alone
# have little weight.

smooth = vdcore.SourceDiffuser(
    (HEIGHT, WIDTH), sigma=1.5, tau=0.01, normalize=True, fill=0
)
for positions, times, polarities in packets:
    smooth.add(positions, times, polarities)
mean, weight = smooth.field()
supported = np.where(weight > 1, mean, 0)

# %%
# White is brighter, black is darker.

figure, axes = plt.subplots(1, 2, figsize=(7, 2.3), layout="constrained")
for axis, field, title in zip(
    axes,
    (surface.field(), supported),
    ("time surface", "supported mean polarity"),
    strict=True,
):
    strength = np.sqrt(np.abs(field) / np.percentile(np.abs(field), 99.5)) * np.sign(
        field
    )
    axis.imshow(strength, cmap="gray", vmin=-1, vmax=1)
    axis.set_title(title)
    axis.set_axis_off()
