# SPDX-License-Identifier: Apache-2.0
"""Sphinx settings. ``make docs`` builds the site into docs/_build/html and checks it."""

import sys
import tomllib
import warnings
from pathlib import Path

import vdcore

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]

project = "vdcore"
author = "The vdcore developers"
copyright = "2026, the vdcore developers"
version = release = vdcore.__version__

extensions = [
    "benchmark_figures",
    "docstrings",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx-mathjax-offline",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "**/sg_execution_times.rst", "sg_execution_times.rst"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
default_role = "name"  # `name` in a docstring: code, and a link where it is public
smartquotes = False  # options start with two hyphens, not with a dash

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give types in words
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

mathjax_path = "mathjax/tex-chtml.js"  # local, from sphinx-mathjax-offline
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "gallery_order.RecipeOrder",
    "capture_repr": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 3600,
    "matplotlib_animations": False,
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib", "gallery_order.readable_figures"),
    "remove_config_comments": True,
}
warnings.filterwarnings("ignore", message="Matplotlib is currently using agg", category=UserWarning)

html_theme = "furo"
html_title = "vdcore"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e75", "color-brand-content": "#0b6e75"},
    "dark_css_variables": {"color-brand-primary": "#5cc7cf", "color-brand-content": "#5cc7cf"},
    "footer_icons": [
        {"name": "Source code", "url": PROJECT["urls"]["Source"], "html": "source", "class": "source-link"}
    ],
}
