"""What is drawn: the same bytes each time, legible at the width of a page, described to those who cannot see it."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from picture_geometry import Geometry
from programs import has
from tokenspec.diagrams import picture
from tokenspec.diagrams.dot import dot
from tokenspec.diagrams.graph import Edge, Graph, Heat, Node, NodeShape, Stroke, members, strong
from tokenspec.diagrams.layout import BadPicture, drawn
from tokenspec.diagrams.mermaid import mermaid
from tokenspec.oracle.publish.gallery import pictures

SVG = "{http://www.w3.org/2000/svg}"
WIDEST_PT = 760
"""A thousand pixels, about the width of a README."""


def small(*lines: str, heat: Heat | None = None) -> Graph:
    nodes = tuple(Node(name, tuple(strong(line) for line in lines or (name,)), NodeShape.STATE) for name in ("end", "b"))
    return Graph("small", "A <title>", "Says & more.", nodes, (Edge("end", "b", (strong('"go" <now>'),), Stroke.JOB, heat=heat),))


def test_the_module_is_the_one_that_the_notices_name() -> None:
    vendor = files("tokenspec.diagrams") / "vendor"
    unpacked = lzma.decompress((vendor / "graphviz.wasm.xz").read_bytes())
    assert hashlib.sha256(unpacked).hexdigest() in (vendor / "NOTICES.md").read_text()


@pytest.mark.parametrize("name", pictures())
def test_every_picture_fits_a_page_and_is_described(name: str) -> None:
    graph = pictures()[name].draw(False)
    text = picture.svg(graph)
    drawn = ET.fromstring(text)
    assert float(drawn.attrib["width"].removesuffix("pt")) <= WIDEST_PT
    described = [drawn.find(f"{SVG}{part}") for part in ("title", "desc")]
    assert [part is not None and part.text for part in described] == [graph.title, graph.says]
    assert drawn.attrib["aria-labelledby"] == " ".join(part.attrib["id"] for part in described if part is not None)
    shown = " ".join(t.text or "" for t in drawn.iter(f"{SVG}text"))
    assert all(re.split(r"[ _]", node.lines[0].text)[0] in shown for node in members(graph) if node.lines)
    assert text == picture.svg(pictures()[name].draw(False))


@pytest.mark.parametrize("name", pictures())
def test_no_frame_and_no_edge_runs_through_a_text(name: str) -> None:
    for refusals in (False, True):
        laid = Geometry(dot(pictures()[name].draw(refusals)))
        assert laid.texts
        assert laid.lines
        assert (laid.across_a_frame(), laid.run_through()) == ([], set())


def test_what_runs_through_a_text_is_found() -> None:
    entered = Geometry('digraph { subgraph cluster_a { label="the frame of a" a } b -> a }')
    assert (entered.across_a_frame(), entered.run_through()) == ([], {"the frame of a"})
    crossed = Geometry('digraph { subgraph cluster_a { a -> b [label="within"] b -> c } a -> d [label="without"] d -> c }')
    assert (crossed.across_a_frame(), crossed.run_through()) == ([("within", "cluster_a")], set())


def test_regions_of_a_statechart_stand_in_one_column() -> None:
    graph = pictures()["account"].draw(False)
    frames = Geometry(dot(graph)).frames
    regions = [frames[f"cluster_{group.id}"] for group in graph.groups]
    assert len({(region.left, region.right) for region in regions}) == 1
    assert all(above.low > below.high for above, below in pairwise(regions))


def test_another_process_draws_the_same_bytes() -> None:
    command = [sys.executable, "-m", "tokenspec.oracle.command", "diagram", "pools"]
    other = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "5"})
    assert other.stdout == picture.svg(pictures()["pools"].draw(False))


def test_every_colour_has_one_for_the_dark() -> None:
    texts = [picture.svg(p.draw(True)) for p in pictures().values()] + [picture.svg(small(heat=h)) for h in Heat]
    used = {m for text in texts for m in re.findall(r'(?:fill|stroke)="(#\w{6}|\w+)"', text)} - {"none", "transparent"}
    assert used <= set(picture.DARK)
    assert all(f'.tokenspec [{what}="{light}"]' in texts[0] for light in picture.DARK for what in ("fill", "stroke"))


def test_what_was_never_met_is_thick_and_dashed_whatever_the_colour() -> None:
    assert re.search(r'stroke-width="3"[^>]*stroke-dasharray', picture.svg(small(heat=Heat.COLD)))
    assert "stroke-dasharray" not in picture.svg(small(heat=Heat.WARM))
    assert "==>" in mermaid(small(heat=Heat.COLD))


def test_letters_of_all_kinds_are_drawn_and_nothing_of_a_label_is_markup() -> None:
    text = picture.svg(small("Über & <b>", "残高"))
    assert [t.text for t in ET.fromstring(text).iter(f"{SVG}text")][:2] == ["Über & <b>", "残高"]
    assert "&lt;b&gt;" in dot(small("<b>"))


def test_mermaid_names_no_node_by_a_word_of_its_own_and_escapes_labels() -> None:
    text = mermaid(small())
    assert '  n_end("<b>end</b>"):::state' in text
    assert '  n_end -->|"<b>#quot;go#quot; &lt;now&gt;</b>"| n_b' in text
    assert text.splitlines()[1:3] == ["  accTitle: A <title>", "  accDescr: Says & more."]


def test_a_png_is_drawn_with_the_letters_that_come_along() -> None:
    content = picture.png(small())
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    size = [float(x) for x in re.findall(r'(?:width|height)="([\d.]+)pt"', picture.svg(small()))]
    drawn = (int.from_bytes(content[16:20]), int.from_bytes(content[20:24]))
    assert drawn == pytest.approx([2 * pt * 4 / 3 for pt in size], abs=2)
    assert len(content) > len(picture.png(Graph("small", "", "", tuple(Node(n, (), NodeShape.STATE) for n in "ab"), ())))


def test_a_text_that_graphviz_cannot_draw_is_told_with_its_reason() -> None:
    with pytest.raises(BadPicture, match="syntax error in line 1"):
        drawn("digraph { a -> }", "svg")


def test_without_graphviz_s_program_a_pdf_is_refused_with_what_can_be_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(picture.NoProgram, match="install Graphviz"):
        picture.pdf(small())


@pytest.mark.skipif(not has("dot"), reason="no Graphviz program is installed")
def test_with_graphviz_s_program_a_pdf_is_drawn() -> None:
    assert picture.pdf(small()).startswith(b"%PDF")
