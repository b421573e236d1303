# SPDX-License-Identifier: Apache-2.0
"""Every benchmark still runs: all of them once, on tiny inputs."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks are for POSIX systems")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--output", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_table_has_a_row_for_every_question_of_speed(results):
    table = (results / "speed.md").read_text()
    for expected in (
        "uint8, sigma 2 | cv2.GaussianBlur",
        "uint8, sigma 10 | cv2.GaussianBlur",
        "uint8, sigma 20 | cv2.GaussianBlur",
        "float32, sigma 2 | cv2.GaussianBlur",
        "| ffmpeg hqdn3d",
        "| scipy.ndimage.gaussian_filter",
        "| itself at sigma 2",
        "| one thread",
        "1080p BGR uint8, sigma 2, 10, 20 | streaming pass",
        "4K BGR float32, sigma 2, 10, 20, tolerance 0.001 | streaming pass",
        "| the same pipeline with a pass-through",
        "| import numpy",
        "| cv2.bilateralFilter",
        "| ffmpeg nlmeans",
        "| scikit-image denoise_nl_means",
        "Perona-Malik, 640x360 colour float32, sigma 2 | the same equation in NumPy",
        "1080p, 100,000 sources, sigma 4, float64 | NumPy loop",
        "1080p, 100,000 sources, sigma 4, float32 | NumPy loop",
        "| one pass over the field",
        "| a fine grid search",
        "| fitted with the clean reference",
        "| skimage.restoration.estimate_sigma",
    ):
        assert expected in table
    widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
    assert widths == {7}


@pytest.mark.parametrize("name", ["sigma", "size", "threads"])
def test_plots_are_pictures(results, name):
    assert (results / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_every_question_is_asked(benchmarks):
    asked = set(benchmarks("__main__").QUESTIONS)
    files = {
        path.stem for path in (REPOSITORY / "benchmarks").glob("*.py") if "\ndef run(" in path.read_text()
    }
    assert asked == files


def test_missing_peers_are_named(benchmarks, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    (row,) = benchmarks("against_hqdn3d").run(True, tmp_path)
    assert (row.reached, row.met) == ("no ffmpeg program found", None)
    for row in benchmarks("against_scipy").run(True, tmp_path):
        assert (row.reached, row.met) == ("SciPy is not installed", None)


def test_streaming_pass_moves_the_state_and_writes_it(benchmarks):
    yardstick = benchmarks("yardstick")
    for dtype in (np.uint8, np.uint16, np.float32):
        frame = np.full(100, 8, dtype)
        out = np.zeros_like(frame)
        step = yardstick.streaming_pass(frame, out)
        frame[:] = 16
        step()
        assert (out == 8 + yardstick.GAIN * 8).all()


def test_unknown_question_is_refused(benchmarks, capsys):
    with pytest.raises(SystemExit):
        benchmarks("__main__").main(["nonsense"])
    assert "nonsense" in capsys.readouterr().err


@pytest.fixture(scope="module")
def denoising(tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoising")
    command = [sys.executable, "-m", "benchmarks.denoise", "--tiny", "--output", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_denoising_has_every_table(denoising):
    report = (denoising / "denoise.md").read_text()
    for expected in (
        "`balanced` | the best peer",
        "`fast` | the better of hqdn3d and atadenoise",
        "squared error on moving pixels, `balanced` | itself without time",
        "PSNR after a hard cut",
        "dark flat areas, `balanced`",
        "steepest 2 % of the pixels, `fast`",
        "| cv2.fastNlMeansDenoisingColoredMulti",
        "| ffmpeg nlmeans",
        "| ffmpeg hqdn3d",
        "## Quality",
        "SSIM",
        "## Moving pixels",
        "## Hard cut",
        "## Real noise",
        "memory, 40x24 colour, 16 frames, `balanced`, lookahead 2 | 4 frames",
        "| cv2.bilateralFilter",
    ):
        assert expected in report
    assert not re.search(r"\bnan\b", report)


def test_denoising_tables_without_peers(benchmarks):
    quality, footage = benchmarks("denoise.quality"), benchmarks("denoise.footage")
    case = quality.compare(footage.made_clip((32, 40), 4), 20, [], None)
    assert "nan" not in quality.to_tables([case])
    assert {row.reached for row in quality.verdicts([case], tiny=False)} == {"no peer installed"}


@pytest.mark.parametrize("name", ["curves", "crops", "real"])
def test_denoising_draws_pictures(denoising, name):
    assert (denoising / f"denoise_{name}.png").read_bytes().startswith(b"\x89PNG")


def test_psnr_and_ssim_are_those_of_scikit_image(benchmarks):
    from skimage import metrics

    measures, rng = benchmarks("denoise.measures"), np.random.default_rng(1)
    clean = rng.integers(0, 256, (3, 24, 32, 3), dtype=np.uint8)
    noisy = np.clip(clean + rng.normal(0, [[[[9]]], [[[20]]], [[[40]]]], clean.shape), 0, 255).astype(
        np.uint8
    )
    pairs = list(zip(clean, noisy, strict=True))
    wanted = np.mean([metrics.peak_signal_noise_ratio(*pair) for pair in pairs])
    assert measures.psnr(clean, noisy) == pytest.approx(wanted, abs=1e-9)
    wanted = np.mean([metrics.structural_similarity(*pair, channel_axis=2) for pair in pairs])
    assert measures.ssim(clean, noisy) == pytest.approx(wanted, abs=1e-9)


def test_measures_of_motion_and_of_real_noise(benchmarks):
    measures, footage = benchmarks("denoise.measures"), benchmarks("denoise.footage")
    camera = footage.camera_clip((96, 160), 12).frames  # noise 2
    for blocks in measures.flat_blocks(camera):
        assert measures.temporal_deviation(camera, blocks) == pytest.approx(2.0, rel=0.05)
    assert not (measures.flat_blocks(camera)[1][:, :, 5:]).any()  # the bright side
    soft = np.stack([(f.astype(int) + np.roll(f, 1, 1)) // 2 for f in camera])
    assert measures.edge_contrast(camera, camera) == 1
    assert measures.edge_contrast(camera, soft) < 0.9

    clean = np.full((3, 24, 40, 3), 50, np.uint8)
    clean[1, :, 20:] += 10
    assert (measures.change(clean)[:, :, 30:] > 9).all() and (measures.change(clean)[:, :, :10] < 1).all()
    where = np.zeros((3, 24, 40), bool)
    where[2, 3, 4] = True
    one, other = clean + 40, clean + 1
    one[2, 3, 4] = 53
    other[2, 3, 4] = 56
    assert measures.error_ratio(clean, one, other, where) == 0.25


def test_each_denoising_peer_takes_noise_away(benchmarks):
    clean = benchmarks("denoise.footage").made_clip((64, 96), 5).frames
    noisy = benchmarks("noise_estimation").add_noise(clean, 20)
    psnr = benchmarks("denoise.measures").psnr
    for peer in benchmarks("denoise.peers").installed_peers():
        for setting in peer.settings:
            result = peer.denoise(noisy, 20, setting)
            assert psnr(clean, result) > psnr(clean, noisy) + 0.5, (peer.name, setting)


def test_denoising_without_ffmpeg(benchmarks, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [peer.name for peer in benchmarks("denoise.peers").installed_peers()] == ["OpenCV NLM"]
    times = {"balanced": 1.0, "fast": 0.5, "OpenCV NLM": 30.0}
    rows = benchmarks("denoise.speed").comparisons(times, 1)
    assert [row.met for row in rows] == [True, None, None]
    assert rows[2].reached == "no ffmpeg program found"


def test_clips_are_cut_as_asked(benchmarks, tmp_path):
    footage = benchmarks("denoise.footage")
    path = benchmarks("clips").make_clip(tmp_path / "clip.avi", (48, 64), 6)
    whole = footage.read_clip(str(path)).frames
    assert whole.shape == (6, 48, 64, 3)
    part = footage.read_clip(f"{path}[frames=1:5,rows=8:24,columns=30]").frames
    assert np.array_equal(part, whole[1:5, 8:24, :30])
    for wrong in ("[lines=3]", "[frames=3:6]", "[frames"):
        with pytest.raises(ValueError, match="clip"):
            footage.read_clip(f"{path}{wrong}")
