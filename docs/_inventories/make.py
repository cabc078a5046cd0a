"""The foreign names that pages may link to, without a network.

`names.toml` lists them: for every project its address, a pattern for the page of a name, and the
names. `python docs/_inventories/make.py` writes one `objects.inv` a project beside this file, in
Sphinx's own format; the files are committed, and the tests fail if they are not what this script
writes. To link to a further name, add it to `names.toml` and run the script.
"""

import tomllib
import zlib
from pathlib import Path

HERE = Path(__file__).parent


def projects(folder: Path = HERE) -> dict[str, dict[str, object]]:
    """The entries of `names.toml`."""
    return tomllib.loads((folder / "names.toml").read_text(encoding="utf-8"))


def mapping(folder: Path = HERE) -> dict[str, tuple[str, str]]:
    """What `intersphinx_mapping` holds: for every project its address and its local inventory."""
    return {name: (str(entry["url"]), str(folder / f"{name}.inv"))
            for name, entry in projects(folder).items()}


def inventory(name: str, entry: dict[str, object]) -> bytes:
    """An inventory in version 2 of Sphinx's format."""
    head = (f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n"
            "# The remainder of this file is compressed using zlib.\n")
    lines = []
    for role, pages in entry["names"].items():  # type: ignore[attr-defined]
        for page, names in pages.items():
            anchor = "" if "#" in page else "#NAME"
            lines += [f"{n} py:{role} 1 {(page + anchor).replace('NAME', n)} -\n" for n in names]
    return head.encode() + zlib.compress("".join(sorted(lines)).encode(), 9)


if __name__ == "__main__":
    for project, content in projects().items():
        (HERE / f"{project}.inv").write_bytes(inventory(project, content))
