# SPDX-License-Identifier: Apache-2.0
"""Readers and writers, one pair for each library that decodes and encodes."""
