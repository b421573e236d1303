# SPDX-License-Identifier: Apache-2.0
"""
Microscopy stack
================

Time-lapse fluorescence in 16 bits: few photons, a dark background, a camera with hot
pixels, and structures that move slowly. Two ways to clean it up, and a check that
intensities are kept.

For a stack on disk::

    vdcore denoise cells.tif clean.tif
    vdcore fit cells.tif
"""

import cv2
import matplotlib.pyplot as plt
import numpy as np

import vdcore

# %%
# A synthetic stack
# -----------------
#
# Filaments that drift and bend, about 20 photons at the brightest spots, 100 counts per
# photon, read noise, and 40 hot pixels. Shape (T, H, W), uint16.

rng = np.random.default_rng(4)
HEIGHT, WIDTH, FRAMES = 144, 192, 14


def filaments(time):
    canvas = np.zeros((4 * HEIGHT, 4 * WIDTH), np.uint8)
    for index in range(7):
        s = np.linspace(-0.1, 1.1, 200)
        phase = index * 1.7 + 0.02 * time
        x = s * WIDTH
        y = (
            HEIGHT * (index + 0.5) / 7
            + 18 * np.sin(2.3 * s + phase)
            + 5 * np.sin(9 * s + 2 * phase)
        )
        points = np.stack([4 * x, 4 * y], axis=1).astype(np.int32)
        cv2.polylines(canvas, [points], False, 120 + 60 * (index % 3), 12, cv2.LINE_AA)
    small = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return 30 * cv2.GaussianBlur(small.astype(float), (0, 0), 1.0) / 255 + 1


photons = np.stack([filaments(time) for time in range(FRAMES)])
clean = 100 * photons + 400
stack = 100 * rng.poisson(photons) + 400 + rng.normal(0, 60, photons.shape)
hot = np.zeros((HEIGHT, WIDTH), bool)
hot.flat[rng.choice(hot.size, 40, replace=False)] = True
stack[:, hot] = 6000
stack = stack.clip(0, 65535).round().astype(np.uint16)

# %%
# Hot pixels
# ----------
#
# Hot pixels are known from a dark frame. They are missing samples: confidence 0. Only
# they are changed.

repaired = vdcore.diffuse(stack, 1, 1, confidence=~hot, region=hot)

# %%
# Denoise
# -------
#
# The camera is calibrated: 100 counts per photon, an offset of 400 counts, 60 counts of
# read noise. So the variance of a pixel with value v is 100 (v - 400) + 60^2. Without a
# calibration, leave `strength` out: the noise is estimated.

variance = np.mean(100 * (repaired - 400.0) + 60**2)
noise = vdcore.NoiseEstimate(
    sigma=np.array([np.sqrt(variance)]),
    gain=np.array([100.0]),
    offset=np.array([60.0**2 - 100 * 400]),
)
denoised = vdcore.denoise(repaired, strength=noise)

# %%
# Or smooth by a formula
# ----------------------
#
# `fit` chooses `sigma` and `tau`. The result is a weighted mean with known weights, as
# quantitative measurements need.

best = vdcore.fit(repaired, noise=noise)
smoothed = vdcore.diffuse(repaired, **best.parameters())
print(f"sigma {best.sigma:.2f} pixels, tau {best.tau:.2f} frames")

# %%
# Compare
# -------

for name, frames in (("raw", stack), ("denoised", denoised), ("smoothed", smoothed)):
    error = np.sqrt(np.mean((frames[6:].astype(float) - clean[6:])[:, ~hot] ** 2))
    mean = frames[6:, ~hot].mean() / clean[6:, ~hot].mean() - 1
    print(f"{name:9} error {error:4.0f} counts, mean intensity {mean:+.2%}")

figure, axes = plt.subplots(2, 2, figsize=(7, 5.6), layout="constrained")
for axis, frames, title in zip(
    axes.flat,
    (stack, denoised, smoothed, clean),
    ("raw", "denoised", "smoothed", "clean"),
    strict=True,
):
    axis.imshow(frames[-1], cmap="magma", vmin=400, vmax=2600)
    axis.set_title(title)
    axis.set_axis_off()
