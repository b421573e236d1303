# SPDX-License-Identifier: Apache-2.0
"""The heat equation against its kernel, sparse matrices and a sparse solve; its distance to the Gaussian."""

import pickle
from functools import cache

import numpy as np
import pytest
from scipy.special import ive

import oracles
import vdcore
from helpers.support import DTYPES, noise
from helpers.videos import write_video
from oracles import diffusion
from vdcore import models

TOLERANCE = {"uint8": 1e-3, "uint16": 1e-5, "float32": 1e-5, "float64": 1e-12}
SIGMAS = [0.3, 1.0, (2.0, 0.0), (1.5, 4.0), 9.0, 60.0]


def filtered(frame, sigma, model="laplacian", **keywords):
    channel_axis = -1 if frame.ndim == 3 else None
    return vdcore.diffuse_frame(frame, sigma, model=model, channel_axis=channel_axis, **keywords)


def check(got, expected, dtype):
    """As the promise for integers and floats: rounding and the tolerance."""
    limit = TOLERANCE[dtype] * oracles.RANGE[dtype] + (0.5 if np.dtype(dtype).kind == "u" else 0)
    np.testing.assert_allclose(got.astype(float), expected, rtol=0, atol=limit)


# ---- the oracle


def test_the_oracle_conserves_and_is_the_kernel():
    line = diffusion.line_operator(101, 3.0)
    np.testing.assert_allclose(line.sum(axis=0), 1, rtol=0, atol=1e-14)
    offsets = np.abs(np.arange(101) - 50)
    np.testing.assert_allclose(line[50], ive(offsets, 9.0), rtol=0, atol=1e-15)


@pytest.mark.parametrize("sigma", [0.7, 3.0, (1.0, 2.5)])
def test_the_oracles_agree(sigma):
    """The kernel, the exponential of the sparse matrix and small explicit steps."""
    frame = np.random.default_rng(1).uniform(size=(13, 17, 2))
    by_kernel, _ = diffusion.heat(frame, sigma, 0.8)
    by_matrix, _ = diffusion.heat(frame, sigma, np.full((13, 17), 0.8))
    np.testing.assert_allclose(by_matrix, by_kernel, rtol=0, atol=1e-12)
    u, steps = frame, 4000
    sigma_y, sigma_x = np.broadcast_to(sigma, 2)
    below, right = diffusion.faces(np.full((13, 17), 0.8 / steps), diffusion.harmonic_mean)
    for _ in range(steps):
        u = u + diffusion.divergence(u, below * sigma_y**2 / 2, right * sigma_x**2 / 2)
    np.testing.assert_allclose(u, by_kernel, rtol=0, atol=1e-3)


# ---- the filter


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sigma", SIGMAS, ids=str)
@pytest.mark.parametrize("diffusivity", [1.0, 0.3])
def test_frames(dtype, sigma, diffusivity, instruction_set):
    frame = noise(dtype, (37, 53, 3))
    expected, _ = diffusion.heat(frame, sigma, diffusivity)
    check(filtered(frame, sigma, models.Laplacian(diffusivity)), expected, dtype)


def test_an_impulse_becomes_the_kernel():
    frame = np.zeros((41, 41))
    frame[20, 20] = 1
    kernel = ive(np.abs(np.arange(41) - 20), 2.25)
    np.testing.assert_allclose(filtered(frame, 1.5), np.outer(kernel, kernel), rtol=0, atol=1e-14)


@pytest.mark.parametrize("boundary", ["renormalize", "reflect", "nearest", "constant"])
def test_nothing_flows_across_the_edges(boundary):
    frame = noise("float64", (20, 30))
    got = filtered(frame, 3.0, boundary=boundary)
    np.testing.assert_array_equal(got, filtered(frame, 3.0))
    assert abs(got.mean() - frame.mean()) < 1e-14
    np.testing.assert_allclose(filtered(frame, 1e6), frame.mean(), rtol=0, atol=1e-13)


def test_steps_add_up():
    frame = noise("float64", (25, 31))
    np.testing.assert_allclose(filtered(filtered(frame, 3.0), 4.0), filtered(frame, 5.0), rtol=0, atol=1e-13)
    twice = filtered(frame, 2.0, models.Laplacian(2.25))
    np.testing.assert_allclose(twice, filtered(frame, 3.0), rtol=0, atol=1e-13)


def test_distance_to_the_sampled_gaussian():
    """Falls as 1 / sigma^2, relative to the kernel."""
    distances = []
    for sigma in 4.0, 8.0, 16.0:
        frame = np.zeros((1, 301))
        frame[0, 150] = 1
        gaussian = filtered(frame, (0.0, sigma), "gaussian", truncate=8)
        distances.append(np.abs(filtered(frame, (0.0, sigma)) - gaussian).max() / gaussian.max())
    np.testing.assert_allclose(np.divide(distances[:-1], distances[1:]), 4, rtol=0.1)


# ---- a diffusivity for every pixel


def regions(shape=(37, 53)):
    """Three regions and a wall with a gap."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    diffusivity = np.where(x < 20, 0.2, np.where(y < 15, 1.0, 3.0))
    diffusivity[4:, 33] = 0
    return diffusivity


@cache
def heat_through_regions(sigma):
    """The oracle's results for frames of each dtype, all at once."""
    frames = np.concatenate([noise(dtype, (37, 53, 3)).astype(np.float64) for dtype in DTYPES], axis=2)
    result, _ = diffusion.heat(frames, sigma, regions())
    return dict(zip(DTYPES, np.split(result, len(DTYPES), axis=2), strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "sigma", [*SIGMAS[:-1], 20.0, pytest.param(60.0, marks=pytest.mark.full)], ids=str
)  # the oracle's time grows with the square
def test_a_map(dtype, sigma, instruction_set):
    frame = noise(dtype, (37, 53, 3))
    check(filtered(frame, sigma, models.Laplacian(regions())), heat_through_regions(sigma)[dtype], dtype)


def test_a_map_of_one_value_is_that_number():
    frame = noise("float64", (20, 31))
    by_map = filtered(frame, 2.5, models.Laplacian(np.full((20, 31), 0.7)))
    np.testing.assert_allclose(by_map, filtered(frame, 2.5, models.Laplacian(0.7)), rtol=0, atol=1e-13)


def test_nothing_goes_through_a_wall():
    diffusivity = np.ones((20, 30))
    diffusivity[:, 12] = 0
    frame = noise("float64", (20, 30))
    got = filtered(frame, 1e3, models.Laplacian(diffusivity))
    np.testing.assert_array_equal(got[:, 12], frame[:, 12])
    for side in (np.s_[:, :12], np.s_[:, 13:]):
        np.testing.assert_allclose(got[side], frame[side].mean(), rtol=0, atol=1e-12)


def test_infilling_through_a_map_is_harmonic():
    frame, known = scattered()
    diffusivity = np.random.default_rng(5).uniform(0.1, 2, frame.shape)
    got = filtered(frame, 300.0, models.Laplacian(diffusivity))
    expected = diffusion.harmonic(np.where(known, frame, 0), known, diffusivity)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


def test_the_map_is_a_copy_of_any_array():
    frame = noise("float32", (37, 53))
    diffusivity = regions().astype(np.float32)
    model = models.Laplacian(diffusivity)
    expected = filtered(frame, 2.0, model)
    strided = np.zeros((53, 74), np.float32)
    strided[::-1, ::2] = diffusivity.T
    np.testing.assert_array_equal(filtered(frame, 2.0, models.Laplacian(strided[::-1, ::2].T)), expected)
    np.testing.assert_array_equal(filtered(frame, 2.0, models.Laplacian(diffusivity.tolist())), expected)
    diffusivity[:] = 0
    np.testing.assert_array_equal(filtered(frame, 2.0, model), expected)
    with pytest.raises(ValueError, match="read-only"):
        model.diffusivity[0, 0] = 1


def test_maps_are_compared_by_value():
    model = models.Laplacian(regions())
    assert model == models.Laplacian(regions()) and hash(model) == hash(models.Laplacian(regions()))
    assert model != models.Laplacian(2 * regions()) and model != models.Laplacian() != models.PeronaMalik(1)
    assert (
        models.Laplacian(2) == models.Laplacian(2.0)
        and len({models.Laplacian(2), models.Laplacian(2.0)}) == 1
    )
    assert models.Laplacian(np.full((3, 4), 1.0)) != models.Laplacian(np.full((4, 3), 1.0))
    with pytest.raises(ValueError, match="a map has no string form"):
        models.text_of(model)


@pytest.mark.parametrize("keywords", [{}, {"lookahead": 1}, {"gate": 0.1}], ids=str)
@pytest.mark.parametrize("pushed", [0, 2])
def test_the_map_goes_where_the_state_goes(keywords, pushed):
    video = noise("float32", (6, 37, 53, 3))
    diffuser = vdcore.Diffuser(2, 3, model=models.Laplacian(regions()), threads=1, **keywords)
    for frame in video[:pushed]:
        diffuser(frame)
    restored = vdcore.Diffuser(1, 1, threads=1)
    restored.restore(diffuser.state())
    twins = [diffuser.copy(), pickle.loads(pickle.dumps(diffuser)), restored]
    expected = diffuser.push_many(video[pushed:])
    for twin in twins:
        assert twin.parameters == diffuser.parameters
        np.testing.assert_array_equal(twin.push_many(video[pushed:]), expected)
    diffuser.reset()
    twins[0].reset()
    np.testing.assert_array_equal(diffuser.push_many(video), twins[0].push_many(video))


@pytest.mark.parametrize(
    "diffusivity, error, message",
    [
        (np.full((3, 4), -1.0), ValueError, "finite and >= 0 everywhere, got values from -1.0 to -1.0"),
        (np.full((3, 4), np.inf), ValueError, "finite and >= 0 everywhere"),
        (np.full((3, 4), np.nan), ValueError, "finite and >= 0 everywhere"),
        (np.ones((3, 4, 1)), ValueError, r"a number or of shape \(H, W\), got \(3, 4, 1\)"),
        (np.array(1.0), ValueError, r"a number or of shape \(H, W\), got \(\)"),
        (np.ones((0, 4)), ValueError, "must not be empty"),
        (np.ones((3, 4), int), TypeError, "dtype float32 or float64"),
        (0, ValueError, "> 0, got 0"),
        ("1", TypeError, "a finite number > 0"),
    ],
)
def test_a_wrong_diffusivity_is_refused(diffusivity, error, message):
    with pytest.raises(error, match=message):
        models.Laplacian(diffusivity)


@pytest.mark.parametrize("keywords", [{}, {"lookahead": 2}, {"gate": 0.1, "lookahead": 2}], ids=str)
def test_a_map_of_another_shape_is_refused_before_anything_is_done(keywords, tmp_path):
    model = models.Laplacian(np.ones((37, 53)))
    video = noise("uint8", (3, 53, 37, 3))
    message = r"diffusivity must have the shape of the frames, \(53, 37\), got \(37, 53\)"
    out = np.zeros_like(video)
    diffuser = vdcore.Diffuser(1, 1, model=model, **keywords)
    calls = [
        lambda: vdcore.diffuse(video, 1, 1, model=model, out=out, **keywords),
        lambda: diffuser(video[0], out=out[0]),
        lambda: diffuser.push_many(video, out=out),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()
    assert not out.any() and diffuser.info.frames == 0
    vdcore.diffuse(np.moveaxis(video, -1, 1).swapaxes(2, 3), 1, 1, model=model, channel_axis=1, **keywords)


@pytest.mark.usefixtures("backend")
def test_a_video_of_another_shape_is_refused(tmp_path):
    pytest.importorskip("cv2")
    write_video(tmp_path / "in.avi", noise("uint8", (3, 48, 64, 3)))
    with pytest.raises(ValueError, match=r"the shape of the frames, \(48, 64\), got \(3, 4\)"):
        vdcore.diffuse_video(
            tmp_path / "in.avi", tmp_path / "out.avi", 1, 1, model=models.Laplacian(np.ones((3, 4)))
        )
    assert not (tmp_path / "out.avi").exists()


# ---- held pixels


def scattered(shape=(24, 30), share=0.05, seed=3):
    """A frame that is NaN away from a few known pixels, and which these are."""
    known = np.random.default_rng(seed).uniform(size=shape) < share
    frame = noise("float64", shape)
    return np.where(known, frame, np.nan), known


def test_known_pixels_are_held_and_the_rest_is_theirs():
    frame, known = scattered()
    got = filtered(frame, 6.0)
    np.testing.assert_array_equal(got[known], frame[known])
    sums, weights = diffusion.heat(np.where(known, frame, 0), 6.0, 1.0, known, known)
    reached = weights > 1e-6
    np.testing.assert_allclose(got[reached], (sums / weights)[reached], rtol=0, atol=1e-8)


def test_infilling_is_harmonic():
    frame, known = scattered()
    got = filtered(frame, 300.0)
    np.testing.assert_allclose(got, diffusion.harmonic(np.where(known, frame, 0), known), rtol=0, atol=1e-10)


def test_a_region_spreads_through_the_video():
    """Frame after frame, towards the in-filling between what is held."""
    frame, known = scattered()
    wanted = diffusion.harmonic(np.where(known, frame, 0), known)
    video = np.repeat(frame[None], 40, axis=0)
    got = vdcore.diffuse(video, 4.0, np.inf, model="laplacian")
    distance = np.nanmax(np.abs(got - wanted), axis=(1, 2))
    assert distance[-1] < 1e-3 and distance[-1] < distance[10] < distance[2]
    np.testing.assert_array_equal(got[:, known], video[:, known])


def test_what_was_known_once_is_not_held():
    """A region that goes missing diffuses from what it was, however long the memory."""
    video = noise("float64", (2, 20, 30))
    confidence = np.ones(video.shape, np.float32)
    confidence[1, 5:15, 5:20] = 0
    forever, long = (vdcore.diffuse(video, 3.0, tau, model="laplacian", confidence=confidence)
                     for tau in (np.inf, 1e4))  # fmt: skip
    np.testing.assert_allclose(forever, long, rtol=0, atol=1e-3)
