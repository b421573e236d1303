# SPDX-License-Identifier: Apache-2.0
"""
Phone clip at night
===================

A handheld clip in poor light: the camera shakes, and the sensor's noise is strong, grainy
and stronger in bright areas than in dark ones. `denoise` needs no settings.

For a file, this whole recipe is one line::

    vdcore denoise night.mp4 clean.mp4
"""

import cv2
import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import vdcore

# %%
# A synthetic clip, so that the clean original is known
# -----------------------------------------------------
#
# A photograph seen by a shaking camera, with photon and read noise that is slightly
# smoothed, as in-camera processing does.

rng = np.random.default_rng(1)
photo = data.coffee().astype(np.float32) * 0.6
path = np.cumsum(rng.normal(0, 0.8, (24, 2)), axis=0)


def camera(shift):
    matrix = np.array([[1.04, 0, -12 - shift[0]], [0, 1.04, -8 - shift[1]]])
    return cv2.warpAffine(photo, matrix, (480, 320), flags=cv2.INTER_CUBIC)


clean = np.stack([camera(shift) for shift in path])
noise = rng.normal(size=clean.shape).astype(np.float32) * np.sqrt(60 + 2.5 * clean)
noise = np.stack([1.3 * cv2.GaussianBlur(frame, (0, 0), 0.5) for frame in noise])
video = np.clip(clean + noise, 0, 255).round().astype(np.uint8)

# %%
# Denoise
# -------

result = vdcore.denoise(video)

# %%
# Compare
# -------
#
# The last frame, and a detail of it.


def psnr(frames):
    return 10 * np.log10(255**2 / np.mean((frames[-1] - clean[-1]) ** 2))


figure, axes = plt.subplots(2, 3, figsize=(7, 3.6), layout="constrained")
titles = f"before: {psnr(video):.1f} dB", f"after: {psnr(result):.1f} dB", "clean"
for column, (frames, title) in enumerate(
    zip((video, result, clean.clip(0, 255).astype(np.uint8)), titles, strict=True)
):
    axes[0, column].imshow(frames[-1])
    axes[0, column].set_title(title)
    axes[1, column].imshow(frames[-1][90:210, 180:360])
for axis in axes.flat:
    axis.set_axis_off()

# %%
# Use ``lookahead=2`` to reduce the grain that remains in slow pans, and ``preset="fast"``
# to halve the time.

print(f"{psnr(video):.1f} dB before, {psnr(result):.1f} dB after")
