# SPDX-License-Identifier: Apache-2.0
"""Realistic noise: each kind is what it claims to be, and the measures tell right from wrong."""

import sys

import numpy as np
import pytest

SHAPE = (12, 96, 96, 3)
FLAT = np.full(SHAPE, 128, np.uint8)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks are for POSIX systems")


@pytest.fixture
def kinds(benchmarks):
    return benchmarks("denoise.kinds")


@pytest.fixture
def noise(kinds):
    """The noise of a kind on a flat clip."""
    return lambda kind, level=128: kinds.add_kind(kind, np.full_like(FLAT, level))[1]


def correlation(noise, shift, axis):
    """Return the correlation of samples that are `shift` apart along an axis."""
    noise = np.moveaxis(noise, axis, 0)
    return np.corrcoef(noise[shift:].ravel(), noise[:-shift].ravel())[0, 1]


def test_there_are_ten_kinds(kinds):
    assert len(kinds.KINDS) == 10


def test_every_kind_follows_from_its_seed(kinds):
    for kind in kinds.KINDS | kinds.MORE:
        one, again, other = (kinds.add_kind(kind, FLAT, seed)[0] for seed in (1, 1, 2))
        assert one.dtype == np.uint8 and one.shape == SHAPE
        assert np.array_equal(one, again) and not np.array_equal(one, other), kind


def test_the_noise_is_what_the_frames_differ_by(kinds):
    for kind in kinds.KINDS:
        frames, noise = kinds.add_kind(kind, FLAT)
        assert np.array_equal(frames, np.clip(FLAT + noise, 0, 255).round()), kind
        assert abs(noise.mean()) < 0.5, kind


@pytest.mark.parametrize(("kind", "sigma"), [("white", 20), ("white-10", 10)])
def test_white_noise_is_that_of_the_other_benchmarks(benchmarks, kinds, noise, kind, sigma):
    assert np.array_equal(kinds.add_kind(kind, FLAT)[0], benchmarks("common.clips").add_noise(FLAT, sigma))
    assert noise(kind).std() == pytest.approx(sigma, rel=0.01)
    assert all(abs(correlation(noise(kind), 1, axis)) < 0.01 for axis in (0, 1, 2))


def test_blurred_noise_has_the_spectrum_of_a_gaussian(noise):
    blurred = noise("blurred")
    assert blurred.std() == pytest.approx(10)
    assert abs(correlation(blurred, 1, 0)) < 0.01
    for axis in 1, 2:
        for shift in 1, 2:
            # a Gaussian of 0.7 correlates with itself as one of 0.7 sqrt(2)
            wanted = np.exp(-(shift**2) / (4 * 0.7**2))
            assert correlation(blurred, shift, axis) == pytest.approx(wanted, abs=0.02)


def test_bayer_noise_is_that_of_interpolated_samples(noise):
    """Green: half of the samples as they are, half means of four. Red, blue: 1/4, 1/2 of two, 1/4 of four."""
    variances = noise("bayer").var((0, 1, 2)) / 14**2
    assert variances == pytest.approx([9 / 16, 5 / 8, 9 / 16], rel=0.03)
    assert correlation(noise("bayer"), 1, 2) > 0.3


def test_jpeg_frames_are_jpeg_pictures_of_noise(kinds, noise):
    """A second coding at the same quality changes little."""
    frames, first = kinds.add_kind("jpeg", FLAT)
    again = kinds.jpeg(frames.astype(float), np.random.default_rng(1), 0, 50)
    assert 3 < first.std() < 8  # of the 10 that went in
    assert np.std(again - frames) < 0.1 * first.std()
    assert abs(correlation(first, 1, 0)) < 0.05


def test_lasting_noise_is_an_autoregression(noise):
    lasting = noise("lasting")
    assert lasting.std((1, 2, 3)) == pytest.approx(np.full(len(lasting), 10), rel=0.03)
    for shift in 1, 2, 3:
        assert correlation(lasting, shift, 0) == pytest.approx(0.8**shift, abs=0.01)
    assert abs(correlation(lasting, 1, 1)) < 0.01


def test_row_noise_shifts_rows(noise):
    rows = noise("rows")
    means = rows.mean((2, 3))
    assert means.std() == pytest.approx(8, rel=0.06)
    assert (rows - means[:, :, None, None]).std() == pytest.approx(8, rel=0.02)
    assert abs(correlation(means, 1, 0)) < 0.1 and abs(correlation(means, 1, 1)) < 0.1


def test_a_higher_rate_factor_leaves_less_noise(noise):
    deviations = [noise(f"h264-{crf}").std() for crf in (18, 23, 28)]
    assert 16 > deviations[0] > deviations[1] > deviations[2] > 0.3


def test_photon_noise_grows_with_brightness(noise):
    for level in 51, 102, 204:
        assert noise("poisson", level).var() == pytest.approx(level * 255 / 20, rel=0.03)
        assert abs(correlation(noise("poisson", level), 1, 1)) < 0.02


def test_planes_and_back_is_the_same_picture(kinds):
    smooth = np.broadcast_to(np.linspace(20, 200, 96)[:, None, None] + [0, 20, 40], SHAPE).astype(np.uint8)
    difference = kinds.from_planes(kinds.to_planes(smooth)).astype(float) - smooth
    assert np.abs(difference).max() <= 1 and abs(difference.mean()) < 0.3
    assert kinds.to_planes(smooth).shape == (12, 144, 96)


def test_noise_on_planes_is_smooth_in_chroma(kinds, noise):
    """Luma is white; the differences of the channels, which luma leaves alone, are interpolated."""
    planar = noise("planar")
    red = planar[..., 0] - planar[..., 1]
    assert correlation(red, 1, 2) > 0.5
    luma = planar @ [0.299, 0.587, 0.114]
    assert luma.std() == pytest.approx(8 * 255 / 219, rel=0.05) and abs(correlation(luma, 1, 2)) < 0.1


# ---- Measures


def test_total_and_low_frequencies(benchmarks, noise):
    estimates = benchmarks("denoise.estimates")
    assert estimates.total(noise("white") + 3) == pytest.approx(20, rel=0.01)
    assert estimates.low_share(noise("white")) == pytest.approx(0.25, abs=0.01)
    assert estimates.low_share(np.repeat(np.repeat(noise("white"), 8, 1), 8, 2)) == pytest.approx(1)
    checks = 1.0 - 2 * (np.indices((96, 96)).sum(0) % 2)
    assert estimates.low_share(np.broadcast_to(checks[..., None], SHAPE)) < 0.05
    compared = estimates.Comparison("kind", "clip", (10, 9), (0.5, 0.25))
    assert compared.errors == pytest.approx((10, 25))
    assert [row.met for row in estimates.rows([compared])] == [False, True, False, False]


def test_reference_is_computed_once_and_for_the_same_samples(benchmarks, tmp_path, monkeypatch):
    reference, footage = benchmarks("denoise.reference"), benchmarks("denoise.footage")
    clip = footage.synthetic_clip((24, 40), 4)
    noisy = benchmarks("common.clips").add_noise(clip.frames, 10)
    path = tmp_path / "reference.json"
    best = reference.Reference(write=path, tiny=True).best("white-10", clip, noisy)
    assert best["by hand"].setting in {(float(s),) for s in reference.STRENGTHS}
    monkeypatch.setattr(reference, "compute", None)
    assert reference.Reference(read=path).best("white-10", clip, noisy) == best
    assert reference.Reference(write=path).best("white-10", clip, noisy) == best
    assert reference.Reference(read=path).best("white-10", clip, noisy + 1) == {}
    assert reference.Reference(read=path).best("blurred", clip, noisy) == {}


def test_the_best_setting_is_chosen(benchmarks, monkeypatch):
    reference = benchmarks("denoise.reference")
    brighten = (lambda frames, setting: frames + np.uint8(setting[0])), [(3,), (1,), (2,)]
    monkeypatch.setitem(reference.OTHERS, "by hand", brighten)
    best = reference.compute("by hand", FLAT, FLAT, tiny=False)
    assert best == reference.Best(pytest.approx(48.13, abs=0.01), (1,))


def test_gains_and_verdicts(benchmarks):
    realistic, best = benchmarks("denoise.realistic"), benchmarks("denoise.reference").Best
    others = {"by hand": best(30.0, (7,)), "nlmeans": best(29.0, (2, 5)), "hqdn3d": best(28.0, (4, 4))}
    found = [
        realistic.Case("a", "one", 25.0, {"balanced": 31.0, "fast": 30.0}, others),
        realistic.Case("a", "two", 25.0, {"balanced": 29.5, "fast": 30.0}, others),
        realistic.Case("a", "three", 25.0, {"balanced": 20.0, "fast": 20.0}, {}),
    ]
    results = [(row.result, row.met) for row in realistic.verdicts(found)]
    assert results == [
        ("mean +0.25 dB", False),
        ("minimum -0.50 dB", False),
        ("mean +1.25 dB", False),
        ("minimum +0.50 dB", True),
    ]
    assert "30.00 (7)" in realistic.table(found)
    assert [row.met for row in realistic.verdicts(found[2:])] == [None, None]


@pytest.fixture
def as_if(benchmarks, monkeypatch):
    """Let the cases be answered by another filter of frames."""

    def replace(denoise):
        for module in "cases", "details":
            monkeypatch.setattr(benchmarks(f"denoise.{module}"), "denoised", lambda f, *_: denoise(f))
        monkeypatch.setattr(benchmarks("denoise.details"), "without_time", lambda f, *_: denoise(f))

    return replace


def test_frames_passed_on_keep_what_must_be_kept(benchmarks, as_if):
    as_if(lambda frames: frames)
    cases, details, scenes = (benchmarks(f"denoise.{name}") for name in ("cases", "details", "scenes"))
    kept = [
        *cases.untouched(scenes.drawn((48, 64), 4)),
        *cases.means(20),
        *details.faint_detail((32, 40), 20),
        *details.ghosts((32, 48), 30),
    ]
    assert all(row.met for row in kept)
    noise_stays = [*cases.impulses(FLAT), cases.dead_pixel((24, 32), 4)[0]]
    assert [row.met for row in noise_stays] == [False, False]
    assert not any(row.met for row in details.still_scene(FLAT[0], tiny=True))


def test_damage_is_noticed(benchmarks, as_if):
    as_if(lambda frames: np.broadcast_to(frames[:1] // 2, frames.shape).copy())
    cases, details, scenes = (benchmarks(f"denoise.{name}") for name in ("cases", "details", "scenes"))
    lost = [
        *cases.untouched(scenes.drawn((48, 64), 4)),
        *cases.means(20),
        *details.faint_detail((32, 40), 20),
    ]
    assert not any(row.met for row in lost)


def test_a_ghost_is_measured(benchmarks, as_if):
    """A recursion without motion leaves most of a slow disc behind."""

    def smear(frames):
        out = frames.astype(float)
        for before, now in zip(out, out[1:], strict=False):
            now += 0.95 * (before - now)
        return out.round().astype(np.uint8)

    as_if(smear)
    details = benchmarks("denoise.details")
    details.without_time = lambda frames, *_: frames
    (row,) = details.ghosts((32, 48), 40)
    assert not row.met and int(row.result.split()[0]) > 15


@pytest.mark.parametrize("arguments", [["nonsense"], ["realistic", "--kinds", "pink"]])
def test_wrong_arguments_are_refused(benchmarks, capsys, arguments):
    with pytest.raises(SystemExit):
        benchmarks("denoise.__main__").main(arguments)
    assert arguments[-1] in capsys.readouterr().err


def test_the_command_answers_the_parts_that_are_asked(benchmarks, capsys):
    main = benchmarks("denoise.__main__").main
    main(["realistic", "--tiny", "--kinds", "bayer", "--parts", "estimate"])
    shown = capsys.readouterr().out
    assert "| bayer | synthetic 1 |" in shown and "impulses" not in shown and "PSNR" not in shown
