# SPDX-License-Identifier: Apache-2.0
"""The denoiser, compared with FFmpeg's and OpenCV's: quality, motion, camera noise, speed, memory."""
