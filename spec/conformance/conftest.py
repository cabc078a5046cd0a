"""What the tests of the suite ask for; loaded only where they are collected."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import replace
from pathlib import Path

import pytest

from ..chapters.rules import Authority, Level
from ..command.arguments import classes, rules, several
from ..judge.check import Check
from ..judge.subject import Subject
from ..run import known, selection, smoke
from ..run.implementation import NoDevice, Unusable, device, load
from ..run.known import Known
from ..run.profiles import PROFILES, Profile
from ..run.worker import Job, hidden, metadata


def option(request: pytest.FixtureRequest, name: str, choices: tuple[str, ...]) -> str | None:
    """The value of an option with a few choices; another one stops the run at once."""
    given: str | None = request.config.getoption(name)
    if given is not None and given not in choices:
        pytest.exit(f"{name}: expected one of {', '.join(choices)}, got {given!r}", returncode=4)
    return given


def where(request: pytest.FixtureRequest) -> str | None:
    """The device that is asked for; what is none stops the run at once."""
    given: str | None = request.config.getoption("--spec-device")
    try:
        return given if given is None else device(given)
    except ValueError as error:
        pytest.exit(f"--spec-device: {error}", returncode=4)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the points of the rules that the options name; a wrong word stops the run at once."""
    mine = [item for item in items
            if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent]
    try:
        asked = {check.id for check in chosen(config)} if mine else set()
    except (ArgumentTypeError, ValueError) as error:
        pytest.exit(f"spec: {error}", returncode=4)
    others = {item for item in mine
              if getattr(item.callspec.params["check"], "id", "") not in asked}
    if others:
        config.hook.pytest_deselected(items=list(others))
        items[:] = [item for item in items if item not in others]


def chosen(config: pytest.Config) -> list[Check]:
    """The checks of the rules that the options name.

    Raises
    ------
    ArgumentTypeError
        If an option names what there is not.
    ValueError
        If nothing is left.
    """
    level, authority = config.getoption("--spec-level"), config.getoption("--spec-authority")
    asked = config.getoption("--spec-class")
    found = selection.checks(rules(config.getoption("--spec-rules")),
                             several(Level)(level) if level else (),
                             several(Authority)(authority) if authority else (),
                             classes(asked) if asked else ())
    if not found:
        raise ValueError("no rule is of that level, authority and class among those chosen")
    return found


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Subject:
    """The implementation under test; a wrong adapter stops the run at once."""
    asked = request.config.getoption("--spec-class")
    try:
        found = replace(load(request.config.getoption("--spec-impl"), where(request)),
                        hidden=hidden(classes(asked) if asked else ()))
    except ArgumentTypeError as error:
        pytest.exit(f"--spec-class: {error}", returncode=4)
    except NoDevice as error:
        pytest.skip(str(error))
    except Unusable as error:
        pytest.exit(f"spec: {error}", returncode=4)
    if faults := smoke.faults(found):
        pytest.exit(f"spec: the adapter is wrong: {'; '.join(faults)}", returncode=4)
    return found


@pytest.fixture(scope="session")
def rules_profile(request: pytest.FixtureRequest) -> Profile:
    """How much is drawn."""
    name = option(request, "--spec-profile", tuple(PROFILES))
    return replace(PROFILES[str(name)], database=request.config.getoption("--spec-database"))


@pytest.fixture(scope="session")
def rules_seed(request: pytest.FixtureRequest) -> int:
    """The seed of every generated check."""
    return int(request.config.getoption("--spec-seed"))


@pytest.fixture(scope="session")
def known_failures(
    request: pytest.FixtureRequest, subject: Subject, rules_profile: Profile, rules_seed: int
) -> tuple[Known, ...]:
    """The known failures that hold for what is run; a wrong file stops the run at once."""
    if not (file := request.config.getoption("--spec-known")):
        return ()
    meta = metadata(subject, Job(subject.name, None, rules_profile, rules_seed))
    try:
        entries = known.read(Path(file), meta)
    except (OSError, ValueError) as error:
        pytest.exit(f"--spec-known: {error}", returncode=4)
    return tuple(entry for entry in entries if entry.holds(meta))
