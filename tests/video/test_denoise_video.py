# SPDX-License-Identifier: Apache-2.0
"""Noise removal from file to file: the same as on arrays, what the report says, errors, the command line."""

import os
import re
import warnings
import weakref

import cv2
import numpy as np
import pytest

import vdcore
from helpers.support import label
from helpers.videos import read_video, write_video
from vdcore._regions import frame_range
from vdcore.cli import main
from vdcore.denoiser import denoiser_parameters
from vdcore.tools.demo import clean_scene
from vdcore.video import Frame, Orientation, Plane
from vdcore.video.filters.denoising import DenoisingFilter

FFV1 = {"opencv": "FFV1", "pyav": "ffv1"}

each_backend = pytest.mark.usefixtures("backend")


@pytest.fixture(scope="module")
def scene():
    """Clean and noisy frames, (T, H, W, 3) uint8 in OpenCV's order of colours."""
    clean = np.stack(list(clean_scene(160, 96, 10)))
    noise = np.random.default_rng(0).normal(0, 15, clean.shape)
    return clean, np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


@pytest.fixture
def clip(tmp_path, scene):
    return write_video(tmp_path / "in.mkv", scene[1])


def denoised(path, out, *args, **keywords):
    """denoise_video without its warning that sound cannot be seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return vdcore.denoise_video(path, out, *args, **keywords)


def psnr(frames, truth):
    return 10 * np.log10(255**2 / np.mean((frames.astype(float) - truth) ** 2))


@pytest.mark.parametrize(
    "keywords",
    [{}, {"preset": "fast"}, {"lookahead": 2}, {"motion": None}, {"threads": 1}, {"lookahead": 31}],
    ids=label,
)
def test_file_equals_array(tmp_path, clip, scene, backend, keywords):
    report = denoised(clip, tmp_path / "out.mkv", 15, **keywords)
    np.testing.assert_array_equal(read_video(report.path), vdcore.denoise(scene[1], 15, **keywords))
    assert (report.frames, report.preset) == (10, keywords.get("preset", "balanced"))
    assert (report.backend, report.codec) == (backend, FFV1[backend])
    np.testing.assert_array_equal(report.noise.sigma, [15, 15, 15])


@each_backend
def test_automatic(tmp_path, clip, scene):
    clean, noisy = scene
    report = denoised(clip, tmp_path / "out.mkv")
    found = vdcore.estimate_noise(clip, max_frames=None)
    np.testing.assert_allclose(report.noise.sigma, found.sigma, rtol=1e-6)
    np.testing.assert_allclose(found.sigma, 15, rtol=0.1)
    np.testing.assert_array_equal(read_video(report.path), vdcore.denoise(noisy, found))
    assert psnr(read_video(report.path), clean) > psnr(noisy, clean) + 9


def test_stack_of_arrays_is_estimated_before_it_is_filtered(tmp_path, scene):
    np.save(tmp_path / "in.npy", scene[1][..., ::-1])
    report = vdcore.denoise_video(tmp_path / "in.npy", tmp_path / "out.npy")
    found = vdcore.estimate_noise(scene[1][..., ::-1])
    np.testing.assert_allclose(report.noise.sigma, found.sigma, rtol=1e-6)
    np.testing.assert_array_equal(np.load(report.path), vdcore.denoise(scene[1][..., ::-1], found))


@each_backend
def test_grey(tmp_path, scene):
    frames = scene[1][..., 0].copy()
    write_video(tmp_path / "in.mkv", frames)
    report = denoised(tmp_path / "in.mkv", tmp_path / "out.mkv", 15)
    np.testing.assert_array_equal(read_video(report.path)[..., 0], vdcore.denoise(frames, 15))
    assert report.channels == 1 and report.noise.sigma.shape == (1,)


@each_backend
@pytest.mark.parametrize("unit, scale", [("frames", 1), ("seconds", 1 / 25)])
@pytest.mark.parametrize("lookahead", [0, 2])
def test_part_of_the_picture_and_of_the_time(tmp_path, clip, scene, lookahead, unit, scale):
    noisy = scene[1]
    keywords = {"region": (16, 8, 90, 60), "start": 3 * scale, "stop": 8 * scale, "time_unit": unit}
    report = denoised(clip, tmp_path / "out.mkv", lookahead=lookahead, **keywords)
    result, expected = read_video(report.path), noisy.copy()
    inside = np.s_[3:8, 8:68, 16:106]
    within = vdcore.denoise(noisy[3:8], report.noise, lookahead=lookahead)
    expected[inside] = within[:, 8:68, 16:106]
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(report.noise.sigma[::-1], vdcore.estimate_noise(noisy[3:8]).sigma)


@each_backend
def test_soft_region(tmp_path, clip, scene):
    mask = np.broadcast_to(np.linspace(0, 1, 160), (96, 160))
    report = denoised(clip, tmp_path / "out.mkv", 15, region=mask)
    full = vdcore.denoise(scene[1], 15).astype(float)
    blend = scene[1] + mask[:, :, None] * (full - scene[1])
    np.testing.assert_allclose(read_video(report.path), blend, atol=0.51)


@each_backend
def test_clean_video_stays(tmp_path, scene):
    still = np.repeat(scene[0][:1], 5, axis=0)
    write_video(tmp_path / "in.mkv", still)
    report = denoised(tmp_path / "in.mkv", tmp_path / "out.mkv", 0)
    np.testing.assert_array_equal(read_video(report.path), still)
    black = write_video(tmp_path / "black.mkv", np.zeros_like(still))
    report = denoised(black, tmp_path / "out.mkv")
    assert not read_video(report.path).any() and not report.noise.sigma.any()


@each_backend
def test_no_frame_in_the_range(tmp_path, clip, scene):
    report = denoised(clip, tmp_path / "out.mkv", start=100)
    np.testing.assert_array_equal(read_video(report.path), scene[1])
    assert report.frames == 10 and report.noise is None


@each_backend
def test_a_callable_sees_red_green_blue(tmp_path, clip, scene):
    seen = []

    def motion(frame, other):
        seen.append(frame.copy())
        return np.zeros((*frame.shape[:2], 2), np.float32)

    report = denoised(clip, tmp_path / "out.mkv", 15, motion=motion)
    np.testing.assert_array_equal(seen, scene[1][1:, ..., ::-1])
    np.testing.assert_array_equal(read_video(report.path), vdcore.denoise(scene[1], 15, motion=None))


@pytest.mark.parametrize("lookahead", [0, 2])
def test_frames_change_in_place(scene, lookahead):
    """The filter yields the frames that it was given, as soon as it can, and keeps nothing of them."""
    frames = scene[1]
    plane = Plane("colour", frames[0].shape, frames.dtype, channel_order="bgr")
    parameters = denoiser_parameters(15, "balanced", None, lookahead, None, "auto", None)
    stage = DenoisingFilter(
        parameters, None, (plane,), Orientation(), None, None, frame_range(None, None, "frames")
    )
    alive = weakref.WeakValueDictionary()
    results = []

    def take(ready):
        for frame in ready:
            assert frame.index == len(results)
            assert frame.planes[0] is alive[frame.index]
            results.append(frame.planes[0].copy())

    for index, samples in enumerate(frames):
        frame = Frame((samples.copy(),), index, index / 25)
        alive[index] = frame.planes[0]
        take(stage.push(frame))
        del frame
        assert len(results) == max(0, index + 1 - lookahead)
        assert len(alive) <= lookahead
    take(stage.flush())
    assert len(alive) == 0
    np.testing.assert_array_equal(results, vdcore.denoise(frames, 15, lookahead=lookahead, motion=None))


@pytest.mark.parametrize("lookahead", [0, 2])
def test_chroma_follows_the_flow_of_luma(scene, lookahead):
    """Halved with its planes; chroma here is noise alone, in which there is nothing to follow."""
    count, height, width = scene[1].shape[:3]
    luma = scene[1][..., 1].copy()
    chroma = np.random.default_rng(1).integers(100, 156, (count, height // 2, width // 2), dtype=np.uint8)
    planes = (
        Plane("luma", luma[0].shape, luma.dtype),
        Plane("chroma", chroma[0].shape, chroma.dtype, subsampling=(2, 2)),
    )
    stage = DenoisingFilter(
        denoiser_parameters(15, "balanced", "flow", lookahead, None, "auto", None),
        None,
        planes,
        Orientation(),
        None,
        None,
        frame_range(None, None, "frames"),
    )
    results = []
    for index in range(count):
        results += stage.push(Frame((luma[index].copy(), chroma[index].copy()), index, index / 25))
    results += stage.flush()

    leader = vdcore.Denoiser(15, lookahead=lookahead)
    follower = vdcore.Denoiser(15, motion=None, lookahead=lookahead)

    def halved(flows):
        size = (width // 2, height // 2)
        return [None if f is None else cv2.resize(f, size, interpolation=cv2.INTER_AREA) / 2 for f in flows]

    expected = []
    for y, u in zip(luma, chroma, strict=True):
        flows = leader.find_flows(y)
        leader(y)
        expected.append(follower(u, flow=halved(flows)))
    for _ in range(lookahead):
        flows = leader.find_flows()
        next(leader.flush())
        expected.append(next(follower.flush(flow=halved(flows))))
    np.testing.assert_array_equal(
        [frame.planes[0] for frame in results], vdcore.denoise(luma, 15, lookahead=lookahead)
    )
    np.testing.assert_array_equal([frame.planes[1] for frame in results], expected[lookahead:])


# errors


@each_backend
@pytest.mark.parametrize(
    "keywords, error, match",
    [
        ({"strength": -1}, ValueError, "strength must be a finite number >= 0"),
        ({"strength": "much"}, ValueError, "strength must be 'light', 'auto', 'strong', a standard"),
        ({"strength": 63.8}, ValueError, r"strength must be at most 63.75, in 8-bit units \(0 to 255\)"),
        ({"preset": "best"}, ValueError, "preset must be one of"),
        ({"motion": 3}, ValueError, "motion must be None"),
        ({"lookahead": 40}, ValueError, "lookahead must be an integer from 0 to 31"),
        ({"time_unit": "hours"}, ValueError, "time_unit must be one of"),
        ({"start": 5, "stop": 2}, ValueError, "start must not be after stop"),
        ({"region": (500, 0, 3, 3)}, ValueError, "region covers no pixel"),
        ({"codec": "ABCDE"}, ValueError, "codec"),
        ({"backend": "vlc"}, ValueError, "backend must be"),
        ({"threads": 0}, ValueError, "threads must be"),
        ({"motion": lambda frame, other: other}, (TypeError, ValueError), "what motion returns"),
    ],
    ids=label,
)
def test_errors_leave_nothing(tmp_path, clip, keywords, error, match):
    (tmp_path / "out.mkv").write_bytes(b"old")
    with pytest.raises(error, match=match):
        denoised(clip, tmp_path / "out.mkv", **keywords)
    assert (tmp_path / "out.mkv").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["in.mkv", "out.mkv"]


@each_backend
def test_files_that_are_none(tmp_path, clip):
    with pytest.raises(FileNotFoundError):
        denoised(tmp_path / "missing.mkv", tmp_path / "out.mkv")
    with pytest.raises(ValueError, match="must differ from the input"):
        denoised(clip, clip)
    (tmp_path / "empty.mkv").write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        denoised(tmp_path / "empty.mkv", tmp_path / "out.mkv")


@each_backend
def test_broken_video(tmp_path, scene):
    frames = np.concatenate([scene[1]] * 3)
    path = write_video(tmp_path / "in.mkv", frames)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.warns(UserWarning, match="ended early"):
        report = vdcore.denoise_video(path, tmp_path / "out.mkv")
    assert report.ended_early and 5 < report.frames < 30
    assert len(read_video(report.path)) == report.frames


# the command line


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "options, keywords",
    [
        ([], {}),
        (["--strength", "12.5"], {"strength": 12.5}),
        (["--strength", "auto", "--preset", "fast"], {"preset": "fast"}),
        (["--strength", "light"], {"strength": "light"}),
        (["--motion", "none", "--lookahead", "2"], {"motion": None, "lookahead": 2}),
        (["--region", "10,8,30,20", "--start", "2", "--stop", "7"],
         {"region": (10, 8, 30, 20), "start": 2, "stop": 7}),
        (["--start", "0.1", "--time-unit", "seconds", "--threads", "1"],
         {"start": 0.1, "time_unit": "seconds"}),
    ],
    ids=label,
)  # fmt: skip
def test_command_equals_the_function(tmp_path, capsys, clip, backend, options, keywords):
    code, out, _ = run(capsys, "denoise", clip, tmp_path / "out.mkv", "--no-progress", *options)
    assert code == 0
    report = denoised(clip, tmp_path / "expected.mkv", **keywords)
    np.testing.assert_array_equal(read_video(tmp_path / "out.mkv"), read_video(tmp_path / "expected.mkv"))
    first, second = out.splitlines()
    assert first.startswith(f"{tmp_path / 'out.mkv'}: 10 frames, 160x96, 25 fps, {FFV1[backend]};")
    levels = ", ".join(f"{sigma:.3g}" for sigma in report.noise.sigma)
    assert report.strength == keywords.get("strength", "auto") or report.strength is None
    if report.strength is None:
        assert second == "noise as given: 12.5, 12.5, 12.5 (standard deviation, 8-bit units)"
    else:
        factor = "; light removes 0.7 times that" if report.strength == "light" else ""
        found = f"found: {report.noise.describe()} (standard deviation {levels}, 8-bit units{factor})"
        assert second == found and second.startswith("found: noise 1")


@each_backend
def test_command_on_clean_video(tmp_path, capsys, clip):
    assert run(capsys, "denoise", clip, tmp_path / "out.mkv", "--strength", 0)[1].endswith(
        "noise as given: 0, 0, 0 (standard deviation, 8-bit units; frames are unchanged)\n"
    )
    still = write_video(tmp_path / "still.mkv", np.full((5, 64, 64, 3), 90, np.uint8))
    out = run(capsys, "denoise", still, tmp_path / "out.mkv")[1]
    assert out.endswith("no noise found; frames are unchanged\n")  # and no hint, since FFV1 hides nothing


@pytest.mark.parametrize("strength", ["light", "auto", "strong"])
def test_the_report_says_what_was_found(tmp_path, clip, backend, strength):
    """Whatever part of it is removed, and from a stream too."""
    expected = denoised(clip, tmp_path / "out.mkv").noise
    report = denoised(clip, tmp_path / "out.mkv", strength)
    np.testing.assert_allclose(report.noise.sigma, expected.sigma)
    assert report.strength == strength and 12 < report.noise.sigma.mean() < 16
    frames = (frame for frame in vdcore.video.read_frames(clip))
    stream = denoised(frames, tmp_path / "out.npy", strength)
    assert 12 < stream.noise.sigma.mean() < 16


def test_a_hint_where_compression_may_hide_the_noise(tmp_path, capsys, scene):
    pytest.importorskip("av")
    clean = scene[0][..., ::-1]
    compressed, lossless = tmp_path / "in.mp4", tmp_path / "lossless.mkv"
    vdcore.video.write_frames(compressed, clean, 25, codec="h264", quality=40)
    vdcore.video.write_frames(lossless, clean, 25, codec="lossless")
    report = denoised(compressed, tmp_path / "out.mkv")
    assert report.noise.sigma.max() < 1
    assert report.hint.startswith("little noise was found; compression may hide it: try strength='strong'")
    assert denoised(lossless, tmp_path / "out.mkv").hint == ""
    for strength in ("strong", 3, report.noise):
        assert denoised(compressed, tmp_path / "out.mkv", strength).hint == ""
    noisy = tmp_path / "noisy.mp4"
    vdcore.video.write_frames(noisy, scene[1][..., ::-1], 25, codec="h264", quality=5)
    assert denoised(noisy, tmp_path / "out.mkv").hint == ""
    assert run(capsys, "denoise", compressed, tmp_path / "out.mkv")[1].splitlines()[-1] == (
        "Hint: little noise was found; compression may hide it:"
        " try --strength strong, or a number such as --strength 4"
    )


@each_backend
def test_command_with_a_mask(tmp_path, capsys, clip):
    mask = np.zeros((96, 160), np.uint8)
    mask[20:60, 30:90] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    assert run(capsys, "denoise", clip, tmp_path / "out.mkv", "--region", tmp_path / "mask.png")[0] == 0
    changed = (read_video(tmp_path / "out.mkv") != read_video(clip)).any(axis=(0, 3))
    assert changed[20:60, 30:90].all() and not changed[mask == 0].any()


@each_backend
@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (
            ["in.mkv", "out.mkv", "--strength", "much"],
            2,
            "'much' is neither a number nor one of light, auto, strong",
        ),
        (["in.mkv", "out.mkv", "--strength", "-2"], 1, "strength must be a finite number >= 0"),
        (
            ["in.mkv", "out.mkv", "--strength", "237"],
            1,
            "at most 63.75, in 8-bit units .* of every bit depth",
        ),
        (["in.mkv", "out.mkv", "--preset", "best"], 2, "best"),
        (["in.mkv", "out.mkv", "--lookahead", "99"], 1, "lookahead must be an integer from 0 to 31"),
        (["in.mkv", "out.xyz"], 1, "out must (end in one of|have the suffix of)"),
        (["missing.mkv", "out.mkv"], 1, "No such file"),
        (["in.mkv"], 2, "give IN and OUT"),
    ],
)
def test_command_errors(tmp_path, capsys, monkeypatch, clip, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    got, out, err = run(capsys, "denoise", *arguments)
    assert (got, out) == (code, "")
    assert re.search(message, err) and err.startswith("Error: ") and err.count("\n") == 1
