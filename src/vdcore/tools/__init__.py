# SPDX-License-Identifier: Apache-2.0
"""Tools made of the filters and files: comparison, viewing, fitting, noise of files."""
