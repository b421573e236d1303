# SPDX-License-Identifier: Apache-2.0
"""The denoiser, beside FFmpeg's and OpenCV's: quality, moving scenes, camera noise, speed, memory."""
