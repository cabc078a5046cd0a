"""The pages are run: their Python, their commands and their files; and, with Sphinx, built.

Every fenced block of a page is of a kind below, and every kind is executed or compared with what
is. Blocks of one page belong together: files are written, commands run beside them, and the Python
of the page is one doctest session in a fresh interpreter, as a reader has it.
"""

import doctest
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import jsonschema
import pytest

from spec.__main__ import main, parser
from spec.chapters import all_checks, rules

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)
FENCE = re.compile(r"^(`{3,})(\S*)(?: ([^\n]*))?\n(.*?)^\1$", flags=re.DOTALL | re.MULTILINE)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its caption if it has one, and its lines."""

    kind: str
    caption: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page that hold text of their own, not those that call a directive."""
    for _, kind, argument, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == "{code-block}":
            head, _, text = body.partition("\n\n")
            yield Block(argument, head.removeprefix(":caption: ").strip(), text)
        elif not kind.startswith("{"):
            yield Block(kind, "", body)


def environment() -> dict[str, str]:
    """The reader's shell: this Python is `python`, and this tree is installed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def run(command: list[str], folder: Path) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True,
                          timeout=600, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def is_run_by_ci(line: str) -> bool:
    """Whether CI runs the line as the README has it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return line.startswith("python3 -m venv ") and line in readme


KINDS = {"python", "sh", "text", "yaml", "toml", "rst"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_blocks_do_what_they_say(page: Path, tmp_path: Path) -> None:
    session, output = [], ""
    for block in blocks(page):
        assert block.kind in KINDS, f"{page}: nothing here runs a block of {block.kind!r}"
        match block.kind:
            case "python" if block.caption.endswith(".py"):
                (tmp_path / block.caption).write_text(block.text, encoding="utf-8")
            case "python" if not block.caption:
                assert block.text.startswith(">>> "), f"{page}: no prompt in\n{block.text}"
                session.append(block.text)
            case "sh":
                lines = [line for line in block.text.splitlines() if not is_run_by_ci(line)]
                output = "".join(run(["bash", "-c", line], tmp_path) for line in lines)
            case "text":
                same = doctest.OutputChecker().check_output(block.text, output, FLAGS)
                assert same, f"{page} says\n{block.text}\nthe command printed\n{output}"
    if session:
        (tmp_path / "page.txt").write_text("\n".join(session), encoding="utf-8")
        run([sys.executable, "-m", "doctest", "-o", "ELLIPSIS", "page.txt"], tmp_path)


def only(page: str, kind: str, caption: str = "") -> str:
    """The one block of a page that has this kind and caption."""
    (found,) = (b.text for b in blocks(DOCS / page) if (b.kind, b.caption) == (kind, caption))
    return found


def test_the_workflow_calls_commands_that_exist() -> None:
    lines = re.findall(r"- run: (.*)", only("guides/ci.md", "yaml"))
    commands = [line.split()[1:] for line in lines if line.startswith("state-ad-spec ")]
    assert [parser().parse_args(command).command for command in commands] == ["check"]


def test_the_rule_of_the_guide_is_a_rule() -> None:
    (entry,) = tomllib.loads(only("guides/new-rule.md", "toml", "an entry"))["rule"]
    made = rules._rule(entry)
    assert made.id == "STA-99" and made.level is rules.Level.MUST
    (entry,) = tomllib.loads(only("guides/new-rule.md", "toml", "a withdrawal"))["withdrawn"]
    assert rules._withdrawn(entry).id == made.id


def test_the_check_of_the_guide_tells_right_from_wrong(tmp_path: Path) -> None:
    """Run on refimpl and on a library that keeps the first value, in an interpreter of its own."""
    source = only("guides/new-rule.md", "python", "a check").replace("from ...", "from spec.")
    (tmp_path / "guide.py").write_text(source, encoding="utf-8")
    script = """
import jax.numpy as jnp, refimpl, guide
from types import SimpleNamespace
class Stuck:
    def __init__(self, value): vars(self)["value"] = value
    def __setattr__(self, name, value): pass
guide.the_last_write_is_read(refimpl, jnp, 2.0)
try: guide.the_last_write_is_read(SimpleNamespace(State=Stuck), jnp, 2.0)
except AssertionError as error: print(error)
"""
    told = run([sys.executable, "-c", script], tmp_path)
    assert told.startswith("{'expected': 2.0, 'got': Array(1.")
    assert not any(check.rule == "STA-99" for check in all_checks())


def test_the_export_follows_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export"]) == 0
    exported = json.loads(capsys.readouterr().out)
    schema = json.loads((ROOT / "spec/chapters/rules.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(exported, schema)
    assert [rule["id"] for family in exported for rule in family["rules"]] == list(rules.registry())
    exported[0]["rules"][0]["outcomes"] = ["a MUST permits nothing else", "so this is wrong"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(exported, schema)


@pytest.mark.parametrize("file", sorted((DOCS / "pictures").glob("*.svg")), ids=lambda f: f.stem)
def test_pictures_speak_and_take_the_colours_of_the_page(file: Path) -> None:
    root = ElementTree.parse(file).getroot()
    words = [root.find(f"{{http://www.w3.org/2000/svg}}{tag}") for tag in ("title", "desc")]
    assert all(found is not None and found.text for found in words)
    colours = {node.get(key) for node in root.iter() for key in ("fill", "stroke")}
    assert colours <= {None, "none", "currentColor"}
    styles = [style for node in root.iter() if (style := node.get("style"))]
    assert all("var(--" in style for style in styles)


def load_inventories() -> Any:
    """The script that makes the inventories."""
    place = importlib.util.spec_from_file_location("make", DOCS / "_inventories" / "make.py")
    assert place is not None and place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def unpacked(inventory: bytes) -> bytes:
    """The content of an inventory, whatever the compressor."""
    *head, packed = inventory.split(b"\n", 4)
    return b"\n".join([*head, zlib.decompress(packed)])


def test_inventories_are_what_their_script_makes() -> None:
    make = load_inventories()
    for name, entry in make.projects().items():
        committed = (DOCS / "_inventories" / f"{name}.inv").read_bytes()
        assert unpacked(committed) == unpacked(make.inventory(name, entry)), name


# -- with Sphinx ---------------------------------------------------------------------------------

needs_sphinx = pytest.mark.skipif(
    importlib.util.find_spec("myst_parser") is None, reason="the docs extra is not installed"
)


def build(source: Path, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run sphinx-build."""
    command = [sys.executable, "-m", "sphinx", "-n", "-q", "-b", "html", *options,
               "-d", str(target.parent / f"{target.name}.doctrees"), str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False,
                          env=environment())


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built."""
    target = tmp_path_factory.mktemp("site") / "html"
    done = build(DOCS, target, "-W", "--keep-going")
    assert done.returncode == 0, done.stderr
    return target


class Links(HTMLParser):
    """The targets and the anchors of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.anchors |= {name for key in ("id", "name") if (name := given.get(key))}
        self.links += [url for key in ("href", "src") if (url := given.get(key))]


@needs_sphinx
def test_internal_links_lead_somewhere(site: Path) -> None:
    pages = {file.resolve(): Links(file) for file in site.rglob("*.html")}
    dead = []
    for file, page in pages.items():
        for url in page.links:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchors = pages[target].anchors if target in pages else set()
            if not target.exists() or (parts.fragment and target in pages
                                       and unquote(parts.fragment) not in anchors):
                dead.append(f"{file.relative_to(site.resolve())}: {url}")
    assert not dead, "\n".join(dead[:40])
    assert len(pages) > 20


class Outline(HTMLParser):
    """What a page says to those who do not see it: its headings, and what lacks a word.

    Attributes
    ----------
    levels : list of int
        The levels of the headings, in their order.
    mute : list of str
        Heads of tables without a scope, pictures and boxes that scroll without a name.
    ids : list of str
        The anchors, in their order.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.mute: list[str] = []
        self.ids: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        classes = (given.get("class") or "").split()
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.ids += [given["id"] or ""] if "id" in given else []
        of_box = "aria-label" if "scrolled" in classes else ""
        wants = {"th": "scope", "img": "alt"}.get(tag, of_box)
        if wants and wants not in given:
            self.mute.append(f"{tag} without {wants}")


@needs_sphinx
def test_pages_speak_to_those_who_do_not_see_them(site: Path) -> None:
    """One title, no level of heading left out, no empty head, and nothing named twice or not."""
    for name in (page.relative_to(DOCS).with_suffix(".html") for page in PAGES):
        page, text = Outline(file := site / name), file.read_text(encoding="utf-8")
        where = str(name)
        assert page.mute == [], where
        assert page.levels.count(1) == 1, where
        assert all(after <= before + 1 for before, after in pairwise(page.levels)), where
        assert [id for id, count in Counter(page.ids).items() if count > 1] == [], where
        assert not re.search(r"<th[^>]*>(<p>)?\s*(</p>)?</th>", text), where
        assert 'lang="en"' in text and 'role="heading">' not in text, where


@needs_sphinx
def test_sources_of_rules_are_links(site: Path) -> None:
    for name, family in rules.families().items():
        text = (site / "rules" / f"{name.lower()}.html").read_text(encoding="utf-8")
        rows = re.findall(r"<dt>Source.*?</dt><dd>(.*?)</dd>", text, flags=re.DOTALL)
        for row, rule in zip(rows, family.rules, strict=True):
            assert row.count("<a ") == len(rule.source), rule.id


@needs_sphinx
def test_the_front_page_answers_its_questions(site: Path) -> None:
    """Every answer links to a rule, a table or a page, so the second click is a choice."""
    text = (site / "index.html").read_text(encoding="utf-8")
    answers = re.findall(r"<dd>(.*?)</dd>", text, flags=re.DOTALL)
    assert len(answers) == 5 and all('href="' in answer for answer in answers)


@needs_sphinx
def test_downloads_are_those_of_the_command_line(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["export"])
    assert (site / "rules.json").read_text(encoding="utf-8") == capsys.readouterr().out


@needs_sphinx
def test_other_projects_can_link_to_a_rule(site: Path, tmp_path: Path) -> None:
    """The example of the versioning page, in a project that knows nothing of this one.

    A link to a rule that was withdrawn since leads to the line that says so.
    """
    gone = [entry.id for family in rules.families().values() for entry in family.withdrawn]
    old = [f":external+state-ad-spec:ref:`{id} <{id.lower()}>`" for id in gone]
    (tmp_path / "conf.py").write_text(
        "extensions = ['sphinx.ext.intersphinx']\n"
        f"intersphinx_mapping = {{'state-ad-spec': ('https://example.org/', "
        f"{str(site / 'objects.inv')!r})}}\n", encoding="utf-8")
    text = "\n\n".join(["Title\n=====", only("versioning.md", "rst"), *old])
    (tmp_path / "index.rst").write_text(text, encoding="utf-8")
    done = build(tmp_path, tmp_path / "html", "-W")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    for id in ("RET-05", *gone):
        assert f'href="https://example.org/rules/{id[:3].lower()}.html#{id.lower()}"' in page


@needs_sphinx
def test_dead_ids_and_rules_without_a_page_are_warnings(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    for name in ("spec", "refimpl", "CHANGELOG.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    for file in DOCS.iterdir():
        if file.name not in ("_build", "findings.md", "rules"):
            (source / file.name).symlink_to(file)
    (source / "rules").mkdir()
    for page in (DOCS / "rules").glob("*.md"):
        if page.name != "flt.md":
            (source / "rules" / page.name).symlink_to(page)
    (source / "findings.md").write_text("# Findings\n\n{rule}`RET-99`\n", encoding="utf-8")
    warnings = build(source, tmp_path / "html").stderr
    assert "reference target not found: RET-99" in warnings
    assert "rule FLT-01 is rendered by no page" in warnings
    assert "rule RET-01 is rendered by no page" not in warnings
