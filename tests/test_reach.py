"""Whom the pages reach: legible colours, light paper, sources that are links.

What needs the pages built is asked in :mod:`tests.test_docs`.
"""

import os
import re
import tomllib
from pathlib import Path

import pytest

from spec.chapters.rules import registry

DOCS = Path(__file__).parents[1] / "docs"
STYLE = (DOCS / "_static" / "spec.css").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "conf.py").read_text(encoding="utf-8")
SOURCES = tomllib.loads((DOCS / "sources.toml").read_text(encoding="utf-8"))
INVENTORIES = tomllib.loads((DOCS / "_inventories" / "names.toml").read_text(encoding="utf-8"))
COPY = Path(os.environ.get("TUTORIAL") or DOCS.parents[1] / "shared" / "tutorial.md")

BEHIND = {"light": ("#ffffff", "#f8f9fb"), "dark": ("#131416", "#1a1c1e")}
"""The colours of the theme that text stands on, in its two dresses."""
LEGIBLE = 4.5
"""The contrast that WCAG 2 asks for at level AA, of text of the usual size."""


# -- colours ---------------------------------------------------------------------------------------


def own_colours() -> dict[str, list[tuple[str, str]]]:
    """The colours that these pages bring, by the dress that they are for."""
    set_in = re.findall(r"^([^{}@\n]*) \{\s*((?:--\w+: #\w{6};\s*)+)\}", STYLE, flags=re.MULTILINE)
    found: dict[str, list[tuple[str, str]]] = {"light": [], "dark": []}
    for chooser, body in set_in:
        dress = "light" if chooser.strip() == ":root" else "dark"
        found[dress] += re.findall(r"--(\w+): (#\w{6})", body)
    brand = re.findall(r'"(light|dark)_css_variables": \{([^}]*)\}', CONFIGURATION)
    for dress, body in brand:
        found[dress] += re.findall(r'"([\w-]+)": "(#\w{6})"', body)
    return found


def luminance(colour: str) -> float:
    """The relative luminance that WCAG 2 defines."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1, for the same colour, to 21, for black on white."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dress", BEHIND)
def test_own_colours_are_legible(dress: str) -> None:
    colours = own_colours()[dress]
    assert {"good", "bad", "warn", "quiet", "calm", "color-brand-content"} <= dict(colours).keys()
    faint = [(name, colour, behind) for name, colour in colours for behind in BEHIND[dress]
             if contrast(colour, behind) < LEGIBLE]
    assert not faint


def test_nothing_is_paler_than_its_colour() -> None:
    """An opacity would undo what the contrast of the colour promises."""
    assert set(re.findall(r"opacity: ([\d.]+)", STYLE)) <= {"1"}


def test_paper_is_light() -> None:
    """The colours for the dark are not used in print."""
    screen = re.search(r"^@media not print \{\n(.*?)^\}", STYLE, flags=re.DOTALL | re.MULTILINE)
    assert screen is not None
    outside = STYLE.replace(screen.group(), "")
    assert "dark" in screen.group() and not re.search(r"theme=.dark|scheme: dark", outside)


# -- sources ---------------------------------------------------------------------------------------


def named(source: str) -> str:
    """What a source of another project names."""
    return re.split("[:,]", source)[0]


def test_every_source_is_a_link() -> None:
    cited = {source for rule in registry().values() for source in rule.source}
    for source in cited:
        kind, _, number = source.partition(" ")
        assert (number in SOURCES[kind] if kind in ("tutorial", "ruling")
                else named(source) in SOURCES["named"]), source
    assert {named(source) for source in cited} >= SOURCES["named"].keys(), "some are not cited"


def test_names_of_other_projects_are_in_an_inventory() -> None:
    known = {name for project in INVENTORIES.values() for pages in project["names"].values()
             for names in pages.values() for name in names}
    dotted = {place for place in SOURCES["named"].values()
              if "." in place and not place.startswith("https://")}
    assert dotted and dotted <= known


def test_every_section_of_the_tutorial_has_an_anchor() -> None:
    assert SOURCES["anchor"].keys() == SOURCES["tutorial"].keys()


@pytest.mark.skipif(not COPY.is_file(), reason="no copy of the tutorial's text is at hand")
def test_anchors_are_those_of_its_headings() -> None:
    text = COPY.read_text(encoding="utf-8")
    headings = re.findall(r"^#{2,3} (?:(\d)(?:\.(\d))?\.? )?(.*)$", text, flags=re.MULTILINE)
    others = {"Key Concepts": "0", "Summary": "8"}
    made = {".".join(filter(None, (first, second))) or others.get(title, ""): anchor(title)
            for first, second, title in headings}
    assert SOURCES["anchor"].items() <= made.items()


def anchor(title: str) -> str:
    """What Sphinx makes of a heading: no digits or dashes in front, words joined by dashes."""
    words = re.findall("[a-z0-9]+", title.replace("`", "").lower())
    return "-".join(words).lstrip("-0123456789")


# -- scripts ---------------------------------------------------------------------------------------


def test_every_choice_of_a_filter_has_a_label() -> None:
    script = (DOCS / "_static" / "filter.js").read_text(encoding="utf-8")
    assert script.count('createElement("select")') == script.count('createElement("label")') == 1
    assert "label.append(kind + \" \", select)" in script
