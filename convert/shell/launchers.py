"""What shell rules do with the launchers of a script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..edits import Edit, Left
from ..findings import Findings
from ..textfile import TextFile
from . import programs
from .code import RUN, UNSURE
from .commands import Launch, Script
from .flags import Flags
from .variables import DATA_USE
from .words import Word

if TYPE_CHECKING:
    from ..kinds.shell import ShellRule


def find_launchers(file: TextFile, script: Script, rules: Sequence[ShellRule]) -> Findings:
    """Every launcher that a rule names: converted, kept with the reason, or left with the reason."""
    findings = Findings()
    handled = set(script.launches)
    converted: list[tuple[ShellRule, Launch, list[Edit]]] = []
    blocked: set[tuple[int, int]] = set()
    for launch in script.launches.values():
        for rule in rules:
            if launch.name in (rule.target, rule.module):
                findings.matches[rule.id] += launch.verdict == RUN
            if launch.name not in rule.launchers:
                continue
            start, end = launch.whole or launch.word.span
            if launch.verdict not in (RUN, UNSURE):
                findings.kept.append(file.left(rule.id, start, end, launch.reason))
                continue
            findings.matches[rule.id] += 1
            edits, problems, notes = _convert(file, script, rule, launch)
            for problem in problems:
                findings.left.append(file.left(rule.id, start, end, problem))
            if problems:
                blocked.update((edit.start, edit.end) for edit in edits)
            else:
                converted.append((rule, launch, edits))
                findings.kept += [file.left(rule.id, start, end, note) for note in notes]
    for rule, launch, edits in converted:
        if blocked.intersection((edit.start, edit.end) for edit in edits):
            reason = "shares a variable with a command that stays as it is"
            findings.left.append(file.left(rule.id, *(launch.whole or launch.word.span), reason))
        else:
            findings.edits += edits
    findings.edits = list(dict.fromkeys(findings.edits))
    handled |= _process_names(file, script, rules, findings)
    _not_run(file, script, rules, handled, findings)
    _not_understood(file, script, rules, findings)
    return findings


def _convert(
    file: TextFile, script: Script, rule: ShellRule, launch: Launch
) -> tuple[list[Edit], list[str], list[str]]:
    """Edits, reasons why they cannot be made, and what the user has to know."""
    problems = [launch.reason] if launch.verdict == UNSURE else []
    flags = Flags(file, script, rule, launch)
    problems += flags.problems
    edits = flags.edits
    span, new = launch.whole, rule.target
    if span is None and launch.is_module:
        span = launch.word.tail(launch.name)
        new = rule.module or ""
        if not new:
            problems.append("run by an interpreter of its own; the rule has no module to put in its place")
    elif span is None and " " in launch.name:
        problems.append("the subcommand stands apart from the program")
    elif span is None:
        span = launch.word.tail(launch.name)
    if span is None:
        problems.append("the name is spelled in pieces")
    else:
        edits.append(file.edit(rule.id, span.start, span.end, new))
    owner = launch.owner
    if owner and DATA_USE in script.variables.roles(owner) and not problems:
        values = [value.words(owner) for value in script.variables.values[owner]]
        if any(len(words) == 1 and words[0].span == launch.word.span for words in values):
            problems.append(f"${owner} is run, and is data at another place")
    return edits, problems, flags.notes


def _process_names(file: TextFile, script: Script, rules: Sequence[ShellRule], findings: Findings) -> set[int]:
    """Programs that look for processes: their pattern changes where it would not match the new name."""
    handled: set[int] = set()
    for program, words in script.process_words:
        options = [word.text for word in words if word.text[:1] == "-"]
        exact = programs.EXACT_NAMES.get(program, ())
        whole_name = program in programs.EXACT_NAMES and (not exact or any(o in exact for o in options))
        full = any(option in programs.FULL_COMMANDS.get(program, ()) for option in options) or _reads_processes(words)
        for word in words[1:]:
            for rule in rules:
                value = word.value or ""
                module = value.removeprefix("python3 ").removeprefix("python ").removeprefix("-m ")
                if value == rule.target:
                    findings.matches[rule.id] += 1
                elif value in rule.launchers and "." not in value:
                    if whole_name and " " not in value:
                        _rename(file, rule, word, value, findings)
                    else:
                        reason = f"a pattern of {program}"
                        if value in rule.target:
                            reason += f"; {rule.target} matches it as well"
                        findings.kept.append(file.left(rule.id, *word.span, reason))
                elif module in rule.launchers and "." in module:
                    if full:
                        _rename(file, rule, word, value, findings)
                    else:
                        findings.kept.append(file.left(rule.id, *word.span, f"a pattern of {program}"))
                else:
                    continue
                handled.add(word.span.start)
    return handled


def _rename(file: TextFile, rule: ShellRule, word: Word, value: str, findings: Findings) -> None:
    findings.matches[rule.id] += 1
    span = word.tail(value)
    if span is None:
        findings.left.append(file.left(rule.id, *word.span, "the name is spelled in pieces"))
    else:
        findings.edits.append(file.edit(rule.id, span.start, span.end, rule.target))


def _reads_processes(words: list[Word]) -> bool:
    """Whether the command reads the output of ``ps``."""
    command = words[0].node.parent
    pipeline = command.parent if command is not None else None
    if command is None or pipeline is None or pipeline.type != "pipeline":
        return False
    return any(words[0].code.source(part).split()[:1] in (["ps"], ["pgrep"]) for part in pipeline.named_children)


def _not_run(file: TextFile, script: Script, rules: Sequence[ShellRule], handled: set[int], findings: Findings) -> None:
    """Words that are spelled like a launcher and are arguments."""
    for code, words in script.commands:
        if code.verdict != RUN:
            continue
        for index, word in enumerate(words[1:], 1):
            for rule in rules:
                if word.value not in rule.launchers or word.span.start in handled:
                    continue
                handled.add(word.span.start)
                if _may_be_run(script, words, index):
                    findings.matches[rule.id] += 1
                    reason = f"given to {words[0].text}, which may run it or not"
                    findings.left.append(file.left(rule.id, *word.span, reason))
                else:
                    reason = f"an argument of {words[0].text}, not run"
                    findings.kept.append(file.left(rule.id, *word.span, reason))


def _may_be_run(script: Script, words: list[Word], index: int) -> bool:
    """Whether the word looks like a command with flags that is given to a program nobody knows."""
    program, _ = script.wrappers.program(words)
    if program in programs.PRINTING | programs.INSTALLERS | programs.PROCESS_NAMES:
        return False
    following = [word.text for word in words[index + 1 : index + 2]]
    return words[index - 1].text[:2] != "--" and any(text[:1] in ("-", "$") for text in following)


def _not_understood(file: TextFile, script: Script, rules: Sequence[ShellRule], findings: Findings) -> None:
    """Launchers in what the parser did not understand."""
    regions = [(code, *code.local(node)) for code, node in script.reader.errors]
    regions += [(code, *span) for code in script.reader.codes for span in code.masked]
    for code, start, end in regions:
        if code.verdict != RUN:
            continue
        for offset, token in tokens(code.text[start:end]):
            for rule in rules:
                if token.rpartition("/")[2] in rule.launchers:
                    place = code.places[start + offset]
                    line = file.line_column(place)[0]
                    findings.matches[rule.id] += 1
                    findings.left.append(Left("stands in shell code that is not understood", line, rule.id, token))


def tokens(text: str) -> list[tuple[int, str]]:
    """The words of text that is no code, roughly: what stands between blanks, quotes and operators."""
    found: list[tuple[int, str]] = []
    start = 0
    for index, character in enumerate(text + " "):
        if character.isspace() or character in "\"'`;|&()<>{}$=,":
            if index > start:
                found.append((start, text[start:index]))
            start = index + 1
    return found
