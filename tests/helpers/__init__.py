# SPDX-License-Identifier: Apache-2.0
"""What tests share: frames, videos, scattered sources, and the judges of results."""
