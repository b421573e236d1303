# SPDX-License-Identifier: Apache-2.0
"""How good and how fast is the video denoiser, beside others? `python -m benchmarks.denoise CLIP...`."""
