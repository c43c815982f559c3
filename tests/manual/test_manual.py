# SPDX-License-Identifier: GPL-2.0-only
"""Manual pages, completion, the reference and the README say what the commands and lp.toml take:
they are made of the same definitions, by `make manual`."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lp_build.cli import SUBCOMMANDS, main
from lp_build.completion.command import FILES
from lp_build.steps import run_step, tool

ROOT = Path(__file__).parent.parent.parent
COMMANDS = {name: command for name, command in SUBCOMMANDS.items() if not command.plain}
DOCUMENTS = ("README.md", "docs/reference.md", "docs/vm.md")
BY_HAND = "run `make manual` and commit what it writes"


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {word for action in parser._actions for word in action.option_strings}


def words(text: str) -> str:
    """Text without troff's and markdown's marks, to be compared."""
    return " ".join(re.sub(r"\\f[BIR]|\\[,/&]|\\|[`|]", "", text).split())


def help_texts(parser: argparse.ArgumentParser) -> list[str]:
    """Up to the first value that is filled in."""
    found = [action.help or "" for action in parser._actions if action.dest != "help"]
    return [words(text.replace("%%", "\0").split("%")[0].replace("\0", "%")) for text in found]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_manual_page_that_is_up_to_date(name: str) -> None:
    parser = COMMANDS[name].parser()
    page = (ROOT / "man" / f"lp-{name}.1").read_text(encoding="utf-8")
    assert f"\n.SH NAME\nlp\\-{name} \\- {COMMANDS[name].help}\n" in page
    told = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", words(page)))
    missing = options(parser) - {"-h", "--help"} - told
    assert not missing, BY_HAND
    for text in help_texts(parser):
        assert text in words(page), BY_HAND


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_in_the_reference(name: str) -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    title = "### lp-wrap\n" if name == "wrap" else f"### lp {name}\n"
    part = reference.partition(title)[2].partition("\n### ")[0]
    parser = COMMANDS[name].parser()
    told = set(re.findall(r"`(--?[a-z][\w-]*)", part))
    assert not options(parser) - {"-h", "--help"} - told, BY_HAND
    for text in help_texts(parser):
        assert text.rstrip(".") in words(part), BY_HAND


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What `make manual` makes, elsewhere, by its name in the tree."""
    root = tmp_path_factory.mktemp("made")
    for name in DOCUMENTS:
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import manual; from pathlib import Path; "
        "print(*manual.write(Path(sys.argv[1])), sep='\\n')"
    )
    paths = run_step([sys.executable, "-c", code, root], ROOT, dict(os.environ)).split()
    return {str(Path(path).relative_to(root)): Path(path) for path in paths}


def test_making_them_again_works(made: dict[str, Path]) -> None:
    """The same files as the commit has. Their texts may differ by what each version of Python's
    argparse words otherwise."""
    assert all((ROOT / name).is_file() for name in made)
    committed = {f"man/{path.name}" for path in (ROOT / "man").iterdir()}
    assert committed == {name for name in made if name.startswith("man/")}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_parts_of_documents_that_are_made_are_up_to_date(
    made: dict[str, Path], name: str
) -> None:
    committed = (ROOT / name).read_text(encoding="utf-8")
    assert made[name].read_text(encoding="utf-8") == committed, BY_HAND


def completed(*line: str) -> list[str]:
    """What bash proposes for the last word of a line."""
    function = f"_shtab_{re.sub(r'[^a-z]', '_', line[0])}"
    script = (
        f"source <('{tool('lp')}' completion bash); "
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); '
        f'{function}; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", *line], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_bash_completes_commands() -> None:
    assert set(completed("lp", "")) >= set(COMMANDS)
    assert completed("lp", "do") == ["doctor"]


def test_bash_completes_options_and_their_values() -> None:
    assert "--request" in completed("lp", "init", "--")
    assert set(completed("lp", "wrap", "--phase", "s")) == {"survey", "scout", "specialize"}
    assert "--trace" in completed("lp-wrap", "--")


def test_zsh_has_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("#compdef lp\n")
    for name in COMMANDS:
        assert f"_shtab_lp_{name}_options" in shown, BY_HAND


def test_completion_is_that_of_the_commit() -> None:
    for name in (name for names in FILES.values() for name in names):
        assert (ROOT / "lp_build" / "completion" / name).is_file()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_tells_how_to_use_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: lp")


@pytest.mark.parametrize(
    "name", ["doctor", "init", "manifest", "build", "report", "check", "bench", "demo"]
)
def test_what_reports_can_do_so_for_scripts_or_not_at_all(name: str) -> None:
    assert {"--json", "--quiet"} <= options(COMMANDS[name].parser())


@pytest.mark.parametrize("settings", [{"NO_COLOR": "1", "FORCE_COLOR": "1"}, {}])
def test_no_colour_where_it_is_not_wanted_or_nobody_looks(settings: dict[str, str]) -> None:
    environment = {k: v for k, v in os.environ.items() if "COLOR" not in k}
    done = subprocess.run(
        [tool("lp"), "doctor"], capture_output=True, text=True, env={**environment, **settings}
    )
    assert "wrap" in done.stdout
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", done.stdout)


def test_unknown_command_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is one."""
    assert main(["manifset"]) == 2
    assert "no such command: manifset; do you mean `lp manifest`?" in capsys.readouterr().err
    assert main(["xyzzy"]) == 2
    assert "do you mean" not in capsys.readouterr().err
