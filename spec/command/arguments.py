"""The arguments of the command line, and what is wrong with them before anything is run."""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..chapters.rules import Authority, Level
from ..judge.subject import CLASSES
from ..report.formats import FORMATS
from ..run import implementation, selection
from ..run.profiles import PROFILES

STATUSES = """exit status: 0 every rule is kept, 1 a rule is broken, 2 the arguments or the module
cannot be used, 3 the checker itself failed, 4 not everything that was asked for is decided"""


OR_FOLDER = {"--expect": " or folder"}


def parser() -> argparse.ArgumentParser:
    """The arguments of the command line."""
    top = argparse.ArgumentParser(prog="state-ad-spec", epilog=STATUSES,
                                  description="Check a library against the specification.")
    commands = top.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="check an implementation against the rules",
                                epilog=STATUSES)
    check.add_argument("module", type=module, help="the module to check, e.g. brainstate")
    _add_selection(check.add_argument_group("what is run"))
    _add_cases(check.add_argument_group("what is drawn"))
    _add_execution(check.add_argument_group("how it is run"))
    _add_output(check.add_argument_group("what is told"))
    _add_run(commands)
    merge = commands.add_parser("merge", help="join the parts of a run that was shared out",
                                epilog=STATUSES)
    merge.add_argument("journals", nargs="+", type=Path, metavar="JOURNAL",
                       help="the .jsonl files beside the reports of the parts")
    _add_output(merge.add_argument_group("what is told"))
    _add_readers(commands)
    return top


def _add_run(commands: Any) -> None:
    """``run`` is a check of one case, so it has what else a check asks for as defaults."""
    run = commands.add_parser("run", help="decide one case once more", epilog=STATUSES)
    run.add_argument("module", type=module, help="the module to check, e.g. brainstate")
    run.add_argument("case", type=case, metavar="CASE",
                     help="the id that a failure has, as 'RET-05/name[grad]'")
    _add_cases(run.add_argument_group("what is drawn"))
    run.add_argument("--timeout", type=seconds, metavar="SECONDS",
                     help="how long it may take before it has failed")
    run.add_argument("--device", type=device, help="where JAX's arrays live: cpu, gpu, cpu:1")
    run.add_argument("--confirm", action="store_true",
                     help="run the script of a failure in a fresh interpreter")
    run.set_defaults(workers=1, budget=float("inf"), shard=(1, 1), classes=(), resume=False,
                     report=None, expect=None, known=None, update_known=False, coverage=False,
                     full=False, failures=False, next=False, **dict.fromkeys(FORMATS))


def _add_readers(commands: Any) -> None:
    """The commands that run nothing."""
    explain = commands.add_parser("explain", help="print a rule, its reason and examples")
    explain.add_argument("rule", type=one_rule, metavar="RULE", help="its id, as WRB-07")
    explain.add_argument("--report", type=Path, metavar="FILE",
                         help="a report in which to look for what breaks it")
    compare = commands.add_parser("compare", help="print what changed between two reports",
                                  epilog="exit status: 1 if the second breaks what the first "
                                         "keeps, else 0")
    compare.add_argument("before", type=Path, metavar="REPORT")
    compare.add_argument("after", type=Path, metavar="REPORT")
    render = commands.add_parser("render", help="write a report in other formats")
    render.add_argument("source", type=Path, metavar="REPORT", help="what --report has written")
    _add_formats(render)
    adapter = commands.add_parser("adapter", help="print a module that offers a library under "
                                                  "the names of the interface")
    adapter.add_argument("module", type=module, help="the module of the library")
    commands.add_parser("export", help="print all rules as JSON")


def _add_selection(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rules", default=frozenset(), type=rules, metavar="RET,DER-01",
                       help="only these families and rules")
    group.add_argument("--level", default=(), type=several(Level), metavar="MUST,SHOULD",
                       help="only rules of these levels")
    group.add_argument("--authority", default=(), type=several(Authority),
                       metavar="tutorial,jax", help="only rules on these authorities")
    group.add_argument("--class", default=(), type=classes, metavar="products,jit",
                       dest="classes",
                       help=f"only class basic, or only what core and these classes allow to "
                            f"judge, which are {', '.join(CLASSES)}")
    group.add_argument("--shard", default=(1, 1), type=part, metavar="I/N",
                       help="only the I-th of N parts; merge joins their results")


def _add_cases(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--profile", choices=PROFILES, default="quick",
                       help="how many cases are drawn (default quick)")
    group.add_argument("--max-examples", type=positive, metavar="N",
                       help="cases for every point of a generated check")
    group.add_argument("--seed", type=int, default=0, help="same seed, same cases (default 0)")
    group.add_argument("--database", default="", metavar="DIR",
                       help="keep failing cases in this folder, and try those in it first")


def _add_execution(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--workers", type=positive, default=os.cpu_count() or 1, metavar="N",
                       help="processes to share the work (default: one a core)")
    group.add_argument("--timeout", type=seconds, default=None, metavar="SECONDS",
                       help="a point that takes longer has failed (default: 300 for the quick "
                            "profile, 3600 for others)")
    group.add_argument("--budget", type=seconds, default=float("inf"), metavar="SECONDS",
                       help="stop after this time, and say what was not reached")
    group.add_argument("--resume", action="store_true",
                       help="go on with the run that the journal beside --report holds")
    group.add_argument("--device", type=device, help="where JAX's arrays live: cpu, gpu, cpu:1")


def _add_formats(group: argparse._ActionsContainer) -> None:
    for name, (words, _) in FORMATS.items():
        group.add_argument(f"--{name}", type=Path, metavar="FILE",
                           help=f"write the results as {words}")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--full", action="store_true",
                       help="show every rule, and for each that is not kept a script")
    group.add_argument("--failures", action="store_true",
                       help="as --full, without the rules that are kept")
    group.add_argument("--next", action="store_true",
                       help="show only the rule to take next, of those that are not kept")
    group.add_argument("--report", type=Path, metavar="FILE",
                       help="write the results as JSON to this file, or into this folder under "
                            "the name of what was run")
    _add_formats(group)
    group.add_argument("--expect", type=Path, metavar="FILE",
                       help="succeed if the verdicts are those of this committed report; in a "
                            "folder, of the one for this implementation and version")
    group.add_argument("--known", type=Path, metavar="FILE",
                       help="the failures in this file are no news; anything else about them is")
    group.add_argument("--update-known", action="store_true",
                       help="write the failures of this run to the file of --known")
    group.add_argument("--coverage", action="store_true", help="show what the run covered")
    group.add_argument("--confirm", action="store_true",
                       help="run the script of every check that failed in a fresh interpreter")


def module(text: str) -> str:
    """The dotted name of a module."""
    if not all(part.isidentifier() for part in text.split(".")):
        raise argparse.ArgumentTypeError(
            f"expected the name of a module as in an import, got {text!r}")
    return text


def device(text: str) -> str:
    """Where arrays live."""
    try:
        return implementation.device(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive(text: str) -> int:
    """A number of things, at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {text}")
    return number


def seconds(text: str) -> float:
    """A time, more than none."""
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"expected more than 0 seconds, got {text}")
    return number


def part(text: str) -> tuple[int, int]:
    """One of several parts, as ``2/4``."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of:
        raise argparse.ArgumentTypeError(f"expected a part of a whole such as 2/4, got {text!r}")
    return number, of


def rules(text: str) -> frozenset[str]:
    """The rules that are named."""
    try:
        return selection.rules(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def one_rule(text: str) -> str:
    """The id of a rule."""
    found = sorted(rules(text))
    if len(found) != 1:
        raise argparse.ArgumentTypeError(f"expected one rule such as WRB-07, got {text!r}")
    return found[0]


def case(text: str) -> selection.Point:
    """A check and a point."""
    try:
        return selection.case(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def classes(text: str) -> tuple[str, ...]:
    """The classes of conformance that are named, in their order."""
    asked = {word.strip().lower() for word in text.split(",") if word.strip()}
    if not asked or (wrong := sorted(asked - CLASSES.keys())):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(CLASSES)}, got "
                                         f"{', '.join(wrong) if asked else repr(text)}")
    return tuple(name for name in CLASSES if name in asked)


Word = TypeVar("Word", Level, Authority)


def several(kind: type[Word]) -> Callable[[str], tuple[Word, ...]]:
    """A reader of some words of a kind, separated by commas."""
    words = {str(word).lower(): word for word in kind}

    def read(text: str) -> tuple[Word, ...]:
        asked = [word.strip() for word in text.split(",") if word.strip()]
        if not asked or (wrong := [word for word in asked if word.lower() not in words]):
            raise argparse.ArgumentTypeError(
                f"expected some of {', '.join(kind)}, got {', '.join(wrong) if asked else text!r}")
        return tuple(words[word.lower()] for word in asked)

    return read


def fault(arguments: argparse.Namespace) -> str:
    """What is wrong with arguments that are right each by itself, or with the paths among them."""
    return _unwritable(arguments) or _contradiction(arguments)


def _contradiction(arguments: argparse.Namespace) -> str:
    """What does not go together, or is not there."""
    given = vars(arguments)
    if arguments.command == "render" and not any(given[option] for option in FORMATS):
        return f"render needs one of {', '.join(f'--{option}' for option in FORMATS)}"
    if arguments.command not in ("check", "merge"):
        return ""
    if given.get("resume") and not arguments.report:
        return "--resume goes on with a report, so it needs --report"
    for option, file in (("--expect", arguments.expect), ("--known", arguments.known)):
        if file and given.get("shard", (1, 1)) != (1, 1):
            return f"{option} needs the whole run, so it is for merge and not for --shard"
        if file and not file.exists() and not (option == "--known" and arguments.update_known):
            return f"{option} {file}: there is no such file{OR_FOLDER.get(option, '')}"
    if arguments.known and given.get("classes"):
        return "--known needs all points of a rule, so it is not for --class"
    if arguments.update_known and not arguments.known:
        return "--update-known writes the file of --known, so it needs one"
    return ""


def _unwritable(arguments: argparse.Namespace) -> str:
    """What cannot be written, as far as can be known before there is anything to write."""
    written = {option: vars(arguments).get(option) for option in ("report", *FORMATS)}
    if arguments.command == "explain":
        written["report"] = None  # which is read
    if arguments.command in ("check", "merge") and arguments.update_known:
        written["known"] = arguments.known
    for option, file in written.items():
        if file is None:
            continue
        folder = option == "report" and file.is_dir()
        if file.exists() and not (file.is_file() or folder):
            kinds = "a file or a folder" if option == "report" else "a file"
            return f"--{option} {file}: expected {kinds}"
        if why := _closed(file if folder else file.parent):
            return f"--{option} {file}: {why}"
    database = vars(arguments).get("database")
    why = _closed(Path(database)) if database else ""
    return f"--database {database}: {why}" if why else ""


def _closed(folder: Path) -> str:
    """Why nothing can be written in a folder, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return str(error)
    return ""
