# SPDX-License-Identifier: Apache-2.0
"""The models that depend on the picture, compared with other implementations."""
