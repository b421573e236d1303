# SPDX-License-Identifier: Apache-2.0
"""Smoke test of an installed wheel: ``python smoke.py``, from anywhere but the root of the source tree.

Needs NumPy alone, so it runs where opencv-python has no wheels (musl, free-threaded Python).
"""

import pickle
import sys
import threading
from pathlib import Path

import numpy as np

import vdcore


def recursion(frames, tau):
    """Return the linear model without spatial spreading, in float64."""
    weight, total, decay = 0.0, 0.0, np.exp(-1 / tau)
    for frame in frames:
        weight, total = decay * weight + 1, decay * total + frame
        yield total / weight


def main():
    package, include = Path(vdcore.__file__).parent, Path(vdcore.get_include())
    assert "src" not in package.parts, f"not the installed package: {package}"
    assert "cv2" not in sys.modules, "import vdcore imported cv2"
    for header in ("vdcore.h", "vdcore_capi.h"):
        assert (include / "vdcore" / header).is_file(), header
    for name in ("py.typed", "_core.pyi", "_core.pxd", "__init__.pxd"):
        assert (package / name).is_file(), name
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        print("the GIL is off")

    info = vdcore.build_info()
    print(info)
    assert info["version"] == vdcore.__version__
    assert info["openmp"], "built without OpenMP"

    frames = np.random.default_rng(1).integers(0, 256, (9, 48, 64, 3), dtype=np.uint8)
    expected = np.array(list(recursion(frames.astype(float), 3)))
    result = vdcore.diffuse(frames, 0, 3)
    assert result.dtype == np.uint8
    assert np.abs(result - expected).max() <= 0.5 + 0.255
    assert np.abs(vdcore.diffuse(frames / 255, 0, 3) - expected / 255).max() <= 1e-12

    whole = vdcore.diffuse(frames, 2, 3)
    outputs = [None] * 4

    def work(i):
        diffuser = vdcore.Diffuser(2, 3, threads=2)
        first = [diffuser(frame) for frame in frames[:4]]
        diffuser = pickle.loads(pickle.dumps(diffuser))
        outputs[i] = np.array(first + [diffuser(frame) for frame in frames[4:]])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(outputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(whole, output) for output in outputs)
    print("ok")


if __name__ == "__main__":
    main()
