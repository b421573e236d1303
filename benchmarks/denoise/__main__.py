# SPDX-License-Identifier: Apache-2.0
"""Compare the denoiser and the models with those of others; write denoise.md, the curves and the crops."""

import argparse
from pathlib import Path
from time import perf_counter

from .. import bilateral, nonlocal_means, perona_malik
from ..timing import Row, machine, to_markdown
from .footage import NOISES, clean_clips, real_clips
from .memory import memory
from .motion import hard_cuts, moving_pixels
from .ours import PRESETS, denoised
from .peers import installed_peers
from .pictures import crops_of, plot_curves, real_crops, show_crops
from .quality import compare, to_tables, verdicts
from .real import real_noise
from .speed import speed

TABLES = ("quality", "motion", "real", "speed", "models", "memory")
QUICK = 2  # settings of each peer


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.denoise", description=__doc__)
    parser.add_argument(
        "clips",
        nargs="*",
        metavar="CLIP",
        help="clean videos to add noise to, FILE or FILE[frames=16,rows=100:460,columns=64:704]"
        " [four of ../shared/clips, else made ones]",
    )
    parser.add_argument(
        "--real",
        nargs="+",
        default=[],
        metavar="CLIP",
        help="videos with noise of their own [two of ../shared/clips]",
    )
    parser.add_argument("--noise", nargs="+", type=int, default=NOISES, help="standard deviations [10 20 40]")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES, help="which [all]")
    parser.add_argument("--quick", action="store_true", help=f"try only {QUICK} settings of each peer")
    parser.add_argument("--tiny", action="store_true", help="run everything once on tiny inputs")
    parser.add_argument("--output", type=Path, default="results", help="folder for the results [results]")
    options = parser.parse_args(arguments)
    tiny = options.tiny

    options.output.mkdir(parents=True, exist_ok=True)
    clips = clean_clips(options.clips, tiny=tiny)
    sections: list[str] = []
    rows: list[Row] = []
    cases = []
    start = perf_counter()

    def done(name: str) -> None:
        print(f"{name}: {perf_counter() - start:.0f} s", flush=True)

    if "quality" in options.tables:
        peers, tries = installed_peers(), QUICK if options.quick or tiny else None
        for clip in clips:
            for noise in options.noise:
                cases.append(compare(clip, noise, peers, tries))
                done(f"quality, {clip.name}, noise {noise}")
        sections.append(f"## Quality\n\n{to_tables(cases)}")
        rows += verdicts(cases, tiny=tiny)
        middle = sorted(options.noise)[len(options.noise) // 2]
        crops = {f"{c.clip.name}, noise {c.noise}": crops_of(c) for c in cases if c.noise == middle}
        show_crops(options.output / "denoise_crops.png", crops)
    if "motion" in options.tables:
        for title, table in ("Moving pixels", moving_pixels), ("Hard cut", hard_cuts):
            text, more = table(clips, options.noise, tiny=tiny)
            sections.append(f"## {title}\n\n{text}")
            rows += more
            done(title)
    if "real" in options.tables:
        real = real_clips(options.real, tiny=tiny)
        results = [(clip, {preset: denoised(clip.frames, preset) for preset in PRESETS}) for clip in real]
        text, more = real_noise(results, tiny=tiny)
        crops = {clip.name: real_crops(clip, frames) for clip, frames in results}
        show_crops(options.output / "denoise_real.png", crops)
        sections.append(f"## Real noise\n\n{text}")
        rows += more
        done("real noise")
    if "speed" in options.tables:
        taken, more = speed(tiny=tiny)
        rows += more
        if cases:
            plot_curves(options.output / "denoise_curves.png", cases, taken)
        done("speed")
    if "models" in options.tables:
        for question in bilateral, nonlocal_means, perona_malik:
            rows += question.run(tiny, options.output)
        done("models")
    if "memory" in options.tables:
        rows += memory(tiny=tiny)
        done("memory")

    how = "Tiny inputs, once: no figure means anything." if tiny else "Times: medians of interleaved runs."
    text = "\n".join((f"# Denoising\n\n{machine()}\n\n{how}\n", to_markdown(rows), *sections))
    (options.output / "denoise.md").write_text(text)
    print(f"\n{text}")


if __name__ == "__main__":
    main()
