# SPDX-License-Identifier: Apache-2.0
"""`strength` by name: factors of the noise that was estimated."""

import numpy as np
import pytest

from helpers.denoising import LOOKAHEADS, as_type, psnr, scene, stream
from helpers.support import assert_same_bits
from vdcore import Denoiser, denoise, estimate_noise

NAMES = {"light": 0.7, "auto": 1.0, "strong": 1.4}


@pytest.mark.parametrize("name, factor", NAMES.items())
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_name_is_a_factor_of_the_standard_deviation(name, factor, dtype):
    frames = as_type(scene(5)[1], dtype)[0]
    assert_same_bits(denoise(frames, name), denoise(frames, estimate_noise(frames).multiplied(factor)))


@pytest.mark.parametrize("name, factor", NAMES.items())
def test_a_stream_assumes_so_much_of_what_it_measures(name, factor):
    auto, named = Denoiser(), Denoiser(name)
    for frame in scene(4)[1]:
        auto(frame), named(frame)
        np.testing.assert_allclose(named.info.noise.sigma, factor * auto.info.noise.sigma, rtol=1e-12)
        values = np.linspace(0, 255, 9)[:, None] * np.ones(3)
        expected = factor**2 * auto.info.noise.variance(values)
        np.testing.assert_allclose(named.info.noise.variance(values), expected, atol=1e-9)


def test_stronger_is_smoother_and_auto_near_the_best():
    clean, noisy = scene()
    quality, change = {}, {}
    for name in NAMES:
        result = denoise(noisy, name)
        quality[name] = psnr(result, clean)
        change[name] = np.square(result.astype(float) - noisy).mean()
    assert change["light"] < change["auto"] < change["strong"]
    assert quality["light"] < quality["auto"] > quality["strong"] - 0.8


@LOOKAHEADS
def test_a_stream_by_name_is_saved_and_restored(lookahead):
    frames = scene(6, 64, 48)[1]
    expected = stream(Denoiser("light", lookahead=lookahead), frames)
    denoiser = Denoiser("light", lookahead=lookahead)
    results = [result for frame in frames[:3] if (result := denoiser(frame)) is not None]
    resumed = Denoiser.from_state(denoiser.state())
    assert resumed.parameters.strength == "light"
    assert_same_bits(np.stack([*results, *stream(resumed, frames[3:])]), expected)


@pytest.mark.parametrize("name", ["Auto", "ligth", "", "medium", "1"])
def test_misspelt(name):
    match = f"strength must be 'light', 'auto', 'strong', a standard deviation >= 0 .* got '{name}'"
    with pytest.raises(ValueError, match=match):
        Denoiser(name)
    with pytest.raises(ValueError, match=match):
        denoise(np.zeros((2, 9, 9)), name)
