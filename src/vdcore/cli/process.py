# SPDX-License-Identifier: Apache-2.0
"""Run a filter on one file or on many."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import vdcore
from vdcore.denoiser import FACTORS, Automatic
from vdcore.noise import noise_values

from .errors import USER_ERRORS, in_options, one_line

_VIDEOS = (
    ".264 .265 .3gp .avi .flv .h264 .hevc .ivf .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .npy .nut .ogv"
    " .tif .tiff .ts .vob .webm .wmv .y4m"
).split()  # inputs taken from a folder
Work = Callable[..., vdcore.VideoReport]


def process(
    work: Work,
    paths: tuple[str, ...],
    out_dir: Path | None,
    suffix: str | None,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Process one file or, with `out_dir`, many; return the exit code."""
    progress = not quiet and (sys.stderr.isatty() if progress is None else progress)
    if out_dir is None:
        if len(paths) != 2:
            raise click.UsageError(f"give IN and OUT, or --out-dir and one or more IN, got {' '.join(paths)}")
        if suffix is not None:
            raise click.UsageError("--suffix needs --out-dir")
        source, target = paths
        with _warnings(quiet):
            report = work(_source(source), target, progress=progress, **options)
        if as_json:
            click.echo(json.dumps(_as_json(report), indent=2), err=target == "-")
        elif not quiet:
            click.echo(_summary(target, report), err=target == "-")
        return 0
    out_dir.mkdir(parents=True, exist_ok=True)
    sources = [source for path in paths for source in _files(path)]
    targets = [out_dir / Path(source).with_suffix(suffix or Path(source).suffix).name for source in sources]
    done: list[tuple[str, vdcore.VideoReport | None, str]] = []
    for source, place in zip(sources, targets, strict=True):
        if not quiet and progress:
            click.echo(source, err=True)
        try:
            if targets.count(place) > 1:
                raise ValueError(f"another input has the same name {place.name}")
            with _warnings(quiet):
                done.append((source, work(_source(source), place, progress=progress, **options), ""))
        except USER_ERRORS as error:
            done.append((source, None, one_line(error)))
            click.echo(f"Error: {source}: {one_line(error)}", err=True)
    if as_json:
        entries = [{"input": s, **(_as_json(r) if r else {"error": e})} for s, r, e in done]
        click.echo(json.dumps(entries, indent=2))
    elif not quiet:
        click.echo(_table(done))
    return 1 if any(error for *_, error in done) else 0


def _source(text: str) -> str | int:
    """A camera's number, unless there is a file of that name."""
    return int(text) if text.isdigit() and not Path(text).exists() else text


def _files(path: str) -> list[str]:
    """The videos in a folder, or the file itself."""
    folder = Path(path)
    if not folder.is_dir():
        return [path]
    return [str(f) for f in sorted(folder.iterdir()) if f.suffix.lower() in _VIDEOS and f.is_file()]


def _table(done: list[tuple[str, vdcore.VideoReport | None, str]]) -> str:
    """One line for each file."""
    rows = [("file", "frames", "seconds", "result")]
    for source, report, error in done:
        if report is None:
            rows.append((source, "", "", f"failed: {error}"))
            continue
        notes = "; ".join(report.warnings)
        rows.append((source, f"{report.frames}", f"{report.seconds:.2f}", notes or str(report.path)))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}" for a, b, c, d in rows]
    failed = sum(report is None for _, report, _ in done)
    return "\n".join([*lines, f"{len(done) - failed} of {len(done)} done"])


def _as_json(report: vdcore.VideoReport) -> dict[str, Any]:
    """A report as plain values."""

    def plain(value: Any) -> Any:
        if isinstance(value, vdcore.NoiseEstimate):
            return {"description": value.describe(), **noise_values(value)}
        return str(value) if isinstance(value, Path) else value

    return {name: plain(value) for name, value in vars(report).items()}


@contextmanager
def _warnings(quiet: bool) -> Iterator[None]:
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore", UserWarning)
        yield


def _summary(target: str, report: vdcore.VideoReport) -> str:
    early = " (the input ended early)" if report.ended_early else ""
    lines = (
        f"{target}: {report.frames} frames{early},"
        f" {report.width}x{report.height}, {report.fps:.6g} fps, {report.codec};"
        f" {report.seconds:.2f} s (decode {report.decode_seconds:.2f}, filter {report.filter_seconds:.2f},"
        f" encode {report.encode_seconds:.2f})"
    )
    if report.noise is not None:
        lines += f"\n{_noise_text(report.noise, report.strength)}"
    if report.hint:
        lines += f"\nHint: {in_options(report.hint)}"
    return lines


def _noise_text(noise: vdcore.NoiseEstimate, strength: Automatic | None) -> str:
    """The noise that was found or given, in words."""
    levels = ", ".join(f"{sigma:.3g}" for sigma in noise.sigma)
    if strength is None:
        unchanged = "" if noise.sigma.any() else "; frames are unchanged"
        return f"noise as given: {levels} (standard deviation, 8-bit units{unchanged})"
    if not noise.sigma.any():
        return f"{noise.describe()}; frames are unchanged"
    factor = "" if FACTORS[strength] == 1 else f"; {strength} removes {FACTORS[strength]:g} times that"
    return f"found: {noise.describe()} (standard deviation {levels}, 8-bit units{factor})"
