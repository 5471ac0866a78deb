"""A Sphinx extension: `.. tokenspec:: NAME` shows a content that `tokenspec docs list` lists.

    extensions = ["tokenspec.oracle.publish.sites.sphinx_extension"]          in conf.py
    tokenspec_policy = {"refund": "none"}                             other answers to open questions, where wanted
    tokenspec_catalogue = "plans.toml"                                a catalogue of your own, from the folder of conf.py

Pictures are drawn into HTML; other builders leave them out.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tokenspec.diagrams.blocks import BadBlock
from tokenspec.diagrams.markup import rst
from tokenspec.oracle.base.errors import BadSetting
from tokenspec.oracle.base.provenance import own_version
from tokenspec.oracle.publish.documents import site_finder


class Tokenspec(SphinxDirective):
    """A table or picture of the declared account, by name."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[Any] = {}

    def run(self) -> list[nodes.Node]:
        """Returns the nodes of the content. An unknown name, setting or catalogue is an error of the document."""
        try:
            folder, config = Path(self.env.srcdir), self.config
            find = site_finder(folder, folder, config.tokenspec_catalogue, config.tokenspec_policy)
            content = find(" ".join(self.arguments[0].split()), {})
        except BadBlock as fault:
            raise self.error(fault.rule) from None
        except BadSetting as fault:
            raise self.error(str(fault)) from None
        except OSError as fault:
            raise self.error(f"{fault.filename}: {fault.strerror}") from None
        return self.parse_text_to_nodes(replace(rst, within=True)(content, {}).text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the directive and its two settings."""
    app.add_config_value("tokenspec_policy", {}, "env", dict)
    app.add_config_value("tokenspec_catalogue", None, "env", (str, type(None)))
    app.add_directive("tokenspec", Tokenspec)
    return {"version": own_version(), "parallel_read_safe": True, "parallel_write_safe": True}
