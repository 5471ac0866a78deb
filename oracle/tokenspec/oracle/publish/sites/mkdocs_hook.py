"""A hook for MkDocs: fills the marked blocks of each page as `tokenspec docs sync` does, with pictures drawn into the page.

    hooks: [tokenspec_hook.py]                                                   in mkdocs.yml
    extra: {tokenspec: {policy: {refund: none}, catalogue: plans.toml}}          settings of your own, where wanted

`tokenspec_hook.py`, beside mkdocs.yml, is one line: `from tokenspec.oracle.publish.sites.mkdocs_hook import on_page_markdown`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenspec.diagrams.blocks import MARKDOWN, BadBlock, filled
from tokenspec.diagrams.markup import markdown
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.publish.documents import site_finder


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """Returns the page's Markdown with its blocks filled; pictures inline, since MkDocs ignores files written during a build.

    An unknown name, setting or catalogue ends the build with a message.
    """
    from mkdocs.exceptions import PluginError

    wanted = config.extra.get("tokenspec", {})
    folder = Path(config.config_file_path).parent
    try:
        find = site_finder(Path(page.file.abs_src_path).parent, folder, wanted.get("catalogue"), wanted.get("policy", {}))
        return filled(text, replace(MARKDOWN, write=replace(markdown, within=True)), find).text
    except BadBlock as fault:
        raise PluginError(f"{page.file.src_uri}:{fault.line}: {fault.rule}") from None
    except (BadSetting, OSError) as fault:
        raise PluginError(f"tokenspec: {fault}") from None
