# SPDX-License-Identifier: Apache-2.0
"""Files: where they are written, and whether they are whole."""
