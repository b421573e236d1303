# SPDX-License-Identifier: Apache-2.0
"""Noise as footage has it: what the automatic setting makes of it, compared with tuned settings.

python -m benchmarks.denoise realistic                                       # usual clips, everything
python -m benchmarks.denoise realistic CLIP... --kinds bayer jpeg --parts noise
python -m benchmarks.denoise realistic --write-reference reference.json      # once, also with another version
python -m benchmarks.denoise realistic --reference reference.json            # quick from then on

A CLIP is FILE, FILE[frames=16,rows=100:460,columns=64:704], or the name of a usual one: foreman, mobile,
flower or vtest. The other questions about the denoiser are those of `python -m benchmarks denoise`.
"""

import argparse
from pathlib import Path

from ..__main__ import report
from ..common.clips import CLIPS
from ..common.results import Options
from . import realistic
from .footage import CROPS
from .kinds import KINDS, MORE


def main(arguments: list[str] | None = None) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.denoise", description=__doc__, formatter_class=raw
    )
    parser.add_argument("question", choices=["realistic"])
    parser.add_argument("clips", nargs="*", metavar="CLIP", help="clean videos to add noise to")
    names = {"nargs": "+", "default": []}
    parser.add_argument("--kinds", choices=[*KINDS, *MORE], help="kinds of noise [the first ten]", **names)
    parser.add_argument("--parts", choices=realistic.PARTS, help="parts of the answer [all]", **names)
    parser.add_argument("--reference", type=Path, help="take the tuned results from this file")
    parser.add_argument("--write-reference", type=Path, help="add the tuned results to this file")
    parser.add_argument("--tiny", action="store_true", help="run once on tiny inputs")
    given = parser.parse_args(arguments)
    usual = {crop.split("_")[0]: str(CLIPS / crop) for crop in CROPS}
    options = Options(
        tiny=given.tiny,
        clips=[usual.get(clip, clip) for clip in given.clips],
        kinds=tuple(given.kinds),
        parts=tuple(given.parts),
        reference=given.reference,
        write_reference=given.write_reference,
    )
    print(report({"denoise.realistic": realistic.run(options)}, tiny=options.tiny))


if __name__ == "__main__":
    main()
