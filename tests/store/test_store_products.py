"""Files that task runs have made: recorded with the success of each, and found by path."""

from __future__ import annotations

from store_values import START, Sample, finished, started, task_finished

from cronicle.runs.products import Product
from cronicle.runs.states import Outcome, RunState, TaskState
from cronicle.store.experiments import Experiment
from cronicle.store.interface import Store
from cronicle.store.records import RunRecord

OLD, NEW = Product("out/a.csv", 1, "aa"), Product("out/a.csv", 2, "bb")
OTHER = Product("out/b.csv", 3 << 40, "cc")


def made(sample: Sample, *products: Product, key: str | None = None, **changes: object) -> RunRecord:
    run = sample.run(**changes)
    sample.append(run, started(key=key), finished(key=key, products=products), task_finished(key=key))
    return run


def test_what_a_task_run_has_made_comes_back_with_it(store: Store, sample: Sample) -> None:
    run = sample.run()
    sample.append(run, started(key="x"), finished(key="x", products=(OTHER, OLD)), task_finished(key="x"))
    sample.append(run, started("report"), finished("report", products=()), task_finished("report"))

    found = store.list_products(run.id)

    assert [(one.run_id, one.task, one.key, one.product) for one in found] == [
        (run.id, "extract", "x", OLD),
        (run.id, "extract", "x", OTHER),
    ]
    assert store.list_products("NOBODY") == ()


def test_only_a_success_has_made_something(store: Store, sample: Sample) -> None:
    run = sample.run()

    sample.append(
        run,
        started(),
        finished(outcome=Outcome.FAILED, products=(OLD,)),
        task_finished(state=TaskState.FAILED),
    )

    assert store.list_products(run.id) == ()


def test_the_newest_record_of_a_path_is_that_of_the_last_to_make_it(store: Store, sample: Sample) -> None:
    first, second = sample.run(), sample.run()
    for run, product in ((second, NEW), (first, OLD)):
        sample.append(run, started(), finished(products=(product, OTHER)), task_finished())
    made(sample, NEW, dirty=True, counts=False)
    made(sample, NEW, environment="production")
    made(sample, NEW, revision="2" * 40, counts=False)
    made(sample, NEW, counts=False, experiment=Experiment(of=first.id))

    found = store.find_newest_products("weather", "local", ["out/a.csv", "out/none.csv"])

    assert {path: (one.run_id, one.product) for path, one in found.items()} == {"out/a.csv": (first.id, OLD)}
    [mine, _] = store.list_products(second.id)
    assert found["out/a.csv"].event > mine.event


def test_pruning_a_run_forgets_what_it_has_made(store: Store, sample: Sample) -> None:
    old = sample.ended(RunState.FAILED, created_at=START)
    sample.append(old)
    run = sample.run()
    sample.append(run, started(), finished(products=(OLD,)), task_finished(), _ended(run))
    sample.ended()

    removed = store.prune_runs("weather", "local", START.replace(year=START.year + 1), 10)

    assert run.id in removed
    assert store.find_newest_products("weather", "local", ["out/a.csv"]) == {}


def _ended(run: RunRecord) -> object:
    from cronicle.runs.events import RunFinished

    return RunFinished(at=START, state=RunState.FAILED)
