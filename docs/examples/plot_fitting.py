# SPDX-License-Identifier: Apache-2.0
"""
Choose sigma and tau from the video
===================================

`fit` finds the parameters of `diffuse` with the smallest squared error: against a clean
reference, or from the noisy video alone.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import vdcore

# %%
# A static camera, and an object of high contrast that moves slowly.

photo = data.coffee()[60:180, 120:300]
moving = data.chelsea()[100:150, 140:220]
clean = np.repeat(photo[None], 10, axis=0)
for index, frame in enumerate(clean):
    frame[60:110, 10 + 3 * index : 90 + 3 * index] = moving
rng = np.random.default_rng(1)
noisy = np.clip(clean + rng.normal(0, 20, clean.shape), 0, 255).round().astype(np.uint8)

# %%
# With the reference, and without
# -------------------------------
#
# The second fit has only the noisy video: it estimates the noise, and from it the error
# (Stein's unbiased risk estimate).

with_reference = vdcore.fit(noisy, clean, max_evaluations=25)
alone = vdcore.fit(noisy, max_evaluations=25)
for name, fit in (("with reference", with_reference), ("noisy video alone", alone)):
    result = vdcore.diffuse(noisy, **fit.parameters())
    level = 10 * np.log10(255**2 / np.mean((result.astype(float) - clean) ** 2))
    print(f"{name:18} sigma {fit.sigma:.2f}, tau {fit.tau:.2f}: {level:.2f} dB")

# %%
# The command that does the same from file to file:

print(alone.command("noisy.mkv", "filtered.mp4"))

# %%
# What was tried
# --------------

trials = alone.trials
sigma = np.maximum([trial.sigma for trial in trials], 0.15)
tau = np.maximum([trial.tau for trial in trials], 0.1)
level = 10 * np.log10(255**2 / np.maximum([trial.error for trial in trials], 1e-9))

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
points = axes.scatter(
    sigma, tau, c=level, cmap="viridis", edgecolors="black", linewidths=0.5, s=60
)
axes.plot(max(alone.sigma, 0.15), max(alone.tau, 0.1), "r*", markersize=16)
axes.set(xscale="log", yscale="log", xlabel="sigma (pixels)", ylabel="tau (frames)")
axes.set_xticks([0.15, 0.5, 1, 2], ["0", "0.5", "1", "2"])
axes.set_yticks([0.1, 0.5, 1, 2, 5], ["0", "0.5", "1", "2", "5"])
axes.minorticks_off()
figure.colorbar(points, label="estimated PSNR (dB)")
