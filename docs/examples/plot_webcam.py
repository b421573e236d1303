# SPDX-License-Identifier: Apache-2.0
"""
Webcam
======

A stream is filtered frame by frame, as it arrives. `Denoiser` returns each result at
once and improves over the first frames, as the past grows.

With a real camera the loop is::

    camera = cv2.VideoCapture(0)
    denoiser = vdcore.Denoiser(preset="fast")
    while (grabbed := camera.read())[0]:
        cv2.imshow("denoised", denoiser(grabbed[1]))
        if cv2.waitKey(1) == 27:
            break
"""

import cv2
import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import vdcore

# %%
# A stand-in for the camera: a portrait that sways gently, with the noise of a small
# sensor.

portrait = cv2.resize(data.astronaut(), (320, 320), interpolation=cv2.INTER_AREA)[
    :240
].astype(np.float32)
rng = np.random.default_rng(1)


def camera(frames=30):
    for index in range(frames):
        matrix = cv2.getRotationMatrix2D((160, 120), 0.8 * np.sin(index / 7), 1.05)
        matrix[:, 2] += 2.5 * np.sin(index / 5), 1.5 * np.cos(index / 9)
        clean = cv2.warpAffine(
            portrait, matrix, (320, 240), borderMode=cv2.BORDER_REFLECT
        )
        noisy = clean + rng.normal(0, 18, clean.shape)
        yield clean, np.clip(noisy, 0, 255).round().astype(np.uint8)


# %%
# The loop
# --------

denoiser = vdcore.Denoiser(preset="fast")
levels = []
for clean, frame in camera():
    result = denoiser(frame)
    levels.append(10 * np.log10(255**2 / np.mean((result - clean) ** 2)))

info = denoiser.info
print(
    f"noise found: {info.noise.sigma.round(1)}, memory: {info.state_bytes / 1e6:.1f} MB"
)

# %%
# The result
# ----------

figure, axes = plt.subplots(
    1, 3, figsize=(7, 2.2), layout="constrained", width_ratios=(1, 1, 1.1)
)
for axis, picture, title in zip(
    axes[:2], (frame, result), ("camera", "denoised"), strict=True
):
    axis.imshow(picture[16:216, 48:288])
    axis.set_title(title)
    axis.set_axis_off()
axes[2].plot(levels, color="#0b6e75")
axes[2].set(xlabel="frame", ylabel="PSNR (dB)", title="settling")
axes[2].spines[["top", "right"]].set_visible(False)
