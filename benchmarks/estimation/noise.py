# SPDX-License-Identifier: Apache-2.0
"""How accurate is `estimate_noise` on added noise, also compared with scikit-image's `estimate_sigma`?

The reference is sqrt(added^2 + own^2), where own is the noise of the clip itself: the median temporal
standard deviation of the flattest tenth of its static blocks.
"""

from itertools import islice
from pathlib import Path

import numpy as np

import vdcore
from vdcore.video import read_frames

from ..common.clips import CLIPS, add_noise, make_clip
from ..common.results import Answer, Options, Row, rounded

CROPS = {  # file: frames, rows, columns
    "flower_720p_300f.264": (20, slice(180, 540), slice(320, 960)),
    "vtest_200f.avi": (16, slice(100, 460), slice(64, 704)),
}
ADDED = (5, 10, 20, 40)
BLOCK = 8
TARGETS = {"median": 5, "worst": 15}  # percent
PEER = "scikit-image estimate_sigma"
WORK = "noise added to clips, 5 to 40"


def read_clip(path: Path) -> np.ndarray:
    """Return the first frames of a clip, (T, H, W, C)."""
    count, rows, columns = CROPS.get(path.name, (30, slice(None), slice(None)))
    frames = np.stack(
        [frame[rows, columns] for frame in islice(read_frames(path, backend="opencv"), count)]
    )  # 8 bits
    return frames.reshape(*frames.shape[:3], -1)


def own_noise(clip: np.ndarray) -> np.ndarray:
    """Return the temporal standard deviation of static flat areas, per channel; 0 where there are none."""
    count, height, width, channels = clip.shape
    rows, columns = height // BLOCK, width // BLOCK
    pairs = clip[:, : rows * BLOCK, : columns * BLOCK].astype(np.float32)
    pairs = pairs.reshape(count, rows, BLOCK, columns, BLOCK, channels)
    change, mean = np.diff(pairs, axis=0), (pairs[1:] + pairs[:-1]) / 2
    level, slopes = mean.mean((2, 4)), mean.var((2, 4)).mean(-1)
    still = (np.abs(change.mean((2, 4))) < 1) & (level > 8) & (level < 247)
    still = still.all(-1)
    if np.count_nonzero(still) < 20:
        return np.zeros(channels)
    flat = still & (slopes <= np.quantile(slopes[still], 0.1))
    return np.sqrt(np.median(np.square(change).mean((2, 4))[flat] / 2, axis=0))


def theirs(frames: np.ndarray) -> np.ndarray:
    """Return the mean of scikit-image's estimates over the frames, per channel."""
    from skimage.restoration import estimate_sigma

    return np.mean([estimate_sigma(f, channel_axis=-1, average_sigmas=False) for f in frames], axis=0)


def run(options: Options) -> Answer:
    runs_on = "RGB or grey, 8 bits"
    if options.tiny:
        paths = [make_clip(options.folder / "noise.avi", (48, 64), 4)]
    elif not CLIPS.is_dir():
        return Answer([Row(WORK, "the noise added", runs_on, "no clips found", "median at most 5 %")])
    else:
        paths = sorted(path for path in CLIPS.iterdir() if path.is_file() and path.suffix != ".md")
    ours, peer = [], []
    missing = None
    for path in paths:
        clip = read_clip(path)
        own = own_noise(clip)
        for added in ADDED:
            noisy, truth = add_noise(clip, added), np.hypot(added, own)
            ours.append(np.abs(vdcore.estimate_noise(noisy).sigma / truth - 1))
            line = f"{path.name} {added}: {100 * ours[-1].max():.1f} % off"
            try:
                if missing is None:
                    peer.append(np.abs(theirs(noisy) / truth - 1))
                    line += f", {PEER} {100 * peer[-1].max():.0f} %"
            except ImportError as error:  # scikit-image needs PyWavelets for this
                missing = f"{'PyWavelets' if 'PyWavelets' in str(error) else 'scikit-image'} is not installed"
            print(line, flush=True)

    errors = np.concatenate(ours)
    off = {"median": float(100 * np.median(errors)), "worst": float(100 * errors.max())}
    rows = [
        Row(
            WORK,
            "the noise added",
            runs_on,
            f"{name} {off[name]:.2g} % off",
            f"at most {target} %",
            off[name] <= target,
        )
        for name, target in TARGETS.items()
    ]
    figures = {f"estimation.noise_{name}_percent": float(f"{percent:.2g}") for name, percent in off.items()}
    wanted = "closer in 90 %"
    if missing:
        return Answer([*rows, Row(WORK, PEER, runs_on, missing, wanted)], figures=figures)
    closer = rounded(100 * float(np.mean(errors <= np.concatenate(peer))))
    rows.append(Row(WORK, PEER, runs_on, f"closer in {closer:.0f} %", wanted, closer >= 90))
    return Answer(rows, figures=figures | {"estimation.noise_closer_percent": round(closer)})
