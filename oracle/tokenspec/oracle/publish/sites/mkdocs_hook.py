"""A hook for MkDocs: fills the marked blocks of each page as `tokenspec docs sync` does, with pictures drawn into the page.

    hooks: [tokenspec_hook.py]                                                   in mkdocs.yml
    extra: {tokenspec: {policy: {refund: none}, catalogue: plans.toml}}          settings of your own, where wanted

`tokenspec_hook.py`, beside mkdocs.yml, is one line: `from tokenspec.oracle.publish.sites.mkdocs_hook import on_page_markdown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenspec.diagrams.blocks import MARKDOWN, BadBlock, filled
from tokenspec.diagrams.graph import Graph
from tokenspec.diagrams.markup import Content, Gallery, Text, markdown
from tokenspec.diagrams.picture import svg
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.publish.documents import finder
from tokenspec.oracle.publish.sites.settings import settings_of


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """The page's Markdown with its blocks filled. An unknown name, setting or catalogue ends the build with a message."""
    from mkdocs.exceptions import PluginError

    wanted = config.extra.get("tokenspec", {})
    folder = Path(config.config_file_path).parent
    try:
        catalogue, policy = settings_of(wanted.get("catalogue"), wanted.get("policy", {}), folder)
        find = finder(Path(page.file.abs_src_path).parent, catalogue, policy)
        return filled(text, replace(MARKDOWN, write=_inline), find).text
    except BadBlock as fault:
        raise PluginError(f"{page.file.src_uri}:{fault.line}: {fault.rule}") from None
    except (BadSetting, OSError) as fault:
        raise PluginError(f"tokenspec: {fault}") from None


def _inline(content: Content, options: Mapping[str, str]) -> Text:
    """Pictures within the page; MkDocs would not find files that are written while it builds."""
    if isinstance(content, Graph):
        return Text(_drawn(content), {})
    if isinstance(content, Gallery):
        return Text("\n\n".join(f"### {name}\n\n{says}\n\n{_drawn(graph)}" for name, graph, says in content.pictures), {})
    return markdown(content, options)


def _drawn(graph: Graph) -> str:
    # In one line within a block of its own: nothing in it is Markdown.
    return f"<div>{svg(graph).replace(chr(10), ' ')}</div>"
