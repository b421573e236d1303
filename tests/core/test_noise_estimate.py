# SPDX-License-Identifier: Apache-2.0
"""`NoiseEstimate`: its words, its JSON, and arithmetic with it."""

import json

import numpy as np
import pytest

from vdcore import NoiseEstimate
from vdcore.noise import white_noise

Y, X = np.mgrid[:8, :8]
WHITE = np.ones((1, 8, 8))


def shaped(*channels, **more):
    """Noise of sd 10 with these spectra."""
    spectrum = np.stack(np.broadcast_arrays(*channels)).astype(float)
    sigma = np.full(len(channels), 10.0)
    return NoiseEstimate(sigma, 0 * sigma, sigma**2, spectrum / spectrum.mean(), **more)


SMOOTH = np.exp(-(Y + X) / 3)


@pytest.mark.parametrize(
    "noise, words",
    [
        (white_noise([0.0, 0.0, 0.0]), "no noise found"),
        (white_noise([3.0, 5.0, 4.0]), "noise 4.08"),
        (shaped(WHITE[0], WHITE[0], WHITE[0]), "noise 10"),
        (shaped(SMOOTH), "noise 10, smooth (about 1.8 px)"),
        (shaped(np.exp((Y + X) / 3)), "noise 10, sharpened"),
        (shaped(1 + 7 * (X == 0)), "noise 10, strong in rows"),
        (shaped(1 + 7 * (Y == 0)), "noise 10, strong in columns"),
        (shaped(WHITE[0], 2 * WHITE[0], 2 * WHITE[0]), "noise 10, chroma stronger"),
        (shaped(WHITE[0], 0.3 * WHITE[0], 0.3 * WHITE[0]), "noise 10, chroma weaker"),
        (shaped(WHITE[0], correlation=0.5), "noise 10, lasting over frames"),
        (shaped(SMOOTH, compressed=True), "noise 10, smooth (about 1.8 px), from a codec"),
        (NoiseEstimate(*np.array([[10.0], [0.9], [10.0]])), "noise 10, stronger in bright areas"),
        (NoiseEstimate(*np.array([[10.0], [-0.9], [190.0]])), "noise 10, stronger in dark areas"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_words(noise, words):
    assert noise.describe() == words


@pytest.mark.parametrize(
    "noise",
    [white_noise([0.0]), white_noise([1 / 3, 2.5, 1e-9]),
     shaped(SMOOTH, WHITE[0], WHITE[0], correlation=0.8, compressed=True)],
)  # fmt: skip
def test_json_keeps_every_bit(noise):
    again = NoiseEstimate.from_json(noise.to_json())
    for name, value in vars(noise).items():
        np.testing.assert_array_equal(getattr(again, name), value)
        assert type(getattr(again, name)) is type(value)


@pytest.mark.parametrize(
    "edits",
    [
        {"sigma": []},
        {"sigma": [-1.0]},
        {"sigma": [float("nan")]},
        {"sigma": [[1.0]]},
        {"sigma": [1.0, 2.0]},
        {"sigma": "much"},
        {"gain": [float("inf")]},
        {"offset": None},
        {"spectrum": [[1.0] * 8] * 8},
        {"spectrum": [[[1.0] * 8] * 8] * 2},
        {"spectrum": [[[1.0] * 8] * 7]},
        {"spectrum": [[[-1.0] * 8] * 8]},
        {"spectrum": [[[0.0] * 8] * 8]},
        {"spectrum": [[[float("nan")] * 8] * 8]},
        {"correlation": 1.0},
        {"correlation": -0.1},
        {"correlation": float("nan")},
        {"correlation": None},
        {"compressed": 1},
    ],
    ids=str,
)
def test_damaged_json_is_refused(edits):
    values = json.loads(shaped(SMOOTH).to_json())
    with pytest.raises(ValueError):
        NoiseEstimate.from_json(json.dumps(values | edits))
    for name in values:
        with pytest.raises(ValueError):
            NoiseEstimate.from_json(json.dumps({key: values[key] for key in values if key != name}))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"noise"', "{}"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError):
        NoiseEstimate.from_json(text)


def test_other_samples_and_other_strength():
    """Samples times 3: the line is of the new samples. Noise times 3: of the old ones."""
    noise = NoiseEstimate(*np.array([[10.0], [0.5], [40.0]]), WHITE, 0.5, True)
    values = np.array([0.0, 100.0])
    np.testing.assert_allclose(noise.scaled(3).variance(3 * values), 9 * noise.variance(values))
    np.testing.assert_allclose(noise.multiplied(3).variance(values), 9 * noise.variance(values))
    for other in noise.scaled(3), noise.multiplied(3):
        assert other.sigma == [30.0]
        assert (other.correlation, other.compressed) == (0.5, True) and other.spectrum is WHITE
