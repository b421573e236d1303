# SPDX-License-Identifier: Apache-2.0
"""Write the README's tables from benchmarks.json; `--check` only says whether they are up to date.

python docs/figures/update_readme.py [--check]
"""

import json
import re
import sys
from pathlib import Path
from statistics import mean

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
DATA = json.loads((HERE / "benchmarks.json").read_text("utf-8"))
QUALITY = "hqdn3d", "atadenoise", "vaguedenoiser", "fftdnoiz", "nlmeans", "OpenCV NLM", "fast", "balanced"
SPEED = (
    "denoise_speed.balanced_nlm_1",
    "denoise_speed.balanced_nlmeans_1",
    "denoise_speed.fast_hqdn3d_1",
    "diffuse.opencv_u8_2",
    "diffuse.opencv_u8_20",
    "diffuse.hqdn3d_2",
    "diffuse.scipy_u8_10",
    "models.bilateral_u8",
    "models.nlm_skimage",
)


def quality() -> str:
    """The mean gain of each filter at each level of noise."""
    names = [f"vdcore `{name}`" if name in ("fast", "balanced") else name for name in QUALITY]
    lines = ["| noise (sd, of 255) | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    rows = DATA["denoise_quality"]["psnr"]
    for level in sorted({row["noise"] for row in rows}):
        gains = [mean(row[name] - row["noisy"] for row in rows if row["noise"] == level) for name in QUALITY]
        cells = [f"{gain:.1f} dB" for gain in gains]
        cells[-1] = f"**{cells[-1]}**"
        lines.append(f"| {level} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speed() -> str:
    """Some of the rows of the benchmarks."""
    lines = ["| work, one thread | compared with | result |", "|---|---|---|"]
    for path in SPEED:
        section, name = path.split(".")
        row = DATA[section]["rows"][name]
        work = f"`denoise`, {row['work']}" if section == "denoise_speed" else row["work"]
        work = f"`diffuse`, {row['work']}" if section == "diffuse" else work
        result = f"{row['faster']:g} x faster" if "faster" in row else f"{row['time']:g} x its time"
        lines.append(f"| {work} | {row['peer']} | {result} |")
    return "\n".join(lines)


def updated(text: str) -> str:
    """The README with its tables as the data has them."""
    for name, table in (("quality", quality()), ("speed", speed())):
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", rf"\g<1>{table}\g<2>", text, flags=re.DOTALL
        )
        assert count == 1, name
    return text


def main() -> int:
    text = README.read_text("utf-8")
    new = updated(text)
    if "--check" in sys.argv[1:]:
        return int(new != text)
    README.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
