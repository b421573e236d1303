# SPDX-License-Identifier: Apache-2.0
"""Sphinx settings; ``make docs`` builds the HTML."""

import vdcore

project = "vdcore"
copyright = "the vdcore developers"
version = release = vdcore.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
source_suffix = [".md"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # the README's links into the source tree

autodoc_member_order = "bysource"
numpydoc_class_members_toctree = False
autosummary_generate = False

html_theme = "alabaster"
