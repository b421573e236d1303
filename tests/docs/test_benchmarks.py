# SPDX-License-Identifier: Apache-2.0
"""Every benchmark still runs: all of them once, on tiny inputs."""

import json
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
def tiny(benchmarks, tmp_path):
    return benchmarks("common.results").Options(tiny=True, folder=tmp_path)


def test_report_answers_every_question(results):
    report = (results / "report.md").read_text()
    for expected in (
        "8-bit BGR, sigma 2 | OpenCV: GaussianBlur",
        "8-bit BGR, sigma 20 | OpenCV: GaussianBlur",
        "float32 BGR, sigma 2 | OpenCV: GaussianBlur",
        "4:2:0, sigma 2 | ffmpeg hqdn3d",
        "4:2:0, sigma 2 | SciPy: gaussian_filter",
        "| itself at sigma 2",
        "threads | itself on one thread",
        "1080p uint8 BGR, sigma 2, 10, 20, tolerance 0.001 | streaming pass",
        "4K float32 BGR, sigma 2, 10, 20, tolerance 0.001 | streaming pass",
        "| the same pipeline without a filter",
        "| import numpy",
        "| OpenCV bilateralFilter",
        "Non-local means, 8-bit 640x360, grey | ffmpeg nlmeans",
        "Non-local means, 8-bit 640x360, colour | scikit-image denoise_nl_means",
        "Perona-Malik, float32 colour 640x360, sigma 2 | the same equation in NumPy",
        "100,000 sources on 1080p, sigma 4, float64 | NumPy loop",
        "| one pass over the field",
        "| the best of a fine grid",
        "| fitted with a clean reference",
        "| scikit-image estimate_sigma",
        "`balanced` | the best peer",
        "`fast` | the better of hqdn3d and atadenoise",
        "squared error on moving pixels, `balanced` | itself without time",
        "PSNR after a hard cut",
        "dark flat areas, `balanced`",
        "steepest 2 % of the pixels, `fast`",
        "| OpenCV fastNlMeansDenoisingColoredMulti",
        "`fast`, 640x360 colour | ffmpeg hqdn3d",
        "SSIM",
        "memory, 40x24 colour, 16 frames, `balanced`, lookahead 2 | 4 frames",
        "PSNR, realistic noise | the best fixed strength",
        "estimate of the noise, share of low frequencies | what was added",
        "first three frames of a stream | with the noise given",
    ):
        assert expected in report, expected
    assert not re.search(r"\bnan\b", report)
    assert not re.search(r"\| (yes|\*\*no\*\*) \|", report)  # tiny inputs meet no target


@pytest.mark.parametrize("name", ["sigma", "size", "threads", "denoise_crops", "denoise_real"])
def test_plots_are_pictures(results, name):
    assert (results / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_every_question_is_asked(benchmarks):
    folder = REPOSITORY / "benchmarks"
    files = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if "\ndef run(options: Options)" in path.read_text("utf-8")
    }
    assert set(benchmarks("__main__").QUESTIONS) == files


def test_a_folder_stands_for_its_questions(benchmarks):
    chosen = benchmarks("__main__").chosen
    assert chosen(["files", "models.bilateral"]) == [
        "models.bilateral",
        "files.opencv",
        "files.pyav",
        "files.memory",
    ]
    assert chosen([]) == list(benchmarks("__main__").QUESTIONS)


def test_figures_have_the_places_of_the_published_ones(results):
    """What is measured can be published: no published figure is without a measurement that renews it."""
    measured = json.loads((results / "benchmarks.json").read_text("utf-8"))
    published = json.loads((REPOSITORY / "docs" / "figures" / "benchmarks.json").read_text("utf-8"))

    def places(data, depth=3):
        if not isinstance(data, dict) or not depth:
            return {""}
        return {f"{key}.{place}" for key, each in data.items() for place in places(each, depth - 1)}

    skipped = ("command.", "real_noise.rows.")  # of a clip that tiny runs leave out
    peers = "models.rows.pm_sitk", "models.rows.pm_diplib", "estimation.noise_closer"  # maybe not installed
    missing = {
        place
        for place in places(published) - places(measured)
        if not any(part in place for part in skipped) and not place.startswith(peers)
    }
    assert not missing


def test_publishing_renews_what_was_measured_and_keeps_the_rest(benchmarks, tmp_path):
    results, path = benchmarks("common.results"), tmp_path / "benchmarks.json"
    path.write_text(
        json.dumps({"machine": "old", "a": {"command": "c", "rows": {"x": {"faster": 1}, "y": 2}}})
    )
    row = results.Row.faster("a.x", "work", "peer", "", 3.14159, 2)
    results.publish(results.figures({"q": results.Answer([row])}, "new"), path)
    assert json.loads(path.read_text()) == {
        "machine": "new",
        "a": {
            "command": "c",
            "rows": {"x": {"work": "work", "peer": "peer", "faster": 3.1, "target": 2}, "y": 2},
        },
    }


def test_missing_peers_are_named(benchmarks, monkeypatch, tmp_path, tiny):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    (row,) = benchmarks("diffuse.hqdn3d").run(tiny).rows
    assert (row.result, row.met) == ("no ffmpeg program found", None)
    for row in benchmarks("diffuse.scipy").run(tiny).rows:
        assert (row.result, row.met) == ("SciPy is not installed", None)


def test_streaming_pass_moves_the_state_and_writes_it(benchmarks):
    module = benchmarks("common.streaming_pass")
    for dtype in (np.uint8, np.uint16, np.float32):
        frame = np.full(100, 8, dtype)
        out = np.zeros_like(frame)
        step = module.streaming_pass(frame, out)
        frame[:] = 16
        step()
        assert (out == 8 + module.GAIN * 8).all()


@pytest.mark.parametrize("arguments", [["nonsense"], ["--publish", "--tiny"]])
def test_wrong_arguments_are_refused(benchmarks, capsys, arguments):
    with pytest.raises(SystemExit):
        benchmarks("__main__").main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_quality_without_peers(benchmarks):
    quality, footage = benchmarks("denoise.quality"), benchmarks("denoise.footage")
    case = quality.compare(footage.synthetic_clip((32, 40), 4), 20, [], None)
    assert "nan" not in quality.tables([case])
    assert {row.result for row in quality.verdicts([case])} == {"no peer installed"}


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
    clean = benchmarks("denoise.footage").synthetic_clip((64, 96), 5).frames
    noisy = benchmarks("common.clips").add_noise(clean, 20)
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
    assert rows[0].figure["faster"] == 30
    assert rows[2].result == "no ffmpeg program found"


def test_clips_are_cut_as_asked(benchmarks, tmp_path):
    footage = benchmarks("denoise.footage")
    path = benchmarks("common.clips").make_clip(tmp_path / "clip.avi", (48, 64), 6)
    whole = footage.read_clip(str(path)).frames
    assert whole.shape == (6, 48, 64, 3)
    part = footage.read_clip(f"{path}[frames=1:5,rows=8:24,columns=30]").frames
    assert np.array_equal(part, whole[1:5, 8:24, :30])
    for wrong in ("[lines=3]", "[frames=3:6]", "[frames"):
        with pytest.raises(ValueError, match="clip"):
            footage.read_clip(f"{path}{wrong}")
