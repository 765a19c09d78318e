"""Hypothesis: the same examples in every run, so that a change and not chance makes a test fail.

`make quick` takes few of them, `pytest --hypothesis-profile=explore` new ones. There are no time limits, which fail on
a busy machine.

`SLOW` is what `make quick` leaves out, beside the tests that say so themselves: it takes most of the suite's CPU time.
In `e2e` and `providers` the older versions of IAM say so. The rules of `house` read all files: `make check` asks them.
"""

from __future__ import annotations

import gc
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iac.process import Worker

# what a scenario expects and gets is shown, as that of a test
pytest.register_assert_rewrite("tests.scenarios.suite", "tests.scenarios.place")

settings.register_profile("iac", deadline=None, derandomize=True)
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=15)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("iac")

TESTS = Path(__file__).parent
SLOW = (
    "apply/test_converge.py",
    "apply/test_death.py",
    "backends/test_age.py",
    "backends/test_crash.py",
    "backends/test_full_disk.py",
    "backends/test_git.py",
    "backends/test_gitproject.py",
    "backends/test_http.py",
    "backends/test_httplock.py",
    "backends/test_s3.py",
    "benchmarks",
    "blackbox/test_child_process.py",
    "blackbox/test_issuer.py",
    "blackbox/test_killed_init.py",
    "blackbox/test_leftover_folder.py",
    "blackbox/test_long_lists.py",
    "blackbox/test_network.py",
    "blackbox/test_older_version.py",
    "blackbox/test_proof.py",
    "blackbox/test_renamed_client.py",
    "blackbox/test_saved_plan.py",
    "blackbox/test_server_answers.py",
    "blackbox/test_server_rules.py",
    "blackbox/test_templates.py",
    "cli/test_killed_init.py",
    "cli/test_state_move.py",
    "config/test_wrong_kinds.py",
    "core/test_plan_law.py",
    "crash",
    "docs/test_demo.py",
    "docs/test_examples.py",
    "docs/test_how_to.py",
    "docs/test_how_to_add.py",
    "docs/test_picture.py",
    "docs/test_readme.py",
    "docs/test_tutorial.py",
    "e2e/test_canary.py",
    "e2e/test_drift.py",
    "e2e/test_failures.py",
    "e2e/test_faults.py",
    "e2e/test_git.py",
    "e2e/test_http.py",
    "e2e/test_import_by_token.py",
    "e2e/test_interrupt.py",
    "e2e/test_keygen.py",
    "e2e/test_logins.py",
    "e2e/test_many_environments.py",
    "e2e/test_network.py",
    "e2e/test_nightly.py",
    "e2e/test_no_room.py",
    "e2e/test_outputs.py",
    "e2e/test_recover.py",
    "e2e/test_restore.py",
    "e2e/test_rfc7591_declared.py",
    "e2e/test_rfc7591_losses.py",
    "e2e/test_rfc7591_words.py",
    "e2e/test_rotate.py",
    "e2e/test_s3.py",
    "e2e/test_secret.py",
    "e2e/test_self_service.py",
    "e2e/test_sinks.py",
    "e2e/test_succession.py",
    "e2e/test_twenty.py",
    "e2e/test_verify.py",
    "e2e/test_wrong_input.py",
    "fuzz",
    "house",
    "packaging",
    "providers/test_probe.py",
    "rendering/test_renderer.py",
    "sandbox/test_signature.py",
    "scenarios/test_sandbox.py",
    "scenarios/test_switches.py",
    "services/test_catalogue.py",
    "services/test_one_run.py",
    "traps",
    "views/test_machine.py",
    "workflow/pipelines",
)
"""Folders and files here."""

MEASURED = (
    "backends/test_gitproject.py",
    "backends/test_httplock.py",
    "backends/test_s3.py",
    "config/test_catalogue.py",
    "e2e/test_import_by_token.py",
    "e2e/test_keygen.py",
    "e2e/test_many_environments.py",
    "e2e/test_nightly.py",
    "e2e/test_rfc7591_declared.py",
    "e2e/test_rfc7591_losses.py",
    "e2e/test_rfc7591_words.py",
    "e2e/test_secret.py",
    "e2e/test_self_service.py",
    "e2e/test_verify.py",
    "views/test_machine.py",
    "workflow/test_new.py",
)
"""Slow files that alone reach some lines. Coverage doubles what a test costs; it ends before the other slow ones."""

SLOW_PATHS = {TESTS / name for name in SLOW}
MEASURED_PATHS = {TESTS / name for name in MEASURED}


@pytest.fixture(scope="session")
def shared_worker() -> Iterator[Worker]:
    """A process that renders templates of projects, imported when coverage has begun."""
    from iac.core.limits import WORKER_MEMORY
    from iac.process import Worker

    with closing(Worker("iac.rendering.answer:answer", memory=WORKER_MEMORY)) as running:
        yield running


@pytest.fixture
def one_renderer(shared_worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands have their templates rendered by one process, for tests that ask only what comes of it.

    How each command starts and ends a process of its own is what `process` and `rendering/test_renderer.py` ask.
    """
    monkeypatch.setattr(
        "iac.process.Worker", lambda *_, **__: SimpleNamespace(ask=shared_worker.ask, close=lambda: None)
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read no file of slow or live tests where none of them is asked for."""
    asked = config.option.markexpr
    is_slow, is_live = collection_path in SLOW_PATHS, collection_path == TESTS / "live"
    return True if (is_slow and "not slow" in asked) or (is_live and "not live" in asked) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and put it last; those that are not measured come after all others."""
    # Ten thousand items are in three hundred files: each file is asked once.
    is_slow = {path: not SLOW_PATHS.isdisjoint((path, *path.parents)) for path in {item.path for item in items}}
    for item in items:
        if is_slow[item.path]:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: (_is_slow(item), _is_unmeasured(item)))


def pytest_collection_finish() -> None:
    """Items and modules stay to the end: the collector of garbage need not look at them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop coverage at the first test that is not measured: those before it hold the floors.

    Every worker runs its tests in their order, so whatever a process does only once was measured.
    """
    if _is_unmeasured(item) and (coverage := Coverage.current()):
        coverage.stop()


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _is_unmeasured(item: pytest.Item) -> bool:
    return _is_slow(item) and item.path not in MEASURED_PATHS
