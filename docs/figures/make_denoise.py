# SPDX-License-Identifier: Apache-2.0
"""Draw denoise.jpg, the picture of the README: the last frame of the gallery's phone clip, before and after.

python docs/figures/make_denoise.py
"""

import runpy
from pathlib import Path

import cv2
import matplotlib
import numpy as np

HERE = Path(__file__).parent

matplotlib.use("agg")
example = runpy.run_path(str(HERE.parent / "examples" / "plot_phone_clip.py"))
panels = [example[name][-1] for name in ("video", "result")]
panels = [cv2.resize(panel, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC) for panel in panels]
seam = np.full((panels[0].shape[0], 8, 3), 255, np.uint8)
picture = np.hstack([panels[0], seam, panels[1]])
cv2.imwrite(str(HERE / "denoise.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
