"""`gatehouse policy …`: evaluate, test, compare, repeat and move policies, without a server or a database.

Only pull, push and status with --url speak to a portal. Each verb's work is in a module beside this one.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from governance.gates import cli_eval, cli_git, cli_replay, cli_tests
from governance.gates.cli_common import ERROR, clean, load, report
from governance.gates.diff import Change, differences
from governance.gates.errors import GateError
from governance.gates.facts_docs import facts_reference_markdown, json_schema
from governance.gates.folder import read_folder
from governance.gates.formats import FORMATS
from governance.gates.policy import Policy
from governance.gates.schema import FACTS_SCHEMA, SCHEMAS
from governance.gates.sets import PolicySet


class _Parser(argparse.ArgumentParser):
    """Ends with 4 for a wrong command line: the usual 2 would say "ask" to a pipeline."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ERROR, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="gatehouse policy", description="Policies without a server.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    _eval_verb(verbs.add_parser("eval", help="a policy over a facts document"))
    _test_verb(verbs.add_parser("test", help="run the tests of every policy below a folder"))
    replay = verbs.add_parser("replay", help="repeat a stored decision from its files")
    replay.add_argument("decision", nargs="*", type=Path, help="decision.json with facts.json and policies/ beside it")
    replay.add_argument("--pack", action="append", default=[], type=Path, help="the folder of an evidence pack")
    replay.add_argument("--json", action="store_true", help="print JSON")
    case = verbs.add_parser("case", help="a test case from a stored decision")
    case.add_argument("decision", type=Path, help="a file as for replay")
    case.add_argument("--policy", required=True, type=Path)
    case.add_argument("--name", default="", help="of the case")
    case.add_argument("--write", action="store_true", help="add it to the policy's file instead of printing it")
    diff = verbs.add_parser("diff", help="what changed between two policies, or two folders, in words")
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)
    diff.add_argument("--json", action="store_true", help="print JSON")
    pull = verbs.add_parser("pull", help="write what is in force at a portal into a folder")
    _portal_options(pull)
    pull.add_argument("--digest", help="accept the bundle of this digest only")
    pull.add_argument("--force", action="store_true", help="although files here were changed since the last pull")
    push = verbs.add_parser("push", help="send what differs to a portal, as drafts")
    _portal_options(push)
    push.add_argument("--reason", default="", help="why; by default the first line of the last commit of the file")
    push.add_argument("--dry-run", action="store_true", help="say what would be sent")
    push.add_argument("--allow-dirty", action="store_true", help="send files that are not committed")
    status = verbs.add_parser("status", help="how a folder differs from what is in force; exit 1 where it does")
    _portal_options(status)
    schema = verbs.add_parser("schema", help="the facts that a policy can read")
    schema.add_argument("--markdown", action="store_true")
    schema.add_argument("--version", choices=list(SCHEMAS), default=FACTS_SCHEMA, help="as JSON Schema of this one")
    return parser


def _eval_verb(one: argparse.ArgumentParser) -> None:
    one.add_argument("--policy", required=True, action="append", type=Path, help="may be given several times")
    one.add_argument("--facts", required=True, type=Path, help="a JSON file, or - for standard input")
    one.add_argument("--set", dest="sets", action="append", default=[], type=Path, help="a policy set")
    one.add_argument("--params", action="append", default=[], metavar="[POLICY:]NAME=VALUE")
    one.add_argument("--trace", metavar="RULE", help="the value of each part of a rule")
    one.add_argument("--format", choices=FORMATS, default="text")
    one.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def _test_verb(one: argparse.ArgumentParser) -> None:
    one.add_argument("folder", type=Path)
    one.add_argument("--require-coverage", action="store_true", help="a branch that no case reaches is an error")
    one.add_argument("--mutation", action="store_true", help="a change that no case notices is an error")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")


def _portal_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("folder", type=Path)
    one.add_argument("--url", default=os.environ.get("GATEHOUSE_URL", ""), help="the portal; else GATEHOUSE_URL")
    one.add_argument("--token-env", default="GATEHOUSE_TOKEN", metavar="NAME", help="the variable that holds the token")
    one.add_argument("--token-file", type=Path, metavar="FILE")
    one.add_argument("--key", type=Path, metavar="FILE", help="the public key that signs bundles")
    one.add_argument("--allow-http", action="store_true", help="send the token over plain http")
    one.add_argument("--json", action="store_true", help="print JSON")


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one verb; its exit code. 4: an error, whose place is printed. Others: see each verb."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal cannot write must not end the command with the code of a verdict.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(argv)
    verbs: dict[str, Callable[[argparse.Namespace], int]] = {
        "eval": cli_eval.run,
        "test": cli_tests.run,
        "replay": cli_replay.run,
        "case": cli_replay.case,
        "diff": _diff,
        "pull": cli_git.pull,
        "push": cli_git.push,
        "status": cli_git.status,
        "schema": _schema,
    }
    try:
        return verbs[options.verb](options)
    except GateError as error:
        report(error, as_json=getattr(options, "json", False) or getattr(options, "format", "") == "json")
        return ERROR


def _schema(options: argparse.Namespace) -> int:
    text = facts_reference_markdown() if options.markdown else json.dumps(json_schema(options.version), indent=2) + "\n"
    sys.stdout.write(text)
    return 0


def _diff(options: argparse.Namespace) -> int:
    """Exit 0 where nothing that counts changed, 1 where something did."""
    if options.old.is_dir() and options.new.is_dir():
        pairs = _pairs(options.old, options.new)
    else:
        pairs = [("", load(options.old), load(options.new))]
    found = [(name, change) for name, old, new in pairs for change in _changes(old, new)]
    if options.json:
        print(json.dumps({"changes": [{"policy": name, **asdict(one)} for name, one in found]}, ensure_ascii=False))
    else:
        for name, one in found:
            print(clean(f"{name}: {one.words}" if name else one.words))
        if not found:
            print("Nothing changed.")
    return 1 if found else 0


Document = Policy | PolicySet


def _changes(old: Document | None, new: Document | None) -> list[Change]:
    if old is None or new is None:
        return [Change("removed" if new is None else "added", "The file", "", "")]
    return differences(old, new)


def _pairs(old: Path, new: Path) -> list[tuple[str, Document | None, Document | None]]:
    """The policies and sets of two folders, each with its other half. Raises the first error of a file."""
    found: list[dict[tuple[str, str], Document]] = []
    for folder in (old, new):
        files = read_folder(folder)
        for file in files:
            if file.error is not None:
                raise file.error
        found.append({file.key: file.document for file in files if file.key is not None and file.document is not None})
    before, after = found
    return [
        (f"{kind} {name}", before.get(key), after.get(key)) for key in sorted(before | after) for kind, name in [key]
    ]


if __name__ == "__main__":
    sys.exit(main())
