from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import pytest

from harness.adapters.direct import replay_program
from harness.assets import chosen, read_pins
from harness.engine import Suite
from harness.errors import Fault, TargetError, UnknownTarget
from harness.events import BugJudged, CorpusDone, RunFinished
from harness.fuzz import Budget, Setting
from harness.golden import read_manifest
from harness.laws import FullDecoder
from harness.model import DetokenizeRequest, Event, Kind, Program
from harness.oracle import answer_program
from harness.run import Options, judge
from harness.strategies import Material, read_material
from harness.targets import Target, load_factory
from harness.tokenizer import TransformersCodec, load_vocabulary
from harness.zoo.bug import Bug, stream
from harness.zoo.catalogue import Specimen, names_of_bugs, read_zoo
from harness.zoo.checks import FAULTS, Check, read_check
from harness.zoo.parade import parade
from harness.zoo.trial import Court, by_goldens, by_search, judge_bug, open_court, show

ROOT = pathlib.Path(__file__).parents[2]
NAMES = names_of_bugs(ROOT / "impls")
CORPORA = ("cjk", "eos", "aborts")
PLAIN = "Hello world! This is a plain text of two lines, the first of which ends here.\nNo one's emoji are in it."
SEEN_ON_PLAIN_TEXT = {
    "lmdeploy_strip_each_token",
    "mlx_wrong_family",
    "smg_other_eos",
    "tokenizers_index_underflow",
    "transformers_t5_token_alone",
    "transformers_until_space",
    "vllm_shows_eos",
    "vmlx_hold_back",
}
"""The bugs that anyone would have seen at once, and did."""


@lru_cache
def _court(tokenizer: str, folder: pathlib.Path) -> Court:
    """A court with a few goldens, and next to nothing to draw scripts from."""
    codec, vocabulary = TransformersCodec(folder), load_vocabulary(folder)
    material = Material(
        tokenizer, vocabulary.eos_id, ([vocabulary.eos_id],), (1,), (), (), (), (), (vocabulary.eos_id,)
    )
    setting = Setting(tokenizer, folder, codec, vocabulary, FullDecoder(codec, vocabulary), material)
    suite = _suite(tokenizer, setting, CORPORA)
    return open_court(suite, setting, load_factory("impls.python:factory"))


def _suite(tokenizer: str, setting: Setting, corpora: Sequence[str]) -> Suite:
    goldens = ROOT / "goldens" / tokenizer
    entries = tuple(entry for entry in read_manifest(goldens).goldens if entry.corpus in corpora)
    return Suite(tokenizer, setting.folder, goldens, entries)


@pytest.fixture(scope="session")
def court(tokenizer_dir: Callable[[str], pathlib.Path]) -> Iterator[Callable[[str], Court]]:
    yield lambda name: _court(name, tokenizer_dir(name))
    _court.cache_clear()


@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_program_shows_the_bug_and_nothing_else_does(name: str, court: Callable[[str], Court]) -> None:
    (specimen,) = read_zoo(ROOT / "impls", [name])
    check, here = read_check(specimen.bug.check), court(specimen.bug.tokenizer)
    expected = check.law or (check.kind.value if check.kind else "")
    assert show(specimen, here, specimen.bug.smallest).by(check) == expected
    assert here.by_reference.judge(specimen.bug.smallest) == []
    if check.law:
        assert check.law not in [violation.law for violation in here.by_laws.judge(specimen.bug.smallest)]


@pytest.mark.parametrize("name", NAMES)
def test_only_bugs_that_anyone_would_see_show_on_plain_text(name: str, court: Callable[[str], Court]) -> None:
    (specimen,) = read_zoo(ROOT / "impls", [name])
    setting = court(specimen.bug.tokenizer).setting
    backend = load_factory(specimen.spec)(setting.folder)
    if read_check(specimen.bug.check).kind in FAULTS or not hasattr(backend, "detokenize"):
        return
    specials = setting.vocabulary.specials
    ids = [token for token in setting.codec.encode(PLAIN) if token not in specials] + [setting.codec.eos_id]
    events = [Event.FEED] * (len(ids) - 1) + [Event.FINISH]
    program = Program("plain", [7] * len(ids), ids, events, [1] * len(ids))
    try:
        chunks: list[str] | None = replay_program(backend, program, lambda batch: None)
    except Fault:
        chunks = None
    assert (chunks != answer_program(setting.codec, program)) == (name in SEEN_ON_PLAIN_TEXT)


@pytest.mark.parametrize("tokenizer", chosen((), read_pins(ROOT / "corpora")))
def test_what_the_bugs_deviate_from_is_correct(tokenizer: str, court: Callable[[str], Court]) -> None:
    here = court(tokenizer)
    for part in ("windows", "Encoder"):
        events = list(judge(Target(part, spec=f"impls.zoo.base:{part}"), here.suite, Options(in_process=True)))
        done = [event for event in events if isinstance(event, CorpusDone)]
        assert done
        assert [event for event in done if event.red] == []


def test_there_are_many_bugs_and_each_is_small() -> None:
    specimens = read_zoo(ROOT / "impls")
    assert len(specimens) >= 48
    for specimen in specimens:
        lines = (ROOT / "impls" / "zoo" / f"{specimen.name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 80, specimen.name
        assert specimen.bug.seen
        assert specimen.bug.smallest.messages


def _specimen(check: str, factory: str, **changes: object) -> Specimen:
    bug = Bug(("nowhere#1",), "nothing", "none", "straddle", check, stream(97, 228, 97))
    return Specimen("made_up", dataclasses.replace(bug, **changes), factory)  # type: ignore[arg-type]


def test_a_survivor_is_red(court: Callable[[str], Court]) -> None:
    judged = judge_bug(_specimen("golden:lost", "impls.zoo.base:windows"), court("straddle"), Budget(3))
    assert judged.red == ("the smallest program shows nothing, not lost", "the goldens show nothing, not lost")
    assert (judged.goldens, judged.law, judged.search) == ("", "", "")


def test_a_catch_by_another_check_is_red(court: Callable[[str], Court]) -> None:
    judged = judge_bug(
        _specimen("golden:doubled", "impls.zoo.llama_cpp_python_ignore:factory"), court("straddle"), Budget(3)
    )
    assert judged.red[0] == "the smallest program shows lost, not doubled"
    judged = judge_bug(_specimen("law:eos", "impls.zoo.llama_cpp_python_ignore:factory"), court("straddle"), Budget(3))
    assert judged.red == ("the smallest program shows append-only, not eos",)


def test_a_program_that_shows_the_reference_is_red(court: Callable[[str], Court]) -> None:
    class Wrong:
        def judge(self, script: object) -> list[object]:
            return [*here.by_laws.judge(stream(97, 228))]

    here = court("straddle")
    suspect = dataclasses.replace(here, by_reference=Wrong())  # type: ignore[arg-type]
    judged = judge_bug(_specimen("golden:lost", "impls.zoo.llama_cpp_python_ignore:factory"), suspect, Budget(3))
    assert judged.red[-1] == "the control shows lost on the smallest program"


def test_the_search_catches_a_bug_and_says_how_small(court: Callable[[str], Court]) -> None:
    here = court("straddle")
    material = read_material("straddle", ROOT / "corpora", here.setting.codec, here.setting.vocabulary)
    setting = dataclasses.replace(here.setting, material=material)
    here = dataclasses.replace(here, setting=setting, suite=_suite("straddle", setting, ["cuts"]))
    events = list(parade(read_zoo(ROOT / "impls", ["transformers_js_utf16"]), lambda name: here, Budget(2000)))
    judged, last = events
    assert isinstance(judged, BugJudged)
    assert (judged.goldens, judged.red) == ("late", ())
    assert "late" in judged.search.split(", ")
    assert 0 < judged.found <= judged.smallest == 5
    assert last == RunFinished(0, 1, 0, 5, 0)


def test_judges_go_on_until_they_see_the_class_that_is_asked_for(court: Callable[[str], Court]) -> None:
    here = court("straddle")
    material = read_material("straddle", ROOT / "corpora", here.setting.codec, here.setting.vocabulary)
    here = dataclasses.replace(
        here,
        setting=dataclasses.replace(here.setting, material=material),
        suite=_suite("straddle", here.setting, ["invalid"]),
    )
    swallows = _specimen("golden:lost", "impls.zoo.codecai_no_validation:factory")
    assert by_goldens(swallows, here, Check(kind=Kind.LOST)) == ["early", "lost"]
    assert by_goldens(swallows, here, Check(law="eos")) == ["early"]
    finds = by_search(swallows, here, Budget(500), "lost")
    assert len(finds) > 1
    assert [find.violations[0].kind for find in finds].index(Kind.LOST) == len(finds) - 1


class _Spoilt:
    """Refuses an id that is none, as it may, and then raises at every uid far from that one: those of other scripts."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._inner = load_factory("impls.zoo.base:windows")(folder)
        self._spoilt_by: int | None = None

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> Sequence[str]:
        if self._spoilt_by is not None and any(abs(r.uid - self._spoilt_by) >= 2**40 for r in requests):
            raise RuntimeError("spoilt")
        for request in requests:
            if not 0 <= request.next_token < 2**32:
                self._spoilt_by = request.uid
                raise ValueError("an id that is none")
        return self._inner.detokenize(requests)


def test_a_find_has_what_came_before_it_where_that_is_to_blame(court: Callable[[str], Court]) -> None:
    here = court("straddle")
    material = read_material("straddle", ROOT / "corpora", here.setting.codec, here.setting.vocabulary)
    here = dataclasses.replace(here, setting=dataclasses.replace(here.setting, material=material))
    (find,) = by_search(_specimen("law:answers", f"{__name__}:_Spoilt"), here, Budget(500), "error")
    assert find.repeats
    assert find.script.messages == 2


class _Once:
    """Raises on the first message that it is ever given in this process, and never again."""

    raised = False

    def __init__(self, folder: pathlib.Path) -> None:
        self._inner = load_factory("impls.zoo.base:windows")(folder)

    def detokenize(self, requests: Sequence[DetokenizeRequest]) -> Sequence[str]:
        if not _Once.raised:
            _Once.raised = True
            raise RuntimeError("once")
        return self._inner.detokenize(requests)


def test_a_find_that_no_one_sees_again_has_its_class_all_the_same(court: Callable[[str], Court]) -> None:
    once = _specimen("golden:error", f"{__name__}:_Once")
    _Once.raised = False
    (find,) = by_search(once, court("straddle"), Budget(3), "error")
    assert not find.repeats
    assert find.signature[1] == "error RuntimeError"


def test_a_law_that_the_control_breaks_does_not_count(court: Callable[[str], Court]) -> None:
    (specimen,) = read_zoo(ROOT / "impls", ["vllm_reset_on_invalid_prefix"])
    here = court("llama2")
    assert here.by_laws.judge(specimen.bug.smallest)
    assert show(specimen, here, specimen.bug.smallest).laws == ()


def test_a_parade_with_a_red_bug_or_none_at_all_is_red(court: Callable[[str], Court]) -> None:
    survivor = _specimen("golden:lost", "impls.zoo.base:windows")
    assert list(parade([survivor], court, Budget(1)))[-1] == RunFinished(1, 1, 1, 3, 0)
    assert list(parade([], court, Budget(1))) == [RunFinished(1, 0, 0, 0, 0)]


@pytest.mark.parametrize("check", ["golden:louder", "law:gravity", "lost", ""])
def test_a_check_that_is_none_is_refused(check: str) -> None:
    with pytest.raises(TargetError):
        read_check(check)


def test_an_unknown_bug_is_refused() -> None:
    with pytest.raises(UnknownTarget):
        read_zoo(ROOT / "impls", ["nobody"])


def test_the_page_lists_every_bug_with_its_check() -> None:
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    listed = {row[0].strip("`"): row[3].strip("`") for row in rows if row[0].strip("`") in NAMES}
    assert listed == {specimen.name: specimen.bug.check for specimen in read_zoo(ROOT / "impls")}


def test_the_command_judges_a_bug_and_its_report_is_shown_again(tmp_path: pathlib.Path) -> None:
    report = tmp_path / "zoo.jsonl"
    command = [sys.executable, "-m", "harness.cli"]
    asked = [*command, "zoo", "transformers_js_utf16", "--json", str(report)]
    run = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "green: 1 bugs, 0 red" in run.stdout
    again = [*command, "report", str(report)]
    shown = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    assert "transformers_js_utf16" in shown.stdout
    unknown = [*command, "zoo", "nobody"]
    refused = subprocess.run(unknown, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith("unknown-target: ")
