"""The graph, its weights, its selectors and its drawings."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dag
from dag.errors import CycleError, DuplicateNodeError, UnknownNodeError
from dag.graph import Graph
from dag.priority import critical_path, remaining_weights
from dag.render import render_dot, render_mermaid, render_text
from dag.select import UnknownSelector, Vocabulary, select

DIAMOND = Graph("abcd", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")])


@st.composite
def graphs(draw: st.DrawFn) -> Graph[int]:
    """Graphs whose nodes are given in any order, not only a topological one."""
    size = draw(st.integers(1, 9))
    pairs = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(
        lambda pair: pair[0] < pair[1]
    )
    edges = draw(st.lists(pairs, unique=True)) if size > 1 else []
    return Graph(draw(st.permutations(range(size))), edges)


def reachable(graph: Graph[int], node: int) -> set[int]:
    below = set(graph.downstream(node))
    return below.union(*(reachable(graph, other) for other in below))


@given(graphs())
def test_order_puts_every_node_after_what_it_waits_for(graph):
    order = graph.topological_order()
    assert sorted(order) == sorted(graph.nodes)
    assert all(order.index(upstream) < order.index(node) for upstream, node in graph.edges)


@given(graphs())
def test_ancestors_and_descendants_are_all_that_can_be_reached(graph):
    for node in graph:
        assert graph.descendants(node) == reachable(graph, node)
        assert graph.ancestors(node) == {other for other in graph if node in reachable(graph, other)}


@given(graphs())
def test_reduction_keeps_what_is_reachable_and_no_edge_is_superfluous(graph):
    reduced = graph.transitive_reduction()
    assert reduced.nodes == graph.nodes
    assert set(reduced.edges) <= set(graph.edges)
    assert all(reduced.descendants(node) == graph.descendants(node) for node in graph)
    for edge in reduced.edges:
        without = Graph(graph.nodes, [other for other in reduced.edges if other != edge])
        assert edge[1] not in without.descendants(edge[0])


@given(graphs(), st.data())
def test_a_subgraph_has_exactly_the_edges_between_its_nodes(graph, data):
    kept = data.draw(st.sets(st.sampled_from(graph.nodes)))
    part = graph.subgraph(kept)
    assert part.nodes == tuple(node for node in graph if node in kept)
    assert part.edges == tuple(edge for edge in graph.edges if kept.issuperset(edge))


@given(graphs(), st.data())
def test_the_critical_path_is_the_heaviest_way(graph, data):
    weights = {node: data.draw(st.integers(0, 5)) for node in graph}

    def heaviest(node: int) -> int:
        return weights[node] + max(map(heaviest, graph.downstream(node)), default=0)

    remaining = remaining_weights(graph, weights.__getitem__)
    assert remaining == {node: heaviest(node) for node in graph}
    path = critical_path(graph, weights.__getitem__)
    assert sum(weights[node] for node in path) == max(remaining.values())
    assert all(after in graph.downstream(before) for before, after in pairwise(path))


def test_answers_follow_the_order_of_the_nodes():
    graph = Graph("zyxa", [("a", "z"), ("x", "z"), ("y", "z")])
    assert graph.upstream("z") == ("y", "x", "a")
    assert graph.topological_order() == ("y", "x", "a", "z")
    assert graph.edges == (("y", "z"), ("x", "z"), ("a", "z"))
    assert DIAMOND.downstream("a") == ("b", "c", "d")
    assert dict(DIAMOND.depths()) == {"a": 0, "b": 1, "c": 1, "d": 2}


def test_a_graph_is_a_value():
    same = Graph.from_upstreams({"a": "", "b": "a", "c": "a", "d": "abc"})
    assert same == DIAMOND
    assert hash(same) == hash(DIAMOND)
    assert Graph("abcd") != DIAMOND
    assert len(DIAMOND) == 4
    assert "a" in DIAMOND
    assert "q" not in DIAMOND
    with pytest.raises(TypeError):
        DIAMOND.upstreams["a"] = ()


def test_a_cycle_error_names_the_whole_way_round_from_its_first_node():
    with pytest.raises(CycleError) as caught:
        Graph("abcde", [("a", "b"), ("d", "c"), ("c", "b"), ("b", "d"), ("d", "e")])
    assert caught.value.path == ("b", "d", "c", "b")
    assert str(caught.value) == "a cycle: b -> d -> c -> b"


def test_a_node_that_waits_for_itself_is_a_cycle():
    with pytest.raises(CycleError) as caught:
        Graph("a", [("a", "a")])
    assert caught.value.path == ("a", "a")


def test_an_unknown_node_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNodeError, match="did you mean 'extract'") as caught:
        Graph(["extract", "report"], [("extrat", "report")])
    assert caught.value.nearest == "extract"
    for ask in (
        DIAMOND.upstream,
        DIAMOND.downstream,
        DIAMOND.ancestors,
        DIAMOND.descendants,
        DIAMOND.subgraph,
    ):
        with pytest.raises(UnknownNodeError):
            ask("q")


def test_a_node_given_twice_is_refused():
    with pytest.raises(DuplicateNodeError, match="'a'"):
        Graph("aba")


NAMES = Graph.from_upstreams({
    "extract": [],
    "load_eu": ["extract"],
    "load_us": ["extract"],
    'sum["a/b"]': ["load_eu"],
    "report": ['sum["a/b"]', "load_us"],
    "alone": [],
})  # fmt: skip
VOCABULARY = Vocabulary(
    methods={"tag": lambda node, value: value == "load" and node.startswith("load")},
    words={
        "failed": lambda node: node == "report",
        "changed": lambda node: False,
        "alone": lambda node: True,
    },
)


@pytest.mark.parametrize(
    ("selectors", "nodes"),
    [
        (["extract"], ["extract"]),
        (["+load_us"], ["extract", "load_us"]),
        (["load_us+"], ["load_us", "report"]),
        (["+load_eu+"], ["extract", "load_eu", 'sum["a/b"]', "report"]),
        (["load_*"], ["load_eu", "load_us"]),
        (["load_?s", "alone"], ["load_us", "alone"]),
        (['sum["a/b"]'], ['sum["a/b"]']),
        (["sum[*]"], ['sum["a/b"]']),
        (["tag:load"], ["load_eu", "load_us"]),
        (["+tag:load"], ["extract", "load_eu", "load_us"]),
        (["failed"], ["report"]),
        (["changed"], []),
        (["alone"], ["alone"]),  # the name comes before the word
        (["report", "extract"], ["extract", "report"]),
        ([], []),
    ],
)
def test_selectors_select(selectors, nodes):
    selection = select(NAMES, selectors, VOCABULARY)
    assert list(selection.nodes) == nodes
    assert selection.unknown == ()


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("extrat", "extract"),
        ("+extrat+", "extract"),
        ("faild", "failed"),
        ("tg:load", "tag:load"),
        ("tag:slow", None),
        ("zzz*", None),
        ("+", None),
        ("", None),
    ],
)
def test_a_selector_that_names_nothing_is_an_error_value_with_the_nearest_name(text, nearest):
    selection = select(NAMES, ["alone", text], VOCABULARY)
    (unknown,) = selection.unknown
    assert isinstance(unknown, UnknownSelector)
    assert (unknown.text, unknown.nearest) == (text, nearest)
    assert unknown.problem
    assert selection.nodes == ("alone",)


def test_text_has_a_line_a_node_and_says_what_it_waits_for_directly():
    assert render_text(DIAMOND, {"a": "extract", "b": "one", "c": "two", "d": "report"}.__getitem__) == (
        "extract\n"
        "  one        waits for extract\n"
        "  two        waits for extract\n"
        "    report   waits for one, two\n"
    )
    assert render_text(Graph([])) == ""


def test_dot_and_mermaid_draw_every_edge():
    graph = Graph("ab", [("a", "b")])
    assert render_dot(graph) == (
        'digraph {\n  rankdir=LR;\n  node [shape=box];\n  "a";\n  "b";\n  "a" -> "b";\n}\n'
    )
    assert render_mermaid(graph) == 'flowchart LR\n  n0["a"]\n  n1["b"]\n  n0 --> n1\n'


def test_names_are_escaped_for_the_language_they_end_up_in():
    graph = Graph(['x"]; \\N <b> `#\x1b[31m\n'])
    assert render_text(graph) == 'x"]; \\N <b> `#\\x1b[31m\\n\n'
    assert '"x\\"]; \\\\N <b> `#\\\\x1b[31m\\\\n";' in render_dot(graph)
    label = render_mermaid(graph).split('["')[1]
    assert label == 'x#34;]#59; #92;N #60;b#62; #96;#35;#92;x1b[31m#92;n"]\n'


@given(st.text("ab \"'\\`#;&<>[]{}|-/\n\r\t\0\x1b\x85\u2028é"))
def test_no_name_breaks_out_of_its_place(name):
    graph = Graph([name])
    assert render_text(graph).count("\n") == 1
    assert len(render_dot(graph).splitlines()) == 5
    mermaid = render_mermaid(graph)
    assert mermaid.count('"') == 2
    assert len(mermaid.splitlines()) == 2


def test_every_exported_name_is_there_and_unknown_ones_are_refused():
    assert all(getattr(dag, name) for name in dag.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dag.nothing


def test_importing_the_package_imports_nothing_heavy():
    program = "import sys, dag; print([m for m in ('networkx', 'trio') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
