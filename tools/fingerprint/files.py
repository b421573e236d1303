# SPDX-License-Identifier: Apache-2.0
"""Files through both backends, and real clips."""

import itertools
import tempfile
import traceback
import zlib
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case
from inputs import shapes, video

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "clips"


def clips(vdcore: Any) -> Iterator[Case]:
    if not CLIPS.is_dir():
        return
    for name in ("foreman_cif_10f.y4m", "visp_mire2_120f_gray.ffv1.mkv", "fall_hlg_1080p10_5f.mov"):
        decoded = itertools.islice(vdcore.video.read_frames(CLIPS / name, backend="pyav"), 5)
        frames = np.stack([frame[:240, :320] for frame in decoded])
        gate = np.ptp(frames) / 40
        model = f"nonlocal_means:strength={gate}"
        for text, run in {
            "diffuse": partial(vdcore.diffuse, sigma=1.5, tau=3),
            "diffuse,sigma=20": partial(vdcore.diffuse, sigma=20, tau=3),
            "flow": partial(vdcore.diffuse, sigma=1, tau=3, motion="flow", gate=gate),
            "nonlocal_means": partial(vdcore.diffuse, sigma=0, tau=3, gate=gate, model=model),
            "fast": partial(vdcore.denoise, preset="fast"),
            "balanced": vdcore.denoise,
            "lookahead": partial(vdcore.denoise, lookahead=2),
            "noise": vdcore.estimate_noise,
        }.items():
            yield f"clips/{name}/{text}", partial(run, frames)


def files(vdcore: Any) -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        yield from files_in(vdcore, Path(folder))


def files_in(vdcore: Any, folder: Path) -> Iterator[Case]:
    inputs: dict[str, tuple[Path, str, dict[str, Any]]] = {}
    for backend, (kind, shape) in itertools.product(("opencv", "pyav"), shapes((8, 96, 128))):
        path = folder / f"{backend}-{kind}.mkv"
        codec = None if backend == "opencv" else "ffv1"
        try:
            vdcore.video.write_frames(path, video(shape, "uint8"), 25, backend=backend, codec=codec)
        except Exception:  # the cases that read the file fail
            traceback.print_exc()
        inputs[path.stem] = path, backend, {}
    np.save(folder / "frames.npy", video((6, 64, 80), "uint16"))
    if CLIPS.is_dir():
        inputs |= {
            f"{name}-{backend}": (CLIPS / name, backend, extra)
            for name, backend, extra in (
                ("foreman_cif_10f.y4m", "pyav", {}),
                ("foreman_qcif_30f_rgb.avi", "pyav", {}),
                ("foreman_qcif_30f_rgb.avi", "opencv", {}),
                ("nasa_13013_rotated.mp4", "pyav", {}),
                ("nasa_13013_rotated.mp4", "opencv", {}),
                ("nasa_vfr.mp4", "pyav", {"time_unit": "seconds", "stop": 1.5}),
                ("fall_hlg_1080p10_5f.mov", "pyav", {"stop": 3}),
                ("damaged/BA_MW_D_P_LOST.264", "pyav", {"stop": 20}),
            )
        }

    def run(verb: str, path: Path, suffix: str, **setting: Any) -> Any:
        out = folder / f"out{suffix}"
        report = getattr(vdcore, f"{verb}_video")(path, out, **setting)
        return decoded(vdcore, out, report.backend), report.frames, report.noise

    for name, (path, backend, extra) in inputs.items():
        seconds = extra.get("time_unit") == "seconds"
        plain = {"sigma": 1.5, "tau": 0.2 if seconds else 3}
        settings: list[tuple[str, str, dict[str, Any]]] = [
            ("diffuse", "plain", plain),
            ("diffuse", "none", {"sigma": 0, "tau": 0}),
            ("denoise", "fast", {"preset": "fast"}),
        ]
        if "1080p" not in name and "damaged" not in name:
            settings += [
                (
                    "diffuse",
                    "region,confidence",
                    plain | {"region": (9, 7, 60, 50), "confidence": (3, 3, 70, 60)},
                ),
                ("diffuse", "flow,gate", plain | {"motion": "flow", "gate": 6.0}),
                ("diffuse", "bilateral", plain | {"model": "bilateral:range_sigma=12", "lookahead": 1}),
                ("diffuse", "raw", plain | {"normalize": False, "gain": 0.05}),
                ("denoise", "balanced", {}),
                (
                    "denoise",
                    "strength,lookahead",
                    {"strength": 5.0, "lookahead": 2, "region": (9, 7, 60, 50)},
                ),
            ]
        codec = {"codec": "ffv1"} if backend == "pyav" else {}
        for verb, text, setting in settings:
            yield (
                f"{verb}_video/{name}/{text}",
                partial(run, verb, path, ".mkv", backend=backend, **setting | extra | codec),
            )
    h264: dict[str, Any] = {"codec": "h264", "quality": 20, "encoder_preset": "fast", "backend": "pyav"}
    usual: dict[str, dict[str, Any]] = {"diffuse": {"sigma": 1.5, "tau": 3}, "denoise": {}}
    for verb, setting in usual.items():
        yield f"{verb}_video/npy", partial(run, verb, folder / "frames.npy", ".npy", **setting)
        yield f"{verb}_video/h264", partial(run, verb, folder / "pyav-colour.mkv", ".mp4", **setting, **h264)
    for kind, shape in shapes((8, 96, 128)):
        yield (
            f"compare/{kind}",
            partial(compare, vdcore, folder / f"opencv-{kind}.mkv", video(shape, "uint8", 0.01)),
        )
        yield f"estimate_noise/file/{kind}", partial(vdcore.estimate_noise, folder / f"opencv-{kind}.mkv")


def compare(vdcore: Any, a: Path, b: np.ndarray) -> Any:
    found = vdcore.compare(a, b)
    return found.psnr, found.ssim, found.mean_psnr, found.mean_ssim, found.worst


def decoded(vdcore: Any, path: Path, backend: str) -> Any:
    """Return the frames of a file, and where PyAV reads it the time stamps and the stored planes."""
    if path.suffix == ".npy":
        return np.load(path)
    frames = np.stack(list(vdcore.video.read_frames(path, backend=backend)))
    if backend != "pyav":
        return frames
    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        stored = [
            (
                float(Fraction(frame.pts or 0) * frame.time_base),
                frame.format.name,
                [bytes(plane) for plane in frame.planes],
            )
            for frame in container.decode(stream)
        ]
    return frames, [(pts, name, [zlib.crc32(plane) for plane in planes]) for pts, name, planes in stored]
