"""`tokenspec`: finds the verb, runs it, and turns its result or error into an exit code and a message.

Every option has a variable, as TOKENSPEC_FUZZ_SUT is --sut of `fuzz`: in CI that is easier to set than a command line to compose.
"""

from __future__ import annotations

import _thread
import importlib
import io
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count
from typing import Any

import click
from click.shell_completion import CompletionItem

from tokenspec.oracle.base.chosen import OPTION, SHIPPED, VARIABLE, chosen, chosen_by, load
from tokenspec.oracle.base.errors import BadSetting, Terminated, WrongUsage
from tokenspec.oracle.base.whole_files import cannot_be_written
from tokenspec.oracle.command.files import Implementation, check_names
from tokenspec.oracle.report.exits import BAD_DATA, BUG, MISSING, TERMINATED, USAGE, code_of_signal
from tokenspec.oracle.report.output import discard_standard_output, output

_OURS = "TOKENSPEC_"
_DIGEST_MIN = 12
_OF_ALL = (VARIABLE, f"{_OURS}DIGEST")
"""The variables of the options that stand before the verb."""
_GATES = {"--check", "--fail-above", "--require-coverage"}


def take_from_environment(command: click.Command, prefix: str) -> None:
    """Names the variable of each option after the option. Raises `WrongUsage` for a variable that belongs to no option.

    An empty variable of an option that names files or an implementation, or that is a gate, raises it too: the run would be about
    others, or pass.
    """
    known = dict(_named(command, prefix))
    for name in sorted(os.environ):
        option = known.get(name)
        if (
            not os.environ[name].strip()
            and option
            and (isinstance(option.type, click.Path | Implementation) or not _GATES.isdisjoint(option.opts))
        ):
            raise WrongUsage(name, "it is there and empty; give it a value, or unset it")
        if name not in known and (name.startswith(f"{prefix}_") or _misspells(name, prefix, known) or _misspells_any(name)):
            # Imported only for an error, so that short commands start without them; the same below.
            from tokenspec.oracle.base.nearest import did_you_mean
            from tokenspec.oracle.base.text import one_line

            raise WrongUsage(one_line(name), f"no option has this variable{did_you_mean(name, sorted([*known, *_OF_ALL]))}")


def _misspells(name: str, prefix: str, known: Collection[str]) -> bool:
    """Returns true if a variable ends like one of the verb's, after a name that is nearly the verb's."""
    if not name.startswith(_OURS):
        return False
    from tokenspec.oracle.base.nearest import nearest

    verb = prefix.removeprefix(_OURS)
    ends = (each.removeprefix(prefix) for each in known if name.endswith(each.removeprefix(prefix)))
    return any((said := name[len(_OURS) : -len(end)]) and said != verb and nearest(said, [verb]) is not None for end in ends)


def _misspells_any(name: str) -> bool:
    """Returns true if a variable is nearly one of those before the verb."""
    if not name.startswith(_OURS) or name in _OF_ALL:
        return False
    from tokenspec.oracle.base.nearest import nearest

    return nearest(name.removeprefix(_OURS), (each.removeprefix(_OURS) for each in _OF_ALL)) is not None


def _named(command: click.Command, prefix: str) -> Iterator[tuple[str, click.Option]]:
    """Yields the variables of a verb, each with its option."""
    for parameter in command.params:
        option = next((word for word in parameter.opts if word.startswith("--")), OPTION)
        # The specification is chosen before any verb is known, and has one variable for all of them.
        if isinstance(parameter, click.Option) and option != OPTION:
            parameter.envvar = f"{prefix}_{option.removeprefix('--').replace('-', '_').upper()}"
            # Separated by white space, as every repeatable option, paths too.
            parameter.type.envvar_list_splitter = None  # type: ignore[misc]
            yield parameter.envvar, parameter
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _named(each, f"{prefix}_{name.replace('-', '_').upper()}")


def demand_digest(context: click.Context, parameter: click.Parameter, asked: str | None) -> None:
    """Raises `WrongUsage` unless the declaration has the requested digest."""
    if asked is None:
        return
    from tokenspec.oracle.base.provenance import declaration
    from tokenspec.oracle.base.text import one_line

    if len(asked) < _DIGEST_MIN or not declaration().startswith(asked):
        found = f"at least {_DIGEST_MIN} of its characters are needed" if len(asked) < _DIGEST_MIN else f"this is {declaration()}"
        raise WrongUsage("--digest", f"the declaration {one_line(asked, 80)!r} is asked for, and {found}")


VERBS = {
    "check": "Checks every claim about the declared account and prints how each was discharged.",
    "replay": "Runs event logs through the oracle and compares the observations.",
    "fuzz": "Fuzzes the declared machines with random events, settings and times.",
    "serve": "Answers requests of the wire protocol as the oracle.",
    "mutants": "Seeds faults into the declaration and shows which claim kills each.",
    "vectors": "Runs conformance vectors against an implementation, and builds them.",
    "diagram": "Draws the declared account, the coverage of a run, or the events of a log.",
    "docs": "Fills marked blocks of documents with tables and pictures of the declared account.",
    "export": "Writes the declared account for another tool: TLC, Spin, or any that reads JSON.",
    "new": "Writes a small specification of one's own, with claims and tests that pass.",
    "map": "Looks at a table or a foreign log, and writes a first map of it for --map.",
    "infer": "Finds the policy settings that explain the observations of logs.",
    "explain": "Explains an account's balance, with the due dates of its jobs.",
    "verify-artefacts": "Checks by their digest that files were made from this declaration.",
    "explore": "Writes a page in which the declared account runs, to be tried out in a browser.",
    "policies": "Lists every open question with its answers, its default, and why it is open.",
}
_EXITS = """
Exit codes: 0 holds; 12 a safety claim is violated; 13 a liveness claim is violated; 15 a log diverges; 16 a coverage gate failed;
20 and 21 no verdict; 64 wrong usage; 65 bad input data; 66 input missing; 70 a bug of tokenspec.
"""


_SETTING = re.compile(r" (--policy|--against) \w+=\w+")
_BALANCES = re.compile(r"""'\{"\w+": """)


def _fit_examples(command: click.Command) -> None:
    """Fits the examples in help texts, which are written for the shipped account, to the specification that is chosen."""
    for part in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
        part.help = "\n".join(map(_fitted, (part.help or "").split("\n")))


def _fitted(line: str) -> str:
    from tokenspec.oracle.base.specification import POLICIES, POOLS, SPEC

    if not line.lstrip().startswith("tokenspec "):
        return line
    # One setting of one policy is enough for an example: a second one would be of the same.
    number = count()
    setting = f" {{}} {POLICIES[0].name}={POLICIES[0].answers[-1][0]}" if POLICIES else ""
    line = _SETTING.sub(lambda found: "" if next(number) else setting.format(found[1]), line)
    line = line.replace("tokenspec diagram generate", f"tokenspec diagram {SPEC.opening.name}")
    return _BALANCES.sub(f"""'{{"{POOLS[0]}": """, line) if POOLS else line


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        found: click.Command = importlib.import_module(f"tokenspec.oracle.command.verbs.{name.replace('-', '_')}").command
        check_names(found)
        take_from_environment(found, f"TOKENSPEC_{name.replace('-', '_').upper()}")
        if SPEC_OPTION not in found.params:
            found.params.append(SPEC_OPTION)
            if chosen().name != SHIPPED:
                _fit_examples(found)
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Returns the verb. Fails with the nearest verb for an unknown name."""
        if not ctx.resilient_parsing and args[0] not in VERBS and not args[0].startswith("-"):
            from tokenspec.oracle.base.nearest import did_you_mean

            raise click.UsageError(f"there is no verb {args[0]!r}{did_you_mean(args[0], VERBS)}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # For the same reason: completion does not import a verb to see whether it is hidden.
        if incomplete and not incomplete[0].isalpha():
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=says) for name, says in VERBS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The one-line help is kept beside the names, so that --help imports no verb.
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


STANDARD_OUTPUT = "standard output"
"""The name of the file in errors of standard output."""
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "auto_envvar_prefix": "TOKENSPEC"}


SPEC_HELP = "The specification, in place of the shipped one (tokenspec) or that of pyproject.toml; `tokenspec new` writes one."
SPEC_OPTION = click.Option(["--spec"], metavar="MODULE:NAME", expose_value=False, allow_from_autoenv=False, help=SPEC_HELP)


def _version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        from tokenspec.oracle.base.provenance import line

        click.echo(line())
        context.exit()


@click.command(cls=_Verbs, epilog=_EXITS, context_settings=_SETTINGS)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    allow_from_autoenv=False,
    help="Version and declaration.",
)
@click.option("--spec", metavar="MODULE:NAME", expose_value=False, allow_from_autoenv=False, help=SPEC_HELP)
@click.option(
    "--digest",
    metavar="DIGEST",
    expose_value=False,
    callback=demand_digest,
    help="Refuses to run where the declaration is another one; DIGEST, or how it begins, is what --version shows.",
)
def tokenspec() -> None:
    """A formally checked, executable specification of a token account.

    \b
    tokenspec check                      every claim, in about a minute
    tokenspec replay examples/*.jsonl    logs against the specification
    tokenspec replay LOG --policy infer --catalogue mine.toml
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and exits."""
    _open_streams()
    keep_interruptions()
    code = run(lambda: _main(sys.argv[1:] if arguments is None else arguments))
    # All output is written and all processes have ended: from here on a signal has nothing to interrupt.
    for number in (signal.SIGINT, signal.SIGTERM):
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    sys.exit(code)


def _main(arguments: list[str]) -> Any:
    """Chooses the specification, before anything that is made from it is imported, and runs the verb."""
    arguments = chosen_by(arguments)
    choice = chosen()
    if note := choice.note if choice.name == SHIPPED else f"specification {load().name} ({choice.name}, {choice.said_in})":
        sys.stderr.write(f"tokenspec: {note}\n")
    return tokenspec.main(arguments, prog_name="tokenspec", standalone_mode=False)


def keep_interruptions() -> None:
    """Makes Ctrl-C and SIGTERM end a run at any point, with all processes that it has started.

    Python swallows exceptions within a callback of the garbage collector, as Hypothesis has one, or within a destructor.
    An interruption lost there is raised again a moment later. It leaves objects half made, whose destructors fail unseen.
    """
    before = sys.unraisablehook

    def hook(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            number = signal.SIGTERM if issubclass(lost.exc_type, Terminated) else signal.SIGINT
            again = threading.Timer(0.05, _thread.interrupt_main, (number,))
            again.daemon = True
            again.start()
        elif not _received:
            before(lost)

    sys.unraisablehook = hook
    for number in (signal.SIGINT, signal.SIGTERM):
        # An ignored signal, as in the background of a script, stays ignored.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _interrupt)


_received: list[int] = []


def _interrupt(number: int, frame: object) -> None:
    _received.append(number)
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _open_streams() -> None:
    """Makes standard output and error UTF-8 everywhere; output to a closed one is discarded.

    A closed standard input stays closed: only some verbs need it.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            stream = open(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            # A name that is not Unicode text, such as that of a file, is written with escapes.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        raw = io.BufferedWriter(_StandardOutput(1, "wb", closefd=False))
        sys.stdout = io.TextIOWrapper(raw, "utf-8", "backslashreplace", "\n", line_buffering=sys.stdout.line_buffering)
    if isinstance(sys.stderr, io.TextIOWrapper):
        remarks = io.BufferedWriter(_StandardError(2, "wb", closefd=False))
        sys.stderr = io.TextIOWrapper(remarks, "utf-8", "backslashreplace", "\n", line_buffering=True)


class _StandardOutput(io.FileIO):
    """Standard output, whose errors have its name: callers such as click do not name the file."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as fault:
            fault.filename = STANDARD_OUTPUT
            raise


class _StandardError(io.FileIO):
    """Standard error, which never fails: progress and remarks that nobody reads, or for which there is no room, end no run."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def run(call: Callable[[], Any]) -> int:
    """Returns the exit code of `call`; an exception becomes a message on standard error, never a traceback."""
    try:
        code = call()
        with output("-"):
            pass
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as fault:
        return fault.exit_code
    except click.UsageError as fault:
        return _usage(fault)
    except (click.Abort, KeyboardInterrupt) as fault:
        # click turns every interruption into an `Abort`.
        code = code_of_signal(fault.__cause__ or fault)
        return _say("terminated" if code == TERMINATED else "interrupted", code)
    except BadSetting as fault:
        code = USAGE if isinstance(fault, WrongUsage) else BAD_DATA
        return _say(f"{fault.key}: {fault.rule}", code, fault.faults)
    except SystemExit as fault:
        if not _is_of_click(fault):
            # No verb of ours ends by it: whatever the code that it asks for, there is no verdict.
            return _say("code that the run calls, of the specification or an implementation, ended it (SystemExit)", BAD_DATA)
        # The reader of the help has closed the pipe; click then ends the process by itself.
        discard_standard_output()
        return 0
    except OSError as fault:
        if fault.filename == STANDARD_OUTPUT:
            discard_standard_output()
            if isinstance(fault, BrokenPipeError):
                return 0
            return _say(str(cannot_be_written("-o", "-", fault)), USAGE)
        why = fault.strerror or str(fault)
        return _say(f"{fault.filename or 'input'}: {why[:1].lower()}{why[1:]}", MISSING)
    except Exception as fault:  # the last resort: a bug of ours
        if os.environ.get("TOKENSPEC_DEBUG"):
            raise
        where = f"{type(fault).__name__}: {fault}"
        return _say(f"a bug of tokenspec, please report it ({where}); TOKENSPEC_DEBUG=1 shows where", BUG)


def _is_of_click(fault: SystemExit) -> bool:
    """Returns true if click ends the process: after completing a word, or for a closed pipe."""
    *_, (frame, _) = traceback.walk_tb(fault.__traceback__)
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "click"


def _usage(fault: click.UsageError) -> int:
    """Prints the usage as click does, but with the command line's texts on one line."""
    from tokenspec.oracle.base.text import one_line

    if isinstance(fault, click.exceptions.NoArgsIsHelpError):
        sys.stderr.write(f"{fault.format_message()}\n")
        return USAGE
    lines = []
    if fault.ctx is not None:
        lines += [fault.ctx.get_usage(), f"Try '{fault.ctx.command_path} --help' for help.", ""]
    sys.stderr.write("\n".join([*lines, f"Error: {one_line(' '.join(fault.format_message().split()), 2_000)}\n"]))
    return USAGE


def _say(message: str, code: int, further: Sequence[str] = ()) -> int:
    from tokenspec.oracle.base.text import one_line

    sys.stderr.write("".join(f"{one_line(line, 2_000)}\n" for line in (f"tokenspec: {message}", *further)))
    return code
