# SPDX-License-Identifier: Apache-2.0
"""How docstrings and command help become pages.

`name` in a docstring is code, and a link where a public object has that name. Examples in the help of a
command, the paragraphs after a ``\\b``, become blocks that can be copied.
"""

import re
from typing import Any

import click
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PREFIXES = ("", "vdcore.", "vdcore.models.", "vdcore.video.")


def name_role(
    name: str, raw: str, text: str, line: int, inliner: Any, *_: Any, **__: Any
) -> tuple[list[nodes.Node], list[Any]]:
    """Code, and a reference that may stay unresolved."""
    scope = inliner.document.settings.env.ref_context.get("py:class", "")
    reference = addnodes.pending_xref(raw, reftype="public-name", reftarget=text, scope=scope)
    reference += nodes.literal(raw, text)
    return [reference], []


def resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Link to a documented object of that name, else leave the code as it is."""
    if node.get("reftype") != "public-name":
        return None
    domain = env.domains.python_domain
    target = node["reftarget"]
    scopes = [f"{scope}.{target}" for scope in (node["scope"], f"vdcore.{node['scope']}") if scope]
    for full in (*scopes, *(prefix + target for prefix in PREFIXES)):
        if full in domain.objects and full.startswith("vdcore."):
            found = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", full, node, content)
            if found is not None:
                return found
    return content


def protect_initials(app: Sphinx, kind: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Keep the initial of an author, as in ``.. [1] H. Knutsson``, from starting an enumerated list."""
    lines[:] = [re.sub(r"^(\s*\.\. \[[^\]]+\]\s+)([A-Z]\. )", r"\1\\\2", line) for line in lines]


def short_citations(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Show [1] where numpydoc has made the number unique within the page, as in [R7b0adf11cf2c-1]."""
    for text in list(doctree.findall(nodes.Text)):
        if short := re.fullmatch(r"\[?R[0-9a-f]{8,}-(\d+)\]?", text):
            text.parent.replace(text, nodes.Text(f"[{short[1]}]"))


def keep_options_whole(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Mark code of short words, so that an option such as --json does not break after its hyphens."""
    for code in doctree.findall(nodes.literal):
        if max(map(len, code.astext().split()), default=0) <= 24:
            code["classes"].append("short")


def command_help(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Turn the line blocks that sphinx-click makes of examples into literal blocks."""
    result: list[str] = []
    within = False
    for line in lines:
        example = line.startswith("| ")
        text = line.removeprefix("| ").strip()
        if example and not text.startswith(("vdcore ", "ffmpeg ")):
            result.append(text)  # "Examples:"
            continue
        if example and not within:
            result += ["", ".. code-block:: console", ""]
        if within and not example:
            result.append("")
        within = example
        result.append(f"   $ {text}" if example else re.sub(r"\w+://[^\s,]+", r"``\g<0>``", line))
    lines[:] = result


def no_arguments(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Leave out the list of arguments, which only repeats the usage."""
    lines.clear()


def plain_signature(
    app: Sphinx, kind: str, name: str, item: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Write types in defaults by their name, and no signature for protocols, which are not called."""
    if getattr(item, "_is_protocol", False):
        return "", returns
    return re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", signature or "") or signature, returns


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("sphinx_click")
    app.add_role("name", name_role)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", protect_initials, priority=900)  # after numpydoc
    app.connect("doctree-resolved", short_citations)
    app.connect("doctree-resolved", keep_options_whole)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("sphinx-click-process-description", command_help)
    app.connect("sphinx-click-process-arguments", no_arguments)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
