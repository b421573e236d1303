# SPDX-License-Identifier: Apache-2.0
r"""
Remove burnt-in text
====================

A date stamp in an old recording: the pixels under it are missing, and the pixels around
them, in space and in time, fill them in. `confidence` says which pixels count, `region`
where the result is wanted.

On the command line, with two pictures as masks::

    vdcore run marked.mkv filled.mkv --sigma 2 --tau 4 \
        --confidence known.png --region hole.png
"""

import cv2
import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import vdcore

# %%
# A slow pan over a cat, with text burnt in.

cat = data.chelsea()
clean = np.stack([cat[40:260, 20 + index : 400 + index] for index in range(12)])

text = np.zeros(clean.shape[1:3], np.uint8)
for line, words in enumerate(("12 MAY 1987", "CAMERA 3")):
    cv2.putText(text, words, (16, 34 + 28 * line), cv2.FONT_HERSHEY_PLAIN, 1.6, 255, 1)
hole = text > 0
marked = np.where(hole[..., None], np.uint8(255), clean)

# %%
# The mask is one pixel wider than the letters, since resampling and compression smear
# them.

hole = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3))) > 0
filled = vdcore.diffuse(marked, sigma=2, tau=4, confidence=~hole, region=hole)


def psnr(frames):
    return 10 * np.log10(
        255**2 / np.mean((frames[-1].astype(float) - clean[-1])[hole] ** 2)
    )


print(f"under the text: {psnr(marked):.1f} dB before, {psnr(filled):.1f} dB after")

figure, axes = plt.subplots(1, 2, figsize=(7, 2.3), layout="constrained")
for axis, frames, title in zip(axes, (marked, filled), ("marked", "filled"), strict=True):
    axis.imshow(frames[-1])
    axis.set_title(title)
    axis.set_axis_off()
