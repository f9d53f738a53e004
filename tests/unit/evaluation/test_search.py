"""The study: what is tried, what is stopped early, and how it goes on after an end of any kind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smartaccounts.config import Model
from smartaccounts.errors import PipelineError
from smartaccounts.evaluation import search as searching
from smartaccounts.evaluation.course import Course
from smartaccounts.evaluation.search import SPACE, Budget, Trial, alone, present_settings, search, space_around

DATES = 4


@dataclass
class Slope:
    """Stands for a course: few rounds and many leaves are good, alike at every date."""

    stop_at: int = 0
    error: type[BaseException] = KeyboardInterrupt
    ran: list[Model] = field(default_factory=list)
    cut_offs: range = range(DATES)

    def run(self, model: Model) -> Iterator[float]:
        self.ran.append(model)
        for date in self.cut_offs:
            if len(self.ran) == self.stop_at and date == 1:
                raise self.error
            yield model.leaves / 100 - model.rounds / 1000 + date / 10


def go(
    file: Path, trials: int, *, model: Model | None = None, slope: Slope | None = None, **more: float
) -> tuple[Trial, ...]:
    ground: Course = slope or Slope()
    return search(ground, model or Model(), file, budget=Budget(trials, **more))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "study.journal"


def test_the_first_trial_is_the_present_settings(file: Path) -> None:
    model = Model(rounds=77, l2=3.0)
    (first,) = go(file, 1, model=model)
    assert first.settings == present_settings(model)
    assert (first.state, first.number, len(first.by_cut_off)) == ("complete", 0, DATES)


@pytest.mark.slow
def test_a_search_finds_what_is_better_and_stops_what_is_worse(file: Path) -> None:
    done = go(file, 40)
    assert len(done) == 40
    pruned = [t for t in done if t.state == "pruned"]
    assert pruned
    assert all(2 <= len(t.by_cut_off) < DATES for t in pruned)
    complete = [t for t in done if t.state == "complete"]
    assert all(len(t.by_cut_off) == DATES for t in complete)
    assert max(t.value for t in complete) > complete[0].value + 0.1


@pytest.mark.slow
def test_settings_stay_in_their_ranges_and_are_those_that_are_tried(file: Path) -> None:
    slope = Slope()
    done = go(file, 25, slope=slope)
    for t, ran in zip(done, slope.ran, strict=True):
        assert present_settings(ran) == t.settings
        assert all(low <= t.settings[name] <= high for name, (low, high, _) in SPACE.items())
        assert all(float(f"{v:.3g}") == v for v in t.settings.values())
        Model.model_validate(t.settings)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [1, 4, 13])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_stopped_search_goes_on_as_if_it_had_not_been(
    file: Path, tmp_path: Path, kept: int, error: type[BaseException]
) -> None:
    whole = go(tmp_path / "whole.journal", 16)
    with pytest.raises(error):
        go(file, 16, slope=Slope(stop_at=kept + 1, error=error))
    resumed = Slope()
    done = go(file, 16, slope=resumed)
    assert len(resumed.ran) == 16 - kept
    assert [t.number for t in done if t.state == "failed"] == [kept]
    counted = [t for t in done if t.state != "failed"]
    assert [(t.settings, t.by_cut_off, t.state) for t in counted] == [
        (t.settings, t.by_cut_off, t.state) for t in whole
    ]  # fmt: skip


def test_stopped_in_the_very_first_trial_the_present_settings_come_first_again(file: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(file, 3, slope=Slope(stop_at=1))
    done = go(file, 3)
    assert [t.state for t in done] == ["failed", "complete", "complete", "complete"]
    assert done[1].settings == present_settings(Model())


def test_the_number_of_trials_is_that_of_the_study(file: Path) -> None:
    go(file, 5)
    more = Slope()
    assert len(go(file, 8, slope=more)) == 8
    assert len(more.ran) == 3
    none = Slope()
    assert len(go(file, 8, slope=none)) == len(go(file, 2, slope=none)) == 8
    assert none.ran == []


def test_present_settings_that_changed_are_tried_also_when_all_is_done(file: Path) -> None:
    go(file, 5)
    changed = Slope()
    done = go(file, 5, model=Model(leaves=11), slope=changed)
    assert len(changed.ran) == 1
    assert done[-1].settings == present_settings(Model(leaves=11))
    assert done[-1].state == "complete"


def test_no_trial_begins_when_the_time_is_over_but_the_present_settings_are_tried(file: Path) -> None:
    assert len(go(file, 50, until=time.monotonic())) == 1
    assert len(go(file, 50, until=time.monotonic())) == 1
    assert 1 < len(go(file, 50, until=time.monotonic() + 0.5)) < 50


def test_a_present_setting_outside_the_range_widens_it(file: Path) -> None:
    model = Model(l2=0.0, leaves=200, row_sample=0.2)
    wide = space_around(model)
    assert wide["l2"] == (0.0, 200.0, False)  # there is no logarithm of 0
    assert wide["leaves"] == (4, 200, True)
    assert wide["row_sample"][0] == 0.2
    assert wide["rounds"] == SPACE["rounds"]
    assert go(file, 3, model=model)[0].settings == present_settings(model)


def test_another_seed_searches_elsewhere(tmp_path: Path) -> None:
    one, same, other = (
        go(tmp_path / f"{n}.journal", 4, model=Model(seed=s)) for n, s in (("a", 0), ("b", 0), ("c", 1))
    )
    assert [t.settings for t in one] == [t.settings for t in same]
    assert one[1].settings != other[1].settings


def test_the_terminal_stays_quiet(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    go(file, 12)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_one_search_at_a_time(file: Path) -> None:
    held = (
        "import sys; from pathlib import Path; from smartaccounts.evaluation.search import alone\n"
        "with alone(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", held, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(PipelineError, match="one search at a time, got another that runs in"), alone(file):
            pass
        other.kill()
        other.wait()
        with alone(file):  # the lock ended with its process
            pass


def test_only_what_ended_counts(file: Path) -> None:
    go(file, 3)
    with searching._study(file) as study:
        left = study.ask()  # as a process leaves it that is killed in the middle of a trial
    done = go(file, 4)
    assert [t.state for t in done] == ["complete", "complete", "complete", "failed", "complete"]
    assert (done[3].number, done[3].by_cut_off) == (left.number, ())


def test_a_line_half_written_and_a_lock_left_behind_do_no_harm(file: Path) -> None:
    whole = go(file, 3)
    with file.open("ab") as journal:
        journal.write(b'{"op_code":5,"wor')
    file.with_name(file.name + ".lock").symlink_to(file)
    began = time.monotonic()
    assert go(file, 4)[:3] == whole
    assert time.monotonic() - began < 20  # Optuna itself would wait half a minute for the lock
    assert len(go(file, 5)) == 5
