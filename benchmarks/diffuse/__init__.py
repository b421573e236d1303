# SPDX-License-Identifier: Apache-2.0
"""The diffusion filter, beside OpenCV, FFmpeg, SciPy and the least work that such a filter has to do."""
