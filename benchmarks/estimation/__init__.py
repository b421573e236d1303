# SPDX-License-Identifier: Apache-2.0
"""Accuracy of `fit` and `estimate_noise`."""
