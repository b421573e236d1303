# SPDX-License-Identifier: Apache-2.0
"""The diffusion filter, compared with OpenCV, FFmpeg, SciPy and the minimum work of such a filter."""
