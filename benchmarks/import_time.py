# SPDX-License-Identifier: Apache-2.0
"""How long does `import vdcore` take after `import numpy`, and is OpenCV left out?"""

import subprocess
import sys
from statistics import median

from .common.results import Answer, Options, Row

TARGET = 0.1  # seconds
PROGRAM = """
import sys, time
start = time.perf_counter(); import numpy
middle = time.perf_counter(); import vdcore
print(middle - start, time.perf_counter() - middle, "cv2" in sys.modules)
"""


def run(options: Options) -> Answer:
    def measure() -> tuple[float, float, bool]:
        answer = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
        numpy, ours, cv2 = answer.stdout.split()
        return float(numpy), float(ours), cv2 == "True"

    answers = [measure() for _ in range(1 if options.tiny else 9)]
    numpy, ours = (median(answer[index] for answer in answers) for index in (0, 1))
    cv2 = answers[0][2]
    result = f"{ours / numpy:.2g} x on top, {'with' if cv2 else 'no'} OpenCV"
    target = f"less than {TARGET} s on top, no OpenCV"
    return Answer([Row("import vdcore", "import numpy", "", result, target, ours < TARGET and not cv2)])
