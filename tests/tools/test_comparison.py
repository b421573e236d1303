# SPDX-License-Identifier: Apache-2.0
"""Comparing two videos: PSNR and SSIM against scikit-image, which frames are shown, sheet, clip, errors."""

import itertools
import os
import sys
import warnings
from functools import partial

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import vdcore
from helpers.videos import diffuse_quietly, frame_rate, make_frames, read_video, write_video
from vdcore.tools import metrics
from vdcore.tools.frames import Source, Thinning
from vdcore.tools.metrics import psnr, ssim

SIZES = [(48, 64), (48, 64, 3), (11, 40, 3)]


def add_noise(frames, deviation=6.0, seed=2):
    """Noise on uint8 frames, stronger from frame to frame."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, deviation, frames.shape)
    noise *= np.linspace(0.5, 1.5, len(frames)).reshape(-1, *[1] * (frames.ndim - 1))
    return np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)


@pytest.fixture
def arrays():
    a = make_frames(12)
    return a, add_noise(a)


@pytest.fixture
def files(tmp_path, arrays):
    """Two files, before.mkv and after.mkv, in the order blue, green, red of `arrays`."""
    return [
        write_video(tmp_path / name, x) for name, x in zip(("before.mkv", "after.mkv"), arrays, strict=True)
    ]


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


# ---- measures


def in_dtype(frame, dtype):
    if dtype == "uint16":
        return frame.astype(np.uint16) * 257 - (frame > 9)  # not only multiples of 257
    return frame if dtype == "uint8" else (frame / 255).astype(dtype)


@pytest.mark.parametrize("strip", [None, 64, 700])
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_measures_are_those_of_scikit_image(monkeypatch, shape, dtype, strip):
    if strip is not None:
        monkeypatch.setattr(metrics, "_STRIP", strip)
    dtype = np.dtype(dtype).name
    a = make_frames(2, shape)
    a, b = in_dtype(a[0], dtype), in_dtype(add_noise(a)[0], dtype)
    top = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    axis = {"channel_axis": -1} if len(shape) == 3 else {}
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": top}
    one, other = a.astype(np.float64), b.astype(np.float64)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(one, other, data_range=top), abs=1e-9)
    assert ssim(a, b) == pytest.approx(structural_similarity(one, other, **options, **axis), abs=1e-10)


def test_identical_frames(arrays):
    result = vdcore.compare(arrays[0], arrays[0])
    assert (result.psnr == np.inf).all() and (result.ssim == 1).all()
    assert result.mean_psnr == np.inf and result.mean_ssim == 1 and result.worst == 0
    assert result.summary() == "12 frames: identical"
    assert vdcore.compare(arrays[0], arrays[0], rows=1).shown == (0,)  # the first of equals


def test_means(arrays):
    a, b = arrays[0], arrays[1].copy()
    b[3] = a[3]
    result = vdcore.compare(a, b)
    error = np.square(a.astype(float) - b).mean()
    assert result.mean_psnr == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)
    assert result.mean_ssim == pytest.approx(result.ssim.mean())
    assert result.psnr[3] == np.inf and np.isfinite(np.delete(result.psnr, 3)).all()
    assert result.worst == 11
    assert "12 frames: PSNR " in result.summary() and "worst frame 11: PSNR " in result.summary()
    assert result.to_dict()["psnr"][3] is None and len(result.to_dict()["ssim"]) == 12


def test_files_and_arrays_and_iterables_agree(arrays, files):
    a, b = (x[..., ::-1] for x in arrays)  # files are read as RGB
    expected = vdcore.compare(a, b)
    for one, other in (files, map(str, files), (list(a), iter(b)), (files[0], (frame for frame in b))):
        result = vdcore.compare(one, other)
        np.testing.assert_array_equal(result.psnr, expected.psnr)
        np.testing.assert_array_equal(result.ssim, expected.ssim)
        assert (result.frames, result.frames_a, result.frames_b) == (12, 12, 12)


def test_depths_are_compared_as_fractions_of_the_range(arrays):
    a, b = arrays
    deep = b.astype(np.uint16) * 257
    assert (vdcore.compare(b, deep).psnr == np.inf).all()
    np.testing.assert_array_equal(vdcore.compare(a, deep).psnr, vdcore.compare(a, b).psnr)


def test_grey_is_three_equal_channels(arrays):
    grey, colour = arrays[0][..., 0], arrays[1]
    expected = vdcore.compare(np.stack([grey] * 3, axis=-1), colour)
    for one in (grey, grey[..., None]):
        result = vdcore.compare(one, colour)
        np.testing.assert_array_equal(result.psnr, expected.psnr)
        np.testing.assert_array_equal(result.ssim, expected.ssim)


@pytest.mark.parametrize("shape", [(4, 1), (3, 5), (9, 30)], ids=str)
def test_frames_smaller_than_the_window(shape):
    a = make_frames(1, shape)
    b = add_noise(a)
    one, other = a[0] / 255, b[0] / 255
    mean = partial(gaussian_filter, sigma=1.5, radius=5, mode="reflect")
    means = mean(one), mean(other)
    variances = (mean(x * x) - m * m for x, m in zip((one, other), means, strict=True))
    structure = (2 * (mean(one * other) - means[0] * means[1]) + 0.03**2) / (sum(variances) + 0.03**2)
    similarity = structure * (2 * means[0] * means[1] + 1e-4) / (means[0] ** 2 + means[1] ** 2 + 1e-4)
    if shape[1] >= 11:
        similarity = similarity[:, 5:-5]
    assert vdcore.compare(a, b).mean_ssim == pytest.approx(similarity.mean(), abs=1e-10)
    assert (vdcore.compare(a, a).ssim == 1).all()


# ---- lengths


def test_different_lengths(arrays, files, tmp_path):
    short = write_video(tmp_path / "short.mkv", arrays[1][:5])
    with pytest.warns(UserWarning, match="a has 12 frames, b 5: the first 5 are compared") as caught:
        result = vdcore.compare(files[0], short)
    assert caught[0].filename == __file__
    assert (result.frames, result.frames_a, result.frames_b) == (5, 12, 5)
    with pytest.warns(UserWarning, match="a has 5 frames, b 12"):
        vdcore.compare(arrays[1][:5], arrays[0])


def test_an_endless_iterable(arrays):
    with pytest.warns(UserWarning, match="a has more than 12 frames, b 12"):
        result = vdcore.compare(itertools.cycle(arrays[0]), arrays[1])
    assert (result.frames, result.frames_a, result.frames_b) == (12, None, 12)


# ---- frames on the sheet


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 4, 12, 20])
def test_shown_frames_are_spread_and_hold_the_worst(arrays, rows, unknown):
    a, b = arrays
    b = b.copy()
    b[5] = 255 - b[5]
    result = vdcore.compare(a, iter(b) if unknown else b, rows=rows)
    assert result.worst == 5 and 5 in result.shown
    assert len(result.shown) == min(rows, 12)
    assert list(result.shown) == sorted(set(result.shown))
    if rows > 2:
        assert {0, 11} <= set(result.shown) and max(np.diff(result.shown)) <= 11 / (rows - 1) * 2


@pytest.mark.parametrize("count", [1, 9, 100, 1000])
def test_unknown_lengths(count):
    frame = np.zeros((2, 2), np.uint8)
    result = vdcore.compare((frame for _ in range(count)), (frame for _ in range(count)), rows=4)
    assert len(result.shown) == min(count, 4)
    ideal = np.linspace(0, count - 1, 4) if count > 3 else [0]
    assert max(np.abs(np.subtract(result.shown, ideal))) <= count / 16 + 1


def test_known_lengths_are_divided_evenly():
    frames = np.zeros((301, 2, 2), np.uint8)
    assert vdcore.compare(frames, iter(frames)).shown == (0, 100, 200, 300)


@pytest.mark.parametrize("announced", [None, 100, 7, 5000])
def test_thinning(announced):
    thinning = Thinning(10, announced)
    for index in range(100):
        if thinning.wants(index):
            thinning.add(index, str(index))
        assert len(thinning.kept) <= 10
    kept = list(thinning.kept)
    assert kept[0] == 0 and len(set(np.diff(kept))) <= 1
    assert len(kept) == (1 if announced == 5000 else 10 if announced == 100 else 7)
    assert thinning.kept[kept[-1]] == str(kept[-1])


# ---- the sheet


def test_sheet(tmp_path, files):
    result = vdcore.compare(*files, out=tmp_path / "sheet.png", rows=3)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    before = read_video(files[0])
    for index in result.shown:  # pixels enlarged by a whole factor
        large = cv2.resize(before[index], None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
        x, y = cv2.minMaxLoc(cv2.matchTemplate(sheet, large, cv2.TM_SQDIFF))[2]
        np.testing.assert_array_equal(sheet[y : y + 3 * 48, x : x + 3 * 64], large)
    assert len(result.shown) == 3 and result.worst in result.shown
    assert listed(tmp_path) == ["after.mkv", "before.mkv", "sheet.png"]


def test_difference_on_the_sheet(tmp_path):
    a = np.full((2, 70, 80), 100, np.uint8)
    vdcore.compare(a, a + np.uint8(3), out=tmp_path / "a.png", difference_gain=10)
    sheet = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_GRAYSCALE)
    values, counts = np.unique(sheet, return_counts=True)
    common = set(values[counts >= 2 * 4 * 70 * 80].tolist())  # enlarged by 2, in two rows
    assert common == {100, 103, 158, 255}  # 127.5 + 10 * 3, to the nearest even


@pytest.mark.parametrize("shape", [(1, 1), (2, 700, 3), (700, 2), (900, 1600, 3)], ids=str)
def test_sheets_of_any_size(tmp_path, shape):
    a = np.random.default_rng(1).integers(0, 256, (2, *shape), dtype=np.uint8)
    vdcore.compare(a, add_noise(a), out=tmp_path / "sheet.png")
    height, width = cv2.imread(str(tmp_path / "sheet.png")).shape[:2]
    assert 900 <= width <= 2100 and 300 <= height <= 2100


def test_names_that_look_like_formulas(tmp_path, files):
    odd = files[0].rename(tmp_path / "$\\x_日本^$ a rather long name, longer than a column of the sheet.mkv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vdcore.compare(odd, files[1], out=tmp_path / "sheet.png")


def test_sheet_of_identical_frames(tmp_path, arrays):
    vdcore.compare(arrays[0], arrays[0], out=tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_pyplot_is_left_alone(tmp_path, arrays):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    vdcore.compare(*arrays, out=tmp_path / "sheet.png")
    assert plt.get_fignums() == before


def test_sheet_without_matplotlib(tmp_path, monkeypatch, arrays):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "vdcore\[plot\]"'):
        vdcore.compare(*arrays, out=tmp_path / "sheet.png")
    assert listed(tmp_path) == []
    assert vdcore.compare(*arrays).frames == 12


# ---- the split screen


def test_split_screen(tmp_path, arrays):
    a = write_video(tmp_path / "a.mkv", arrays[0], fps=10)
    b = write_video(tmp_path / "b.mkv", arrays[1], fps=50)
    vdcore.compare(a, b, video=tmp_path / "split.mkv")
    split = read_video(tmp_path / "split.mkv")
    assert frame_rate(tmp_path / "split.mkv") == 10
    np.testing.assert_array_equal(split[:, :, :31], arrays[0][:, :, :31])
    np.testing.assert_array_equal(split[:, :, 32:], arrays[1][:, :, 32:])
    assert (split[:, :, 31] == 255).all()


def test_split_screen_of_grey_and_deep_frames(tmp_path, arrays):
    grey, deep = arrays[0][..., 0], np.minimum(arrays[1].astype(np.uint16) * 257, 65435) + 100
    vdcore.compare(grey, deep, video=tmp_path / "split.mkv")
    split = read_video(tmp_path / "split.mkv")
    assert frame_rate(tmp_path / "split.mkv") == 25
    np.testing.assert_array_equal(split[:, :, :31], arrays[0][:, :, :31, :1].repeat(3, axis=3))
    np.testing.assert_array_equal(split[:, :, 32:], arrays[1][:, :, 32:, ::-1])


@pytest.mark.usefixtures("without_pyav")
def test_split_screen_of_odd_sizes(tmp_path):
    a = make_frames(3, (31, 45))
    with pytest.warns(UserWarning, match="video: not kept: last column or row") as caught:
        vdcore.compare(a, a, video=tmp_path / "split.mkv")
    assert caught[0].filename == __file__
    assert read_video(tmp_path / "split.mkv").shape == (3, 30, 44, 3)


# ---- errors


@pytest.mark.parametrize(
    "keywords, error, message",
    [
        ({"rows": 0}, ValueError, "rows must be an integer from 1 to 32, got 0"),
        ({"rows": 2.5}, TypeError, "rows"),
        ({"difference_gain": 0}, ValueError, "difference_gain"),
        ({"progress": 1}, TypeError, "progress"),
        ({"out": "sheet.jpg"}, ValueError, r"out must end in \.png, got sheet\.jpg"),
        ({"out": "nowhere/sheet.png"}, FileNotFoundError, "nowhere"),
        ({"out": "folder.png"}, IsADirectoryError, "out must be a file"),
        ({"video": "split.gif"}, ValueError, r"video must end in \.avi or \.mkv or .* got split\.gif"),
        ({"video": "nowhere/split.mp4"}, FileNotFoundError, "nowhere"),
        ({"video": "before.mkv"}, ValueError, "video must differ from the inputs, got before.mkv"),
        ({"video": "link.mkv"}, ValueError, "video must differ from the inputs, got link.mkv"),
    ],
    ids=str,
)
def test_wrong_arguments(tmp_path, monkeypatch, files, keywords, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    os.symlink("after.mkv", "link.mkv")
    before = listed(tmp_path)
    with pytest.raises(error, match=message):
        vdcore.compare(*files, **keywords)
    assert listed(tmp_path) == before


def test_wrong_inputs(tmp_path, arrays, files):
    a, b = arrays
    small = write_video(tmp_path / "small.mkv", make_frames(3, (32, 40, 3)))
    (tmp_path / "empty.mkv").touch()
    (tmp_path / "text.mkv").write_text("not a video")
    before = listed(tmp_path)
    bad = b.astype(np.float32) / 255
    bad[4, 0, 0, 0] = np.nan
    cases = [
        ((files[0], tmp_path / "missing.mkv"), FileNotFoundError, "missing.mkv"),
        ((files[0], tmp_path / "empty.mkv"), ValueError, "empty"),
        ((files[0], tmp_path / "text.mkv"), ValueError, "not a video"),
        ((files[0], small), ValueError, "a and b must have the same size, got 64x48 and 40x32"),
        ((a, iter([])), ValueError, "b must not be empty"),
        ((a[:0], b), ValueError, "a must not be empty"),
        ((a[0], b), ValueError, r"a of shape \(48, 64, 3\) may be .* give a\[None\] for the picture"),
        ((a, 3), TypeError, "b must be a path, an array or an iterable"),
        ((a, bad), ValueError, "b must be finite, got inf or NaN in frame 4"),
        ((a, np.dstack([b.reshape(-1, 64, 3), b.reshape(-1, 64, 3)])[None]), ValueError, "1 or 3 channels"),
        ((a.astype(np.int32), b), TypeError, "a must have dtype uint8"),
    ]
    for inputs, error, message in cases:
        with pytest.raises(error, match=message):
            vdcore.compare(*inputs, out=tmp_path / "sheet.png", video=tmp_path / "split.mkv")
        assert listed(tmp_path) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path, arrays):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        vdcore.compare(*arrays, out=tmp_path / "sheet.png")


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="no /proc")
def test_a_folder_that_holds_no_files(arrays):
    with pytest.raises(OSError):
        vdcore.compare(*arrays, out="/proc/sheet.png")


def test_an_error_on_the_way_leaves_old_files_alone(tmp_path, arrays):
    def failing():
        yield from arrays[0][:3]
        raise RuntimeError("the camera is gone")

    (tmp_path / "sheet.png").write_text("old")
    with pytest.raises(RuntimeError, match="the camera"):
        vdcore.compare(failing(), arrays[1], out=tmp_path / "sheet.png", video=tmp_path / "split.mkv")
    assert listed(tmp_path) == ["sheet.png"]
    assert (tmp_path / "sheet.png").read_text() == "old"


def test_a_source_counts_what_it_reads(files):
    source = Source(files[0], "a")
    assert (source.fps, source.announced, source.taken) == (25, 12, 0)
    assert source.read().shape == (48, 64, 3) and source.taken == 1
    assert source.total() == 12 and source.read() is None


# ---- real clips


@pytest.mark.clips
@pytest.mark.parametrize("name", ["foreman_cif_10f.y4m", "visp_mire2_120f_gray.ffv1.mkv"])
def test_a_clip_and_what_a_filter_made_of_it(tmp_path, clips, name):
    diffuse_quietly(clips / name, tmp_path / "out.mkv", 0.5, 1)
    result = vdcore.compare(clips / name, tmp_path / "out.mkv", out=tmp_path / "sheet.png")
    assert result.frames == result.frames_a == result.frames_b >= 10
    assert 20 < result.mean_psnr < 60 and 0.8 < result.mean_ssim < 1
