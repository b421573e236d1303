# SPDX-License-Identifier: Apache-2.0
"""What all models have in common: their texts, their place in the diffuser, states, masks, edges, threads."""

import copy
import pickle

import numpy as np
import pytest

import vdcore
from vdcore import models

EACH = [
    models.Bilateral(20.0),
    models.NonLocalMeans(30.0, noise=5.0, patch=1, search=3),
    models.Laplacian(0.6),
    models.PeronaMalik(12.0),
    models.PeronaMalik(9.0, "rational"),
]
PADDED = EACH[:2]  # the others reflect at the edges whatever the boundary
SIGMA = 1.2


def frames(count=4, shape=(24, 31, 3), dtype=np.uint8, seed=1):
    """Noise on blocks of different brightness."""
    rng = np.random.default_rng(seed)
    height, width = shape[:2]
    blocks = 60 * ((np.arange(height) // 8 % 2)[:, None] + (np.arange(width) // 9) % 3) + 30
    values = blocks.reshape(height, width, *[1] * (len(shape) - 2)) + rng.normal(0, 8, (count, *shape))
    values = np.clip(values, 0, 255)
    return (
        np.rint(values).astype(np.uint8)
        if dtype == np.uint8
        else (values * range_of(dtype) / 255).astype(dtype)
    )


def range_of(dtype):
    return {"uint8": 255, "uint16": 65535}.get(np.dtype(dtype).name, 1)


def scaled(model, dtype):
    """The same model for samples of another range."""
    factor = range_of(dtype) / 255
    if isinstance(model, models.Bilateral):
        return models.Bilateral(model.range_sigma * factor)
    if isinstance(model, models.PeronaMalik):
        return models.PeronaMalik(model.contrast * factor, model.diffusivity)
    if isinstance(model, models.Laplacian):
        return model
    return models.NonLocalMeans(model.strength * factor, model.noise * factor, model.patch, model.search)


@pytest.fixture(params=EACH, ids=models.text_of)
def model(request):
    return request.param


# ---- texts


def test_a_text_stands_for_a_model(model):
    assert models.resolve(models.text_of(model)) == model
    assert models.resolve(model) is model
    assert models.resolve("gaussian") == models.Gaussian()


@pytest.mark.parametrize(
    "text, message",
    [
        ("bilateral", "needs range_sigma"),
        ("bilateral:range_sigma=x", "range_sigma .* must be a number, got 'x'"),
        ("bilateral:range_sigma=-1", "range_sigma must be a finite number > 0, got -1"),
        ("bilateral:sigma=3", "has range_sigma, got 'sigma=3'"),
        ("gaussian:sigma=3", "has no parameters"),
        ("nonlocal_means:strength=9,search=0", "search must be an integer from 1"),
        ("nonlocal_means:strength=9,patch=1.5", "patch .* must be a number"),
        ("cubic:a=1", "model must be one of"),
    ],
)
def test_a_wrong_text_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        vdcore.Diffuser(1, 1, model=text)


def test_sums_as_written_are_for_the_linear_model(model):
    with pytest.raises(ValueError, match="normalize must be True"):
        vdcore.Diffuser(1, 1, model=model, normalize=False)


# ---- in the diffuser


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(24, 31), (24, 31, 1), (24, 31, 3), (24, 31, 4), (1, 9), (9, 1), (1, 1)])
def test_every_dtype_and_shape(model, dtype, shape):
    video = frames(3, shape, dtype)
    result = vdcore.diffuse(
        video, SIGMA, 2, model=scaled(model, dtype), channel_axis=-1 if len(shape) == 3 else None
    )
    assert result.shape == video.shape and result.dtype == dtype
    assert np.isfinite(result.astype(float)).all()
    slack = 0 if np.dtype(dtype).kind == "u" else 1e-6
    assert video.min() - slack <= result.min() and result.max() <= video.max() + slack


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_a_constant_video_stays_exactly_constant(model, dtype):
    video = np.full((5, 20, 22, 3), 0.3 * range_of(dtype), dtype)
    for boundary in ("renormalize", "reflect", "nearest"):
        np.testing.assert_array_equal(
            vdcore.diffuse(video, SIGMA, 3, model=scaled(model, dtype), boundary=boundary), video
        )


def test_noise_falls_and_edges_stay(model):
    video = frames(1, (48, 54), np.float64)
    smooth = vdcore.diffuse(video, SIGMA, 0, model=scaled(model, np.float64))[0] * 255
    blocks = smooth[:48, :54].reshape(6, 8, 6, 9)
    inside = blocks[:, 2:-2, :, 2:-2]
    assert inside.std(axis=(1, 3)).mean() < 0.6 * 8
    means = inside.mean(axis=(1, 3))
    assert np.abs(np.diff(means, axis=0)).min() > 55


@pytest.mark.parametrize("boundary", ["renormalize", "reflect", "nearest", "constant"])
def test_the_same_bits_for_any_number_of_threads(model, boundary, instruction_set):
    video = frames(3, (90, 400, 3))
    expected = vdcore.diffuse(video, SIGMA, 2, model=model, boundary=boundary, cval=40, threads=1)
    for threads in 2, 3, 5:
        got = vdcore.diffuse(video, SIGMA, 2, model=model, boundary=boundary, cval=40, threads=threads)
        np.testing.assert_array_equal(got, expected)


def test_strides_do_not_matter(model):
    video = frames(3)
    expected = vdcore.diffuse(video, SIGMA, 2, model=model)
    planar = np.ascontiguousarray(np.moveaxis(video, -1, 1))
    got = vdcore.diffuse(planar, SIGMA, 2, model=model, channel_axis=1)
    np.testing.assert_array_equal(np.moveaxis(got, 1, -1), expected)
    turned = vdcore.diffuse(video[:, ::-1, ::-1], SIGMA, 2, model=model)
    np.testing.assert_array_equal(turned, vdcore.diffuse(video[:, ::-1, ::-1].copy(), SIGMA, 2, model=model))
    slack = 1 if isinstance(model, models.NonLocalMeans) else 0  # it adds up in one order of the shifts
    np.testing.assert_allclose(turned[:, ::-1, ::-1].astype(int), expected, rtol=0, atol=slack)


@pytest.mark.parametrize("model", PADDED, ids=models.text_of)
@pytest.mark.parametrize("boundary", ["reflect", "nearest"])
def test_edges_are_those_of_a_padded_picture(model, boundary):
    video = frames(1, (30, 26), np.float64)
    mode = {"reflect": "symmetric", "nearest": "edge"}[boundary]
    padded = np.pad(video, ((0, 0), (12, 12), (12, 12)), mode)
    options = {"model": scaled(model, np.float64)}
    expected = vdcore.diffuse(padded, SIGMA, 0, **options)[:, 12:-12, 12:-12]
    np.testing.assert_allclose(
        vdcore.diffuse(video, SIGMA, 0, boundary=boundary, **options), expected, atol=1e-12
    )


def test_missing_samples_are_filled_and_do_not_count(model):
    video = frames(2, (24, 31), np.float32)
    holes = np.random.default_rng(2).random(video.shape) < 0.2
    options = {"model": scaled(model, np.float32), "fill": -1.0}
    got = vdcore.diffuse(np.where(holes, np.nan, video), SIGMA, 1, **options)
    assert np.isfinite(got).all()
    assert (got >= 0).mean() > 0.99  # Perona-Malik does not reach into the largest holes
    unseen = np.where(holes, np.float32(7e3), video)
    np.testing.assert_array_equal(got, vdcore.diffuse(unseen, SIGMA, 1, confidence=~holes, **options))


def test_holes_of_one_frame_are_not_those_of_the_next(model):
    video = frames(4, (24, 31), np.float32)
    holes = np.random.default_rng(4).random(video.shape) < 0.2
    holes[[0, 2]] = False
    video[holes] = np.nan
    options = {"model": scaled(model, np.float32), "fill": -1.0}
    together = vdcore.diffuse(video, SIGMA, 0, **options)
    for frame, expected in zip(video, together, strict=True):
        np.testing.assert_allclose(vdcore.diffuse(frame[None], SIGMA, 0, **options)[0], expected, atol=1e-6)


def test_held_sources_spread_to_harmonic_in_filling():
    """After many frames every unknown pixel is the mean of its neighbours."""
    rng = np.random.default_rng(3)
    height, width = 14, 17
    known = np.zeros((height, width), bool)
    known[0], known[-1], known[:, 0], known[5, 8] = True, True, True, True
    frame = np.where(known, rng.random((height, width)), np.nan)
    diffuser = vdcore.Diffuser(3, np.inf, model=models.Laplacian())
    results = [diffuser(frame) for _ in range(150)]
    np.testing.assert_array_equal(results[0][known], frame[known])
    np.testing.assert_array_equal(results[-1][known], frame[known])
    filled = np.pad(results[-1], 1, "edge")
    means = (filled[:-2, 1:-1] + filled[2:, 1:-1] + filled[1:-1, :-2] + filled[1:-1, 2:]) / 4
    inner = ~known  # at the open edge a neighbour is the pixel itself
    np.testing.assert_allclose(results[-1][inner], means[inner], atol=2e-5)
    assert np.isnan(results[0]).sum() <= np.isnan(frame).sum()


def test_a_mask_of_ones_is_no_mask(model):
    video = frames(2, (24, 31), np.float64)
    options = {"model": scaled(model, np.float64)}
    expected = vdcore.diffuse(video, SIGMA, 1, **options)
    got = vdcore.diffuse(video, SIGMA, 1, confidence=np.ones((24, 31)), **options)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_a_still_video_gives_its_first_frame_every_time(model):
    video = frames(1, (24, 31), np.float64)
    still = np.repeat(video, 6, axis=0)
    options = {"model": scaled(model, np.float64)}
    single = vdcore.diffuse(video, SIGMA, 0, **options)[0]
    for result in vdcore.diffuse(still, SIGMA, 3, **options):
        np.testing.assert_allclose(result, single, atol=1e-12)


def test_states_copies_and_batches_go_on_with_the_same_bits(model):
    video = frames(8)
    for lookahead in 0, 2:
        options = {"model": model, "lookahead": lookahead}
        expected = vdcore.diffuse(video, SIGMA, 2, **options)
        first = vdcore.Diffuser(SIGMA, 2, **options)
        done = [result for frame in video[:5] if (result := first(frame)) is not None]
        twins = [
            first.copy(),
            copy.deepcopy(first),
            pickle.loads(pickle.dumps(first)),
            vdcore.Diffuser.from_state(first.state()),
        ]
        for twin in twins:
            assert twin.parameters == first.parameters
            rest = [*twin.push_many(video[5:]), *twin.flush()]
            np.testing.assert_array_equal(np.stack([*done, *rest]), expected)


def test_reset_forgets(model):
    video = frames(3)
    diffuser = vdcore.Diffuser(SIGMA, 2, model=model)
    first = [diffuser(frame) for frame in video]
    diffuser.reset()
    np.testing.assert_array_equal([diffuser(frame) for frame in video], first)
    assert diffuser.info.method in ("float", "double")


def test_region(model):
    video = frames(2)
    everywhere = vdcore.diffuse(video, SIGMA, 1, model=model)
    got = vdcore.diffuse(video, SIGMA, 1, model=model, region=(5, 4, 10, 9))
    inside = np.zeros(video.shape[1:3], bool)
    inside[4:13, 5:15] = True
    np.testing.assert_array_equal(got[:, inside], everywhere[:, inside])
    np.testing.assert_array_equal(got[:, ~inside], video[:, ~inside])


def test_a_kernel_much_wider_than_the_picture():
    video = frames(1, (9, 11), np.float64)
    for model in models.Bilateral(0.2), models.Laplacian():
        result = vdcore.diffuse(video, 1e5, 0, model=model)
        assert np.isfinite(result).all()
    np.testing.assert_allclose(vdcore.diffuse(video, 1e5, 0, model="laplacian"), video.mean(), rtol=1e-9)
    assert video.min() < vdcore.diffuse(video, 1e5, 0, model=models.Bilateral(1e9)).mean() < video.max()
