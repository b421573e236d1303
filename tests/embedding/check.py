# SPDX-License-Identifier: Apache-2.0
"""``python check.py MODULE``: the extension gives the same bits as Python, also from several threads."""

import importlib
import sys
import threading
from pathlib import Path

import numpy as np

import vdcore

sys.path.insert(0, str(Path.cwd()))


def expected(frames, sigma, tau):
    diffuser = vdcore.Diffuser(sigma, tau)
    return np.stack([diffuser(frame) for frame in frames])


def main(name):
    assert Path(sys.prefix) in Path(vdcore.__file__).parents, f"not the installed wheel: {vdcore.__file__}"
    module = importlib.import_module(name)
    frames = np.random.default_rng(1).integers(0, 256, (6, 45, 58, 3), dtype=np.uint8)
    views = {
        "contiguous": frames,
        "strided": frames[:, ::2, 1::3],
        "backwards": frames[:, ::-1, ::-1, ::-1],
        "planar": np.ascontiguousarray(np.moveaxis(frames, -1, 1)).transpose(0, 2, 3, 1),
        "read-only": np.frombuffer(frames.tobytes(), np.uint8).reshape(frames.shape),
    }
    for layout, view in views.items():
        out = np.zeros((*view.shape[:3], 5), np.uint8)[..., 4:1:-1]
        module.diffuse(view, out, 1.7, 3.0)
        assert np.array_equal(out, expected(view, 1.7, 3.0)), layout

    large = np.random.default_rng(2).integers(0, 256, (8, 400, 500, 3), dtype=np.uint8)
    outs = np.zeros((2, *large.shape), np.uint8)
    threads = [threading.Thread(target=module.diffuse, args=(large, out, 2.5, 4.0)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(outs[0], outs[1])
    assert np.array_equal(outs[0], expected(large, 2.5, 4.0))

    ticks, done = 0, threading.Event()

    def work():
        module.diffuse(large, outs[0], 2.5, 4.0)
        done.set()

    threading.Thread(target=work).start()
    while not done.is_set():
        ticks += 1
    assert ticks > 1000, f"the GIL was held: {ticks} rounds in the meantime"

    try:
        module.diffuse(frames, outs[0][:, :3, :4], -1.0, 3.0)
    except (ValueError, RuntimeError) as error:
        assert "parameter" in str(error)
    else:
        raise AssertionError("a negative sigma was taken")


if __name__ == "__main__":
    main(sys.argv[1])
    print("ok")
