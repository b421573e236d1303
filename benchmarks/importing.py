# SPDX-License-Identifier: Apache-2.0
"""What does `import vdcore` cost beyond `import numpy`, and does it leave OpenCV alone?"""

import subprocess
import sys
from pathlib import Path
from statistics import median

from .timing import Row

SECONDS = 0.1
PROGRAM = """
import sys, time
start = time.perf_counter(); import numpy
middle = time.perf_counter(); import vdcore
print(middle - start, time.perf_counter() - middle, "cv2" in sys.modules)
"""


def run(tiny: bool, folder: Path) -> list[Row]:
    def measure() -> tuple[float, float, bool]:
        answer = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
        numpy, ours, cv2 = answer.stdout.split()
        return float(numpy), float(ours), cv2 == "True"

    answers = [measure() for _ in range(1 if tiny else 9)]
    numpy, ours = (median(answer[index] for answer in answers) for index in (0, 1))
    cv2 = answers[0][2]
    return [
        Row(
            "import vdcore",
            "import numpy",
            "",
            f"{ours / numpy:.2g} x on top, {'with' if cv2 else 'no'} cv2",
            f"less than {SECONDS} s on top, no cv2",
            ours < SECONDS and not cv2,
        )
    ]
