# SPDX-License-Identifier: Apache-2.0
"""The demonstration: its files, its figures, and that filtering helps clearly."""

import cv2
import numpy as np
import pytest

from helpers.videos import read_video
from vdcore.cli import main
from vdcore.tools import demo


@pytest.mark.usefixtures("backend")
def test_demo(tmp_path):
    result = demo.run_demo(tmp_path / "new" / "folder", width=160, height=96, frames=20)
    noisy, filtered = read_video(result.noisy), read_video(result.filtered)
    assert noisy.shape == filtered.shape == (20, 96, 160, 3)
    truth = np.array(list(demo.clean_scene(160, 96, 20)))

    def psnr(frames):
        return 10 * np.log10(255**2 / np.mean((frames.astype(float) - truth) ** 2))

    assert abs(psnr(noisy) - result.psnr_before) < 0.01
    assert abs(psnr(filtered) - result.psnr_after) < 0.01
    assert 21 < result.psnr_before < 24
    assert result.psnr_after > result.psnr_before + 6
    picture = cv2.imread(str(result.picture))
    assert picture.shape == (96, 480, 3)
    np.testing.assert_array_equal(picture[48:, :160], noisy[-1, 48:])
    np.testing.assert_array_equal(picture[48:, 160:320], filtered[-1, 48:])
    assert abs(picture[48:, 320:].mean() - 128) < 10  # hardly more than noise is taken away


def test_demo_on_the_command_line(tmp_path, capsys, monkeypatch):
    made = demo.DemoResult(*(tmp_path / name for name in "abc"), 20.0, 30.0)
    folders = []
    monkeypatch.setattr(demo, "run_demo", lambda folder: folders.append(folder) or made)
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == main(["demo", "there"]) == 0
    assert [folder.name for folder in folders] == ["vdcore-demo", "there"]
    out = capsys.readouterr().out
    assert "20.00 dB" in out and "30.00 dB" in out and "before | after | difference" in out
