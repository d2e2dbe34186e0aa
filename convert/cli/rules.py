"""``ms-convert rules list|show|test|validate|schema``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..errors import ConvertError, RuleError
from ..language.rulefile import schema_bytes
from ..language.ruleset import load_rules
from .common import DEFAULT_RULES, RulesOption, one_line_errors

app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show, test and validate rules.",
)
FilesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE]...", help="Rule files; without any, llm.yaml.", show_default=False),
]


@app.command("list")
def list_(rules: RulesOption = None) -> None:
    """List the rules: id, kind, and where each is defined."""
    from ..language.describe import list_rules

    with one_line_errors():
        rows = list_rules(load_rules(rules or DEFAULT_RULES))
        widths = [max(len(getattr(row, column)) for row in rows) for column in ("id", "kind")]
        for row in rows:
            about = f" [{row.upstream}]" if row.upstream else ""
            print(f"{row.id:{widths[0]}}  {row.kind:{widths[1]}}  {row.summary}{about} ({row.mark})")


@app.command()
def show(
    rule: Annotated[str, typer.Argument(metavar="ID", help="Id of the rule.", show_default=False)],
    rules: RulesOption = None,
) -> None:
    """Show a rule: why it is there, what it matches, what it does, examples."""
    from ..language.describe import describe_rule

    with one_line_errors():
        (found,) = load_rules(rules or DEFAULT_RULES).chosen([rule], []).rules
        print(describe_rule(found), end="")


@app.command("test")
def run_tests(files: FilesArgument = None) -> None:
    """Run the examples of all rules. Exit codes: 0 all are right, 1 some are not, 2 a rule file is wrong."""
    from ..language.examples import run_examples

    failed = count = 0
    with one_line_errors():
        for name in files or [DEFAULT_RULES]:
            for result in run_examples(load_rules(name)):
                count += 1
                if result.failure is not None:
                    failed += 1
                    print(f"{result.mark}: {result.rule}: {result.failure}")
                    print(result.diff.rstrip("\n"))
    print(f"{count} examples, {failed} failed" if failed else f"{count} examples, all right")
    raise typer.Exit(int(failed > 0))


@app.command()
def validate(files: FilesArgument = None) -> None:
    """Check rule files: syntax, schema, included files, repositories. Exit codes: 0 all are right, 2 one is not."""
    from ..workspace.stack import is_stack, load_stack

    wrong = False
    for name in files or [DEFAULT_RULES]:
        repositories = ""
        try:
            if is_stack(name):
                repositories = f", {len(load_stack(name).repositories)} repositories"
            rules = load_rules(name)
        except RuleError as error:
            wrong = True
            print(error, file=sys.stderr)
        except ConvertError as error:
            wrong = True
            print(f"ms-convert: error: {error}", file=sys.stderr)
        else:
            print(f"{name}: {len(rules.rules)} rules in {len(rules.files)} files{repositories}, all right")
    raise typer.Exit(2 if wrong else 0)


@app.command()
def schema() -> None:
    """Print the JSON schema of rule files, for editors."""
    sys.stdout.write(schema_bytes().decode())
