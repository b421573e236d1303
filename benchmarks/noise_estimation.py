# SPDX-License-Identifier: Apache-2.0
"""How near does `estimate_noise` come to noise that was added, and to scikit-image's `estimate_sigma`?

The truth is sqrt(added^2 + own^2), own being the noise that the clip had: the median temporal standard
deviation in the flattest tenth of its still blocks.
"""

from itertools import islice
from pathlib import Path

import numpy as np

from vdcore import estimate_noise
from vdcore.video import read_frames

from .clips import REAL_HD, make_clip
from .timing import Row

CLIPS = REAL_HD.parent
CROPS = {  # file: frames, rows, columns
    "flower_720p_300f.264": (20, slice(180, 540), slice(320, 960)),
    "vtest_200f.avi": (16, slice(100, 460), slice(64, 704)),
}
ADDED = (5, 10, 20, 40)
BLOCK = 8
PEER = "skimage.restoration.estimate_sigma"
WORK = "noise added to clips, 5 to 40"


def read_clip(path: Path) -> np.ndarray:
    """The first frames of a clip, (T, H, W, C)."""
    count, rows, columns = CROPS.get(path.name, (30, slice(None), slice(None)))
    frames = np.stack([frame[rows, columns] for frame in islice(read_frames(path), count)])
    return frames.reshape(*frames.shape[:3], -1)


def own_noise(clip: np.ndarray) -> np.ndarray:
    """Standard deviation per channel that still, flat areas have in time; 0 where there are none."""
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


def add_noise(clip: np.ndarray, sigma: float) -> np.ndarray:
    """White Gaussian noise, clipped and rounded to 8 bits."""
    rng = np.random.default_rng(1)
    noisy = (np.clip(frame + rng.normal(0, sigma, frame.shape), 0, 255).round() for frame in clip)
    return np.stack([frame.astype(np.uint8) for frame in noisy])


def theirs(frames: np.ndarray) -> np.ndarray:
    """Mean of scikit-image's estimates over the frames, per channel."""
    from skimage.restoration import estimate_sigma

    return np.mean([estimate_sigma(f, channel_axis=-1, average_sigmas=False) for f in frames], axis=0)


def run(tiny: bool, folder: Path) -> list[Row]:
    runs_on = "RGB or grey, 8 bits"
    if tiny:
        paths = [make_clip(folder / "noise.avi", (48, 64), 4)]
    elif not CLIPS.is_dir():
        return [Row(WORK, "the noise added", runs_on, "no clips found", "median at most 5 %")]
    else:
        paths = sorted(path for path in CLIPS.iterdir() if path.is_file() and path.suffix != ".md")
    ours, peer = [], []
    missing = None
    for path in paths:
        clip = read_clip(path)
        own = own_noise(clip)
        for added in ADDED:
            noisy, truth = add_noise(clip, added), np.hypot(added, own)
            ours.append(np.abs(estimate_noise(noisy).sigma / truth - 1))
            line = f"{path.name} {added}: {100 * ours[-1].max():.1f} % off"
            try:
                if missing is None:
                    peer.append(np.abs(theirs(noisy) / truth - 1))
                    line += f", {PEER} {100 * peer[-1].max():.0f} %"
            except ImportError as error:  # scikit-image needs PyWavelets for this
                missing = f"{'PyWavelets' if 'PyWavelets' in str(error) else 'scikit-image'} is not installed"
            print(line, flush=True)

    errors = np.concatenate(ours)
    rows = [
        Row(WORK, "the noise added", runs_on, f"{name} {100 * error:.2g} % off", f"at most {most} %", met)
        for name, error, most in (("median", np.median(errors), 5), ("worst", errors.max(), 15))
        for met in (None if tiny else bool(error <= most / 100),)
    ]
    wanted = "closer in 90 %"
    if missing:
        return [*rows, Row(WORK, PEER, runs_on, missing, wanted)]
    closer = float(np.mean(errors <= np.concatenate(peer)))
    met = None if tiny else closer >= 0.9
    return [*rows, Row(WORK, PEER, runs_on, f"closer in {100 * closer:.0f} %", wanted, met)]
