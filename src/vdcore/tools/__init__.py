# SPDX-License-Identifier: Apache-2.0
"""Tools built on the filters and the file layer: comparison, viewing, fitting, noise of files."""
