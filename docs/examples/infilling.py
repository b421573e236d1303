# SPDX-License-Identifier: Apache-2.0
"""In-filling: take burnt-in writing out of a video, by letting the pixels around it spread into its place.

    python infilling.py [FOLDER]

writes marked.mkv, filled.mkv and infilling.png into FOLDER and prints how near the place of the writing comes
to the truth. The filter is normalized convolution: `sources` says which pixels send out information (white in
known.png), `region` where the result is wanted (white in hole.png). The command line does the same:

    vdcore run marked.mkv filled.mkv --sigma 2 --tau 4 --confidence known.png --region hole.png
"""

import sys
import warnings
from pathlib import Path

import cv2
import numpy as np

import vdcore
from vdcore.tools.demo import clean_scene
from vdcore.video import read_frames

WIDTH, HEIGHT, FRAMES = 320, 180, 24


def writing() -> np.ndarray:
    """White where the writing is, (H, W) uint8."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for line, text in enumerate(("12 MAY 1987", "CAMERA 3")):
        cv2.putText(mask, text, (30, 70 + 60 * line), cv2.FONT_HERSHEY_PLAIN, 1.8, 255, 1)
    return np.where(mask > 0, np.uint8(255), np.uint8(0))


def write(path: Path, frames: np.ndarray) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25, (WIDTH, HEIGHT))
    for frame in frames:
        writer.write(frame)
    writer.release()


def main(folder: Path) -> tuple[float, float]:
    folder.mkdir(parents=True, exist_ok=True)
    clean = np.stack(list(clean_scene(WIDTH, HEIGHT, FRAMES)))
    marked = np.where(writing()[..., None] > 0, np.uint8(255), clean)
    hole = cv2.dilate(writing(), np.ones((3, 3)))  # with what the colour coding has mixed with the writing
    write(folder / "marked.mkv", marked)
    cv2.imwrite(str(folder / "hole.png"), hole)
    cv2.imwrite(str(folder / "known.png"), 255 - hole)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the clip has no sound
        vdcore.diffuse_video(
            folder / "marked.mkv", folder / "filled.mkv", sigma=2, tau=4, confidence=255 - hole, region=hole
        )
    filled = np.stack(list(read_frames(folder / "filled.mkv")))[..., ::-1]  # blue, green, red

    def psnr(frames: np.ndarray) -> float:
        error = (frames.astype(float) - clean)[:, hole > 0]
        return float(10 * np.log10(255**2 / np.mean(error**2)))

    before, after = psnr(marked), psnr(filled)
    print(f"in the place of the writing: {before:.1f} dB before, {after:.1f} dB after")
    cv2.imwrite(str(folder / "infilling.png"), np.hstack([marked[-1], filled[-1]]))
    return before, after


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "infilling"))
