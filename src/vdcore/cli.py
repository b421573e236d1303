# SPDX-License-Identifier: Apache-2.0
"""The command ``vdcore``: words on top of the functions.

Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

import vdcore

INTERRUPTED = 130
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


def _codec_options(command: Any) -> Any:
    """The options of every command that writes a video, last in its help."""
    options = (
        click.option("--codec", metavar="FOURCC",
                     help="Such as XVID, mp4v, FFV1, VP90, MJPG; else by OUT's suffix."),
        click.option("--quality", type=int, help="1 to 100, for --codec MJPG."),
        click.option("--backend", type=click.Choice(["auto", "opencv"]), default="auto", show_default=True,
                     help="What decodes and encodes."),
        click.option("--threads", type=int,
                     help="Threads of the filter; by default those that the codecs leave."),
        click.option("--progress/--no-progress", default=None,
                     help="Progress bar; by default on a terminal."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _summary(target: Path, report: vdcore.VideoReport) -> str:
    early = " (the input ended early)" if report.ended_early else ""
    return (
        f"{target}: {report.frames} frames{early},"
        f" {report.width}x{report.height}, {report.fps:.6g} fps, {report.codec};"
        f" {report.seconds:.2f} s (decode {report.decode_seconds:.2f}, filter {report.filter_seconds:.2f},"
        f" encode {report.encode_seconds:.2f})"
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(vdcore.__version__, prog_name="vdcore")
def commands() -> None:
    """Spatio-temporal diffusion filtering of videos, and noise removal."""


@commands.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
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
@_codec_options
def run(source: Path, target: Path, raw: bool, progress: bool | None, **options: Any) -> None:
    """Filter the video IN and write it to OUT (.avi, .mkv, .mov, .mp4 or .webm)."""
    if progress is None:
        progress = sys.stderr.isatty()
    report = vdcore.diffuse_video(source, target, normalize=not raw, progress=progress, **options)
    click.echo(_summary(target, report))


@commands.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
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
@_codec_options
def denoise(source: Path, target: Path, motion: str, progress: bool | None, **options: Any) -> None:
    """Remove the noise of the video IN and write it to OUT (.avi, .mkv, .mov, .mp4 or .webm)."""
    if progress is None:
        progress = sys.stderr.isatty()
    along: Any = None if motion == "none" else motion
    report = vdcore.denoise_video(source, target, motion=along, progress=progress, **options)
    click.echo(_summary(target, report))
    if report.noise is not None:
        sigma = ", ".join(f"{sigma:.3g}" for sigma in report.noise.sigma)
        click.echo(f"noise: {sigma}{'' if report.noise.sigma.any() else ' (frames are as they were)'}")


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
    from vdcore.fitting import fit as fit_parameters

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
@click.argument("file", required=False, type=click.Path(path_type=Path))
def info(file: Path | None) -> None:
    """Show how vdcore was built or, with FILE, what a video holds."""
    if file is None:
        for name, value in vdcore.build_info().items():
            click.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
        return
    from vdcore.video import is_cut_short, read_info

    video = read_info(file)
    for name in ("width", "height", "channels", "fps", "frames", "codec", "bits", "rotation"):
        value = getattr(video, name)
        click.echo(f"{name}: {'unknown' if value in (None, '') else value}")
    click.echo(f"cut short: {'yes' if is_cut_short(video.path) else 'no'}")
    for loss in video.losses():
        click.echo(f"not kept: {loss}")


@commands.command()
@click.argument("folder", default="vdcore-demo", type=click.Path(path_type=Path))
def demo(folder: Path) -> None:
    """Make a noisy clip, filter it, and show what that brings, in FOLDER."""
    from vdcore.demo import run_demo

    result = run_demo(folder)
    click.echo(f"{result.noisy}: PSNR {result.psnr_before:.2f} dB")
    click.echo(f"{result.filtered}: PSNR {result.psnr_after:.2f} dB")
    click.echo(f"{result.picture}: before | after | difference")


if __name__ == "__main__":
    sys.exit(main())
