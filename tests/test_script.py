"""Whatever runs as a script prints as one."""

from collections.abc import Iterator

import pytest

from spec.chapters import all_checks
from spec.language.script import Script


def scripts(kind: type[Script] = Script) -> Iterator[type[Script]]:
    """Every kind of script in spec."""
    for sub in kind.__subclasses__():
        yield sub
        yield from scripts(sub)


all_checks()


@pytest.mark.parametrize("kind", list(scripts()), ids=lambda kind: kind.__qualname__)
def test_every_kind_of_script_shows_its_lines(kind: type[Script]) -> None:
    """Also where a dataclass would show its fields."""
    assert kind.__repr__ is Script.__repr__
    assert kind.lines is not Script.lines, "a script says what its lines are"
