"""A group of commands that takes what is no command for the arguments of its first one."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

_DEFAULT = "convert"
_FILE_SUFFIXES = (".json", ".html", ".htm", ".sarif")


class DefaultGroup(TyperGroup):
    """``ms-convert PATH`` is ``ms-convert convert PATH``; the help shows the options of ``convert`` and all commands.

    A directory with the name of a command is written ``./rules``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        args = _with_report_file(args)
        own = {name for parameter in self.get_params(ctx) for name in (*parameter.opts, *parameter.secondary_opts)}
        if args and args[0] not in self.commands and args[0] not in own:
            args = [_DEFAULT, *args]
        if not args and not ctx.resilient_parsing:
            args = ["--help"]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        found = super().shell_complete(ctx, incomplete)
        known = {item.value for item in found}
        command = self.commands[_DEFAULT]
        return found + [i for i in command.shell_complete(self._inner(ctx), incomplete) if i.value not in known]

    def _inner(self, ctx: Any) -> Any:
        inner = type(ctx)(
            self.commands[_DEFAULT], info_name=ctx.info_name, max_content_width=ctx.max_content_width
        )
        inner.help_option_names = ctx.help_option_names
        return inner

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.commands[_DEFAULT].format_help(self._inner(ctx), formatter)
        self.format_commands(ctx, formatter)
        with formatter.section("Further options"):
            records = (parameter.get_help_record(ctx) for parameter in self.get_params(ctx))
            formatter.write_dl([record for record in records if record is not None and "--help" not in record[0]])


def _with_report_file(args: list[str]) -> list[str]:
    """``--report FORMAT FILE`` as ``--report FORMAT --report-file FILE``; an option cannot have one value or two."""
    result = list(args)
    for index, word in enumerate(args[:-1]):
        if word == "--":
            break
        if word == "--report" and index + 2 < len(args):
            following = args[index + 2]
        elif word.startswith("--report=") and index + 1 < len(args):
            following = args[index + 1]
        else:
            continue
        if following == "-" or following.endswith(_FILE_SUFFIXES):
            at = index + (2 if word == "--report" else 1)
            result[at:at] = ["--report-file"]
            break
    return result
