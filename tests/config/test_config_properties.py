"""Properties of loading and compiling, over generated projects and damaged texts."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.config.project import Pinned
from cronicle.runs.spec import RunSpec, spec_from_bytes, spec_to_bytes

LANGUAGE = Path(__file__).parent.parent / "language"
FIXTURES = sorted(path for path in LANGUAGE.glob("*/*.hcl") if path.parent.name != "mistakes")
TEXTS = [path.read_text() for path in FIXTURES]


def spec_of(text: str) -> RunSpec:
    tree = DictTree({"w.hcl": text})
    loaded = load_project(tree, folder_name="p")
    assert loaded.project is not None, loaded.diagnostics
    return compile_workflow(loaded.project, loaded.project.workflows["w"], tree)


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """For each task the earlier ones that it waits for."""
    count = draw(st.integers(1, 8))
    return [sorted(draw(st.sets(st.integers(0, at - 1), max_size=3))) if at else [] for at in range(count)]


def text_of(graph: list[list[int]], order: list[int]) -> str:
    tasks = []
    for at in order:
        above = ", ".join(f"task.t{n}" for n in graph[at])
        tasks.append(f'  task "t{at}" {{\n    command = ["echo", "{at}"]\n    depends_on = [{above}]\n  }}\n')
    return 'workflow "w" {\n' + "".join(tasks) + "}\n"


@settings(max_examples=40, deadline=None)
@given(graph=graphs(), data=st.data())
def test_the_order_of_declaration_changes_no_fingerprint(graph: list[list[int]], data: st.DataObject) -> None:
    numbers = list(range(len(graph)))
    one = spec_of(text_of(graph, numbers))
    other = spec_of(text_of(graph, data.draw(st.permutations(numbers))))

    assert {task.name: task.deep_fingerprint for task in one.tasks} == {
        task.name: task.deep_fingerprint for task in other.tasks
    }
    for spec in (one, other):
        seen: set[str] = set()
        for task in spec.tasks:
            assert {edge.task for edge in task.upstreams} <= seen
            seen.add(task.name)
        assert spec_from_bytes(spec_to_bytes(spec)) == spec


@settings(max_examples=40, deadline=None)
@given(graph=graphs(), data=st.data())
def test_a_changed_task_changes_the_deep_form_of_exactly_what_is_below_it(
    graph: list[list[int]], data: st.DataObject
) -> None:
    changed = data.draw(st.integers(0, len(graph) - 1))
    text = text_of(graph, list(range(len(graph))))
    before, after = spec_of(text), spec_of(text.replace(f'["echo", "{changed}"]', '["echo", "new"]'))
    below = {changed}
    for at, above in enumerate(graph):
        if below & set(above):
            below.add(at)

    moved = {
        a.name
        for a, b in zip(before.tasks, after.tasks, strict=True)
        if a.deep_fingerprint != b.deep_fingerprint
    }
    assert moved == {f"t{at}" for at in below}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_text_breaks_the_loader(data: st.DataObject) -> None:
    """Pieces of valid and invalid files, cut out or doubled, give a project or diagnostics, never an exception."""
    text = data.draw(st.sampled_from(TEXTS))
    lines = text.splitlines(keepends=True) or [""]
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start, len(lines)))
    middle = data.draw(
        st.sampled_from([[], lines[start:end] * 2, ["}\n"], ["x = [\n"], ["task.a.b\n"], ["\x00\n"]])
    )
    damaged = "".join([*lines[:start], *middle, *lines[end:]])

    loaded = load_project(DictTree({"a.hcl": damaged}), folder_name="p")
    assert (loaded.project is None) == loaded.has_errors


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_value_breaks_the_loader(data: st.DataObject) -> None:
    """Any attribute may have any expression: what does not fit is a diagnostic, what fits compiles."""
    import re

    text = data.draw(st.sampled_from([text for text in TEXTS if "task" in text]))
    places = [match.span(1) for match in re.finditer(r"^ +\w+ += (.*)$", text, re.MULTILINE)]
    start, end = data.draw(st.sampled_from(places))
    value = data.draw(
        st.sampled_from(
            [
                "null",
                "[]",
                "{}",
                "[null]",
                "-1",
                "1e400",
                '""',
                "run.time",
                "task.a",
                "task.a.stdout",
                "[for k in [1] : task.a]",
                '{ for k in ["a"] : k => run.date }',
                "true",
                '"\\u0000"',
                "each",
                "var",
                "file(run.date)",
                "toset([run.date])",
                "task.a[*].output",
                "1 / 0",
            ]
        )
    )
    tree = DictTree({"a.hcl": text[:start] + value + text[end:], "data.txt": "", "sub/x": ""})
    loaded = load_project(tree, folder_name="p")

    assert (loaded.project is None) == loaded.has_errors
    if loaded.project is not None and loaded.project.sources:
        lib = Pinned(git="/lib", revision="a" * 40, tree=tree)
        loaded = load_project(tree, folder_name="p", pins=dict.fromkeys(loaded.project.sources, lib))
    if loaded.project is not None:
        for workflow in loaded.project.workflows.values():
            spec = compile_workflow(loaded.project, workflow, tree)
            assert spec_from_bytes(spec_to_bytes(spec)) == spec
