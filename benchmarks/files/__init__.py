# SPDX-License-Identifier: Apache-2.0
"""From video file to video file: time and memory."""
