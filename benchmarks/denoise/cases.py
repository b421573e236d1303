# SPDX-License-Identifier: Apache-2.0
"""What the automatic setting must get right beside the kinds of noise."""

from collections.abc import Sequence

import numpy as np

import vdcore

from ..common.results import Row
from . import details
from .footage import Clip
from .kinds import Bytes, add_kind, from_planes, planar, to_bytes, to_planes
from .measures import psnr
from .ours import PRESETS, denoised
from .scenes import drawn, slide, texture

PRESET = "balanced"
CLOSE = -0.2  # dB, where one result must be as good as another
QUIET, LOUD = 3.0, 20.0  # noise before and after a change


def rows(clips: Sequence[Clip], *, tiny: bool) -> list[Row]:
    """Return a line for every case; the first clip stands for a natural one."""
    clip = clips[0].frames
    size = (48, 64) if tiny else (180, 320)
    small, count = ((24, 48), 10) if tiny else ((96, 128), 100)
    found = []
    for name, cases in {
        "untouched": lambda: untouched(drawn(size, 4 if tiny else 20)),
        "still scene": lambda: details.still_scene(clip[0], tiny=tiny),
        "faint detail": lambda: details.faint_detail(small, count),
        "ghosts": lambda: details.ghosts(small, count),
        "changes": lambda: changes(clip, (3,) if tiny else (6, 200), 6 if tiny else 48),
        "parts": lambda: parts(clip),
        "planes": lambda: planes(clip),
        "means": lambda: means(count),
        "impulses": lambda: impulses(clip),
        "dead pixel": lambda: dead_pixel(small, 4 if tiny else 30),
        "first frames": lambda: first_frames(clips),
    }.items():
        found += cases()
        print(f"cases: {name}", flush=True)
    return found


def close(work: str, peer: str, level: float, other: float, least: float = CLOSE) -> Row:
    """Return a line that compares two PSNRs."""
    gain = level - other
    return Row(
        work, f"{peer}: {other:.2f} dB", "", f"{level:.2f} dB", f"at least {least:+.1f} dB", gain >= least
    )


def streamed(frames: Bytes, strength: str | float = "auto") -> Bytes:
    """Return the frames from a stream, which does not see the later ones."""
    denoiser = vdcore.Denoiser(strength, preset=PRESET)
    return np.stack([denoiser(frame) for frame in frames])


def back_and_forth(frames: Bytes, count: int) -> Bytes:
    """Return `count` frames that run through the clip forwards and backwards."""
    period = np.concatenate([frames, frames[-2:0:-1]])
    return period[np.arange(count) % len(period)]


def untouched(videos: dict[str, Bytes]) -> list[Row]:
    """Material without noise: the share of the samples that change, and by how much."""
    found = []
    for name, video in videos.items():
        for preset in PRESETS:
            change = np.abs(denoised(video, preset).astype(int) - video)
            same, largest = np.mean(change == 0), change.max()
            result = f"{100 * same:.2f} % of the samples unchanged, others by at most {largest}"
            met = bool(same > 0.999 and largest <= 1)
            found.append(Row(f"{name}, `{preset}`", "input", "", result, "over 99.9 %, at most 1", met))
    return found


def changes(clip: Bytes, before: Sequence[int], after: int) -> list[Row]:
    """Noise that grows at once: the tenth frame after that and later ones, compared with a new stream."""
    found = []
    for count in before:
        clean = back_and_forth(clip, count + after)
        sigma = np.where(np.arange(len(clean)) < count, QUIET, LOUD)[:, None, None, None]
        noisy = to_bytes(clean + sigma * np.random.default_rng(5).normal(0, 1, clean.shape))
        settled = slice(count + min(10, after // 2), None)
        level = psnr(clean[settled], streamed(noisy)[settled])
        alone = streamed(noisy[count:])[settled.start - count :]
        work = f"noise {QUIET:g} for {count} frames, then {LOUD:g}"
        found.append(close(work, "as if alone", level, psnr(clean[settled], alone)))
    return found


def parts(clip: Bytes) -> list[Row]:
    """Noise in about half of the picture, the rest still: the noisy part, compared with that part alone."""
    count, height, width = clip.shape[:3]
    noisy, _ = add_kind("white-10", clip)
    alone = psnr(clip, denoised(noisy, PRESET))
    around = {
        "black bars": np.zeros((2 * height, width, 3), np.uint8),
        "a still desktop": slide((height * 3 // 2, width * 3 // 2)),
    }
    found = []
    for name, picture in around.items():
        top, left = (
            (outer - inner) // 2 for outer, inner in zip(picture.shape, (height, width), strict=False)
        )
        video = np.stack([picture] * count)
        inside = np.s_[:, top : top + height, left : left + width]
        video[inside] = noisy
        level = psnr(clip, denoised(video, PRESET)[inside])
        share = 100 * height * width / (picture.shape[0] * picture.shape[1])
        found.append(close(f"{name} around {share:.0f} % of noisy picture", "that part alone", level, alone))
    return found


def planes(clip: Bytes) -> list[Row]:
    """Noise on the planes of 4:2:0: as RGB, compared with each plane denoised alone before it becomes RGB."""
    height = clip.shape[1]
    noisy = to_planes(to_bytes(planar(clip.astype(np.float64), np.random.default_rng(6), 8.0)))
    level = psnr(clip, denoised(from_planes(noisy), PRESET))
    luma, chroma = noisy[:, :height], noisy[:, height:]
    # a chroma plane of half the width takes half a row of the packed picture
    halves = chroma.reshape(len(clip), 2, height // 2, -1)
    denoised_halves = np.stack([denoised(np.ascontiguousarray(halves[:, i]), PRESET) for i in (0, 1)], axis=1)
    result = np.concatenate(
        [denoised(np.ascontiguousarray(luma), PRESET), denoised_halves.reshape(chroma.shape)], axis=1
    )
    return [close("4:2:0 noise as RGB", "planes", level, psnr(clip, from_planes(result)))]


def means(count: int) -> list[Row]:
    """Dark and quantized samples: the mean of the output.

    Right is the expected value before clipping, the mean of the input, or anything between them.
    """
    rng = np.random.default_rng(7)
    shape = (count, 64, 80)
    ramp = np.broadcast_to(np.linspace(0, 20, shape[2]), shape)
    counts = rng.poisson(0.3, shape)
    dark = to_bytes(ramp + np.sqrt(ramp + 4) * rng.normal(0, 1, shape))
    gaussian = rng.normal(2, 4, shape).clip(0, None).round().astype(np.uint16)
    bands = np.array_split(np.arange(shape[2]), 10)
    cases = {
        "ramp from 0 to 20 of variance v + 4, uint8": (
            dark,
            [(b, float(ramp[..., b].mean())) for b in bands],
        ),
        "Poisson(0.3) x 12, uint8": ((counts * 12).astype(np.uint8), [(np.s_[:], 3.6)]),
        "Poisson(0.3) x 100, uint16": ((counts * 100).astype(np.uint16), [(np.s_[:], 30.0)]),
        "Gaussian of 2 and 4, clipped, uint16": (gaussian, [(np.s_[:], 2.0)]),
    }
    found = []
    for name, (noisy, columns) in cases.items():
        result = denoised(noisy, PRESET)
        worst = (-1.0, "")
        for where, expected in columns:
            before, after = float(noisy[..., where].mean()), float(result[..., where].mean())
            low, high = sorted((expected, before))
            off = max(low - after, after - high, 0.0) / max(0.05, 0.01 * expected)
            worst = max(worst, (off, f"{expected:.2f} (input {before:.2f}) becomes {after:.2f}"))
        work, target = f"mean kept, {name}", "within 1 % or 0.05"
        found.append(Row(work, "expected value", "", worst[1], target, worst[0] <= 1))
    return found


def impulses(clip: Bytes) -> list[Row]:
    """White noise and 0.5 % of the pixels black or white: the share of those that stay visible."""
    noisy, _ = add_kind("white-10", clip)
    rng = np.random.default_rng(8)
    hit = rng.random(clip.shape[:3]) < 0.005
    noisy[hit] = 255 * rng.integers(0, 2, (np.count_nonzero(hit), 1))
    error, left = (
        np.abs(frames[hit].astype(int) - clip[hit]).max(-1) for frames in (noisy, denoised(noisy, PRESET))
    )
    clear = error > 60
    stay = float(np.mean(left[clear] > error[clear] / 2))
    return [Row("0.5 % impulses", "input", "", f"{100 * stay:.0f} % stay", "at most 1 %", stay <= 0.01)]


def dead_pixel(size: tuple[int, int], count: int) -> list[Row]:
    """A static white pixel in a panning clip of 14 bits in uint16: what is left of it, and the rest."""
    height, width = size
    wide = texture((height, width + 2 * count))
    clean = np.stack([wide[:, 2 * t : 2 * t + width] for t in range(count)])
    noise = np.random.default_rng(9).normal(0, 5, clean.shape)
    noisy = ((clean + noise) * 64).clip(0, 16383).round().astype(np.uint16)
    dead = noisy.copy()
    at = np.s_[:, height // 2, width // 2]
    dead[at] = 16383
    results = [denoised(each, PRESET) / 64 for each in (dead, noisy)]
    left = np.abs(results[0][at] - clean[at]).mean() / np.abs(dead[at] / 64 - clean[at]).mean()
    for result in results:
        result[at] = clean[at]
    work = "a dead pixel, 14 bits, panning"
    kept = Row(work, "input", "", f"{100 * left:.0f} % of it left", "at most 10 %", bool(left <= 0.1))
    return [kept, close(f"{work}, all other pixels", "without it", *(psnr(clean, r) for r in results), -0.1)]


def first_frames(clips: Sequence[Clip]) -> list[Row]:
    """A stream at its start, after black and after a cut: three frames, with the noise given or not."""
    clip, other = clips[0].frames, clips[-1].frames
    height, width = np.minimum(clip.shape[1:3], other.shape[1:3])
    clip, other = clip[:, :height, :width], other[:, :height, :width]
    noisy, before = (add_kind("white", frames)[0] for frames in (clip, other))
    starts = {
        "of a stream": noisy[:0],
        "after black ones": np.zeros_like(noisy[:4]),
        "after a cut": before[-8:],
    }
    found = []
    for name, earlier in starts.items():
        frames, at = np.concatenate([earlier, noisy[:3]]), slice(len(earlier), None)
        levels = [psnr(clip[:3], streamed(frames, strength)[at]) for strength in ("auto", 20.0)]
        found.append(close(f"first three frames {name}", "with the noise given", *levels, -1.0))
    return found
