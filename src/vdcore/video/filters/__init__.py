# SPDX-License-Identifier: Apache-2.0
"""Filters as stages of the pipeline."""
