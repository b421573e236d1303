# SPDX-License-Identifier: Apache-2.0
"""Expected values are kept, whatever the brightness, the sample type and the range."""

import numpy as np
import pytest

from vdcore import NoiseEstimate, denoise


def line(gain, offset, value):
    """Noise of the variance gain * v + offset, and its standard deviation at `value`."""
    return NoiseEstimate(*(np.array([x]) for x in ((gain * value + offset) ** 0.5, gain, offset)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("photons", [0.3, 1, 4])
def test_photon_noise_is_not_weighted_by_itself(photons, channels):
    """Were the variance taken from the noisy samples alone, dark ones would get more weight: -6 % at 0.3."""
    shape = (30, 96, 128) if channels == 1 else (30, 64, 96, 3)
    frames = np.random.default_rng(1).poisson(photons, shape).astype(np.float32)
    result = denoise(frames, line(1, 0, photons), motion=None)
    assert result[10:].mean() == pytest.approx(frames[10:].mean(), rel=0.01)
    assert result[10:].std() < 0.2 * frames[10:].std()
