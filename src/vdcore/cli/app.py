# SPDX-License-Identifier: Apache-2.0
"""The command ``vdcore``: words on top of the functions.

Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

import vdcore

INTERRUPTED = 130
_VIDEOS = (
    ".264 .265 .3gp .avi .flv .h264 .hevc .ivf .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .nut .ogv .ts"
    " .vob .webm .wmv .y4m"
).split()  # what counts in a folder
_SHOWN = "width height channels fps frames codec pixel_format bits rotation backend".split()
_USER_ERRORS = (OSError, ValueError, OverflowError, MemoryError, ImportError)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; every error is one line on stderr."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _show_warning
            return commands.main(arguments, prog_name="vdcore", standalone_mode=False) or 0
    except click.ClickException as error:
        text = error.format_message()
        click.echo(text if "\n" in text else f"Error: {text}", err=True)  # the help, if no command was given
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted", err=True)
        return INTERRUPTED
    except _USER_ERRORS as error:
        click.echo(f"Error: {_one_line(error)}", err=True)
        return 1


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {message}", err=True)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _sigma(_: click.Context, __: click.Parameter, text: str | None) -> float | tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor two with a comma between.") from None
    return numbers[0] if len(numbers) == 1 else numbers


def _strength(_: click.Context, __: click.Parameter, text: str) -> float | str:
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor auto.") from None


def _region(
    _: click.Context, __: click.Parameter, text: str | None
) -> tuple[int, ...] | npt.NDArray[Any] | None:
    if text is None:
        return None
    try:
        numbers = tuple(map(int, text.split(",")))
    except ValueError:
        return _read_mask(Path(text))
    if len(numbers) != 4:
        raise click.BadParameter(f"{text!r} is not x,y,width,height.")
    return numbers


def _read_mask(path: Path) -> npt.NDArray[Any]:
    import cv2

    if not path.is_file():
        raise click.BadParameter(f"{str(path)!r} is neither x,y,width,height nor a picture file.")
    data = np.fromfile(path, np.uint8)  # cv2.imread prints to stderr and knows not every path on Windows
    mask = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if mask is None:
        raise click.BadParameter(f"{str(path)!r} is not a picture that OpenCV can read.")
    return mask


def _file_options(command: Any) -> Any:
    """The arguments and options of every command that writes videos; the options are the last in its help."""
    options = (
        click.argument("paths", nargs=-1, required=True, metavar="IN... [OUT]"),
        click.option("--out-dir", metavar="FOLDER", type=click.Path(path_type=Path),
                     help="Where the results of all IN go, under the same names; made if need be."),
        click.option("--suffix", metavar=".SUFFIX", help="With --out-dir: container of the results."),
        click.option("--codec", metavar="NAME",
                     help="Such as h264, hevc, av1, vp9, prores, ffv1 or lossless; by default that of IN if"
                          " there is an encoder. With OpenCV a four-character code, by OUT's suffix."),
        click.option("--quality", metavar="Q|lossless", callback=_quality,
                     help="CRF of h264 (18), hevc, av1, vp9; quantizer of mpeg4, mjpeg. Less is better."
                          " With OpenCV 1 to 100 for --codec MJPG, more is better."),
        click.option("--encoder-preset", metavar="NAME", help="The encoder's trade of speed for size."),
        click.option("--bitrate", type=int, metavar="BITS", help="Bits per second, instead of a quality."),
        click.option("--fps", type=float,
                     help="Frames per second of what does not say: pictures, .npy and .tif."),
        click.option("--backend", type=click.Choice(["auto", "opencv", "pyav"]), default="auto",
                     show_default=True, help="What decodes and encodes; auto is PyAV where it is installed."),
        click.option("--threads", type=int,
                     help="Threads of the filter; by default those that the codecs leave."),
        click.option("--progress/--no-progress", default=None,
                     help="Progress bar; by default on a terminal."),
        click.option("--quiet", is_flag=True, help="Print errors only."),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _quality(_: click.Context, __: click.Parameter, text: str | None) -> int | str | None:
    if text is None or text == "lossless":
        return text
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a whole number nor lossless.") from None


Work = Callable[..., vdcore.VideoReport]


def _process(
    work: Work,
    paths: tuple[str, ...],
    out_dir: Path | None,
    suffix: str | None,
    progress: bool | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Do the work on one file or, with a folder for the results, on many; return the exit code."""
    progress = not quiet and (sys.stderr.isatty() if progress is None else progress)
    if out_dir is None:
        if len(paths) != 2:
            raise click.UsageError(
                f"IN and OUT must be given, or --out-dir and any number of IN, got {' '.join(paths)}"
            )
        if suffix is not None:
            raise click.UsageError("--suffix is for --out-dir")
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
        except _USER_ERRORS as error:
            done.append((source, None, _one_line(error)))
            click.echo(f"Error: {source}: {_one_line(error)}", err=True)
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
            return {name: getattr(value, name).tolist() for name in ("sigma", "gain", "offset")}
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
        sigma = ", ".join(f"{sigma:.3g}" for sigma in report.noise.sigma)
        lines += f"\nnoise: {sigma}{'' if report.noise.sigma.any() else ' (frames are as they were)'}"
    return lines


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(vdcore.__version__, prog_name="vdcore")
def commands() -> None:
    """Spatio-temporal diffusion filtering of videos, and noise removal."""


@commands.command()
@click.option(
    "--sigma",
    required=True,
    callback=_sigma,
    metavar="S|SY,SX",
    help="Spatial standard deviation in pixels; 0 = none.",
)
@click.option("--tau", type=float, required=True, help="Time constant; 0 = no memory, inf = running mean.")
@click.option("--time-unit", type=click.Choice(["frames", "seconds"]), default="frames", show_default=True,
              help="Unit of --tau, --start and --stop.")  # fmt: skip
@click.option("--model", default="gaussian", show_default=True, metavar="NAME[:KEY=VALUE,...]",
              help=f"What decides how far a sample counts: {', '.join(vdcore.models.MODELS)}.")  # fmt: skip
@click.option("--lookahead", type=int, default=0, show_default=True, help="Future frames that count too.")
@click.option(
    "--region",
    callback=_region,
    metavar="X,Y,W,H|PICTURE",
    help="Where frames are changed; white in a picture is fully.",
)
@click.option(
    "--sources",
    callback=_region,
    metavar="X,Y,W,H|PICTURE",
    help="Which pixels send out information, in the same forms.",
)
@click.option("--start", type=float, help="First frame or second to filter.")
@click.option("--stop", type=float, help="First frame or second that is left alone again.")
@click.option("--boundary", type=click.Choice(["renormalize", "reflect", "nearest", "constant"]),
              default="renormalize", show_default=True, help="What lies beyond the edges.")  # fmt: skip
@click.option("--cval", type=float, default=0.0, show_default=True, help="Value for --boundary constant.")
@click.option("--truncate", type=float, default=4.0, show_default=True, help="Kernel radius in sigmas.")
@click.option("--fill", type=float, help="Value where no source reaches; the frame's own by default.")
@click.option("--tolerance", type=float, help="Allowed error before rounding, fraction of the range.")
@click.option("--dither", type=click.Choice(["ordered"]), help="Against banding of strong smoothing.")
@click.option("--motion", type=click.Choice(["flow"]), help="Follow the content along the optical flow.")
@click.option("--gate", type=float, metavar="NOISE",
              help="Noise (sd); the past fades where it differs by more.")  # fmt: skip
@click.option("--raw", is_flag=True, help="Sums as the formula has them, not weighted means; needs --gain.")
@click.option("--gain", type=float, help="What the sums of --raw are multiplied by.")
@_file_options
def run(raw: bool, encoder_preset: str | None, **options: Any) -> int:
    """Filter the video IN and write it to OUT, or many into a folder.

    IN is a file, "-" (YUV4MPEG), rtsp://..., frame_%04d.png, a camera's number, .npy or .tif. OUT is a file,
    whose suffix names the container, "-" or frame_%04d.png. With --out-dir, a folder among IN stands for the
    videos in it; a bad file does not stop the others.

    \b
    Examples:
      vdcore run in.mp4 out.mp4 --sigma 1.5 --tau 3
      vdcore run in.mov out.mkv --sigma 1 --tau 0.1 --time-unit seconds --codec lossless
      vdcore run *.mp4 --out-dir filtered/ --sigma 1 --tau 2
      ffmpeg -i in.mp4 -f yuv4mpegpipe - | vdcore run - - --sigma 1 --tau 2 | ffmpeg -i - out.mp4
    """
    return _process(vdcore.diffuse_video, normalize=not raw, preset=encoder_preset, **options)


@commands.command()
@click.option(
    "--strength",
    default="auto",
    show_default=True,
    callback=_strength,
    metavar="auto|S",
    help="Standard deviation of the noise, of 255; 0 = no change.",
)
@click.option("--preset", type=click.Choice(["fast", "balanced"]), default="balanced", show_default=True,
              help="Speed or quality.")  # fmt: skip
@click.option("--motion", type=click.Choice(["flow", "none"]), default="flow", show_default=True,
              help="What the past is moved along.")  # fmt: skip
@click.option("--lookahead", type=int, default=0, show_default=True, help="Future frames that count too.")
@click.option(
    "--region",
    callback=_region,
    metavar="X,Y,W,H|PICTURE",
    help="Where frames are changed; white in a picture is fully.",
)
@click.option("--start", type=float, help="First frame or second to filter.")
@click.option("--stop", type=float, help="First frame or second that is left alone again.")
@click.option("--time-unit", type=click.Choice(["frames", "seconds"]), default="frames", show_default=True,
              help="Unit of --start and --stop.")  # fmt: skip
@_file_options
def denoise(motion: str, **options: Any) -> int:
    """Remove the noise of the video IN and write it to OUT, or that of many into a folder.

    IN and OUT are those of `vdcore run`.

    \b
    Examples:
      vdcore denoise in.mp4 out.mp4
      vdcore denoise in.mp4 out.mkv --preset fast --lookahead 2 --codec lossless
      vdcore denoise holiday/ --out-dir clean/ --suffix .mkv
    """
    return _process(vdcore.denoise_video, motion=None if motion == "none" else motion, **options)


@commands.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option("--reference", metavar="CLEAN", type=click.Path(path_type=Path),
              help="The same video without noise; else the error is estimated.")  # fmt: skip
@click.option("--out", metavar="OUT", type=click.Path(path_type=Path), default="out.mp4", show_default=True,
              help="What the command that is printed writes.")  # fmt: skip
@click.option("--sigma", callback=_sigma, metavar="S|SY,SX", help="Hold sigma fixed.")
@click.option("--tau", type=float, help="Hold tau fixed.")
@click.option("--noise", type=float, help="Standard deviation of the noise; estimated by default.")
@click.option("--time-unit", type=click.Choice(["frames", "seconds"]), default="frames", show_default=True,
              help="Unit of tau.")  # fmt: skip
@click.option("--lookahead", type=int, default=0, show_default=True, help="Future frames that count too.")
@click.option("--max-evaluations", type=int, default=40, show_default=True, help="Settings to try.")
@click.option("--seed", type=int, default=0, show_default=True, help="For what is random.")
@click.option("--threads", type=int, help="Threads of the filter.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), help="Draw what was tried.")
@click.option("--table", is_flag=True, help="List what was tried.")
def fit(source: Path, out: Path, plot: Path | None, table: bool, **options: Any) -> None:
    """Find the sigma and tau that suit the video IN, and print the command that uses them."""
    from vdcore.tools.fitting import fit as fit_parameters

    result = fit_parameters(source, **options)
    if table:
        click.echo(result.table())
    if result.noise is not None:
        click.echo(f"noise: {', '.join(f'{sigma:.3g}' for sigma in result.noise.sigma)}")
    sigma = result.sigma if isinstance(result.sigma, tuple) else (result.sigma,)
    click.echo(f"sigma: {', '.join(f'{part:.4g}' for part in sigma)} pixels")
    click.echo(f"tau: {result.tau:.4g} {result.time_unit}")
    how = "estimated" if options["reference"] is None else "measured"
    click.echo(f"error: {result.error:.4g}, PSNR {result.psnr:.2f} dB ({how} over {result.frames} frames)")
    if plot is not None:
        result.plot(plot)
        click.echo(f"{plot}: what was tried")
    click.echo(result.command(source, out))


@commands.command()
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option("--out", metavar="PNG", type=click.Path(path_type=Path),
              help="Write a sheet: before, after, difference; PSNR and SSIM over the frames.")  # fmt: skip
@click.option("--video", metavar="FILE", type=click.Path(path_type=Path),
              help="Write a clip (.avi, .mkv, .mov, .mp4 or .webm): left half A, right half B.")  # fmt: skip
@click.option("--rows", type=int, default=4, show_default=True, help="Frames on the sheet, 1 to 32.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with lists over the frames.")
@click.option("--quiet", is_flag=True, help="No summary and no progress bar.")
def compare(
    a: Path, b: Path, out: Path | None, video: Path | None, rows: int, as_json: bool, quiet: bool
) -> None:
    """Compare the videos A and B, before and after, frame by frame: PSNR and SSIM.

    \b
    vdcore compare in.mp4 out.mkv
    vdcore compare in.mp4 out.mkv --out sheet.png --rows 6
    vdcore compare in.mp4 out.mkv --video split.mp4
    vdcore compare in.mp4 out.mkv --json > frames.json

    In JSON the PSNR of identical frames, which is infinite, is null.
    """
    progress = not quiet and sys.stderr.isatty()
    result = vdcore.compare(a, b, out=out, video=video, rows=rows, progress=progress)
    if as_json:
        click.echo(json.dumps({"a": str(a), "b": str(b), **result.to_dict()}, allow_nan=False))
    elif not quiet:
        click.echo(result.summary())
        for path, what in ((out, "the sheet"), (video, "the split screen")):
            if path is not None:
                click.echo(f"{path}: {what}")


@commands.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def info(file: Path | None) -> None:
    """Show how vdcore was built or, with FILE, what a video holds."""
    if file is None:
        for name, value in vdcore.build_info().items():
            click.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
        return
    from vdcore.video import is_cut_short
    from vdcore.video.opening import open_reader

    with closing(open_reader(file)) as reader:
        video, losses = reader.info, reader.losses()
    for name in _SHOWN:
        value = getattr(video, name)
        click.echo(f"{name}: {'unknown' if value in (None, '') else value}")
    for kind, count in (video.other_streams or {}).items():
        click.echo(f"{kind} streams: {count}")
    click.echo(f"cut short: {'yes' if is_cut_short(video.path) else 'no'}")
    for loss in losses:
        click.echo(f"not kept: {loss}")


@commands.command()
@click.argument("folder", default="vdcore-demo", type=click.Path(path_type=Path))
def demo(folder: Path) -> None:
    """Make a noisy clip, filter it, and show what that brings, in FOLDER."""
    from vdcore.tools.demo import run_demo

    result = run_demo(folder)
    click.echo(f"{result.noisy}: PSNR {result.psnr_before:.2f} dB")
    click.echo(f"{result.filtered}: PSNR {result.psnr_after:.2f} dB")
    click.echo(f"{result.picture}: before | after | difference")
