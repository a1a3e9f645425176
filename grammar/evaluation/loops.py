"""Rules of `for` and of templates (HCL specification, "For Expressions", "Templates")."""

from __future__ import annotations

from collections.abc import Iterable

from grammar import syntax
from grammar.conversion import quote
from grammar.diagnostics import has_errors
from grammar.evaluation.evaluation import Evaluation, bind
from grammar.kinds import HclMap, Sensitive, Unknown, Value, nfc
from grammar.marks import Mark, join_marks, marked, outer_bare
from grammar.operators import OperationError, expect
from grammar.scope import Scope, ScopeValue
from grammar.types import STRING


def evaluate_for_tuple(run: Evaluation, node: syntax.ForTuple, scope: Scope) -> Value:
    """`[for …]`."""
    elements, mark = run.elements(node.collection, scope)
    if isinstance(elements, Unknown):
        return marked(elements, mark)
    results: list[Value] = []
    for key, value in elements:
        inner = bind(scope, node, key, value)
        keep, of_condition = _keep(run, node.condition, inner)
        if of_condition is not None:
            mark = join_marks((mark, of_condition))
        if isinstance(keep, Unknown):
            return marked(keep, mark)
        if keep:
            found = len(run.diagnostics)
            results.append(run.value(node.result, inner))
            if has_errors(run.diagnostics[found:]):
                return Unknown()
    return marked(run.meter.admit(tuple(results)), mark)


def _keep(
    run: Evaluation, condition: syntax.Expression | None, scope: Scope
) -> tuple[bool | Unknown, Mark | None]:
    return (True, None) if condition is None else run.truth(condition, scope, "the condition of a for")


def evaluate_for_object(run: Evaluation, node: syntax.ForObject, scope: Scope) -> Value:
    """`{for …}`."""
    elements, mark = run.elements(node.collection, scope)
    if isinstance(elements, Unknown):
        return marked(elements, mark)
    groups: dict[str, list[Value]] = {}
    for key, value in elements:
        inner = bind(scope, node, key, value)
        keep, of_condition = _keep(run, node.condition, inner)
        if of_condition is not None:
            mark = join_marks((mark, of_condition))
        if isinstance(keep, Unknown):
            return marked(keep, mark)
        if not keep:
            continue
        found = len(run.diagnostics)
        name, of_key = run.key(run.value(node.result_key, inner), node.result_key)
        if of_key is not None:
            mark = join_marks((mark, of_key))
        result = run.value(node.result_value, inner)
        if isinstance(name, Unknown) or has_errors(run.diagnostics[found:]):
            return marked(name if isinstance(name, Unknown) else Unknown(), mark)
        if name in groups and not node.grouped:
            detail = "Two elements have this key. Put ... after the value to gather all values of a key."
            summary = f"duplicate key {quote(name)}"
            return run.report("duplicate-key", summary, detail, node.result_key.span, of_key)
        groups.setdefault(name, []).append(result)
    pairs = [(name, tuple(group) if node.grouped else group[0]) for name, group in groups.items()]
    return marked(run.meter.admit(HclMap(pairs)), mark)


def evaluate_template(run: Evaluation, node: syntax.Template, scope: Scope) -> Value:
    """A quoted string or heredoc."""
    return _joined(run, [run.eval(part, scope) for part in node.parts])


def _joined(run: Evaluation, parts: Iterable[ScopeValue]) -> Value:
    """Return the texts of the parts of a template as one; if one is sensitive, so is the whole."""
    texts: list[str] = []
    unknown: list[Unknown] = []
    mark: Mark | None = None
    for part in parts:
        text = part
        if isinstance(text, Sensitive):
            text, own = outer_bare(text)
            mark = join_marks((mark, own))
        if isinstance(text, Unknown):
            unknown.append(text)
        else:
            assert isinstance(text, str)
            texts.append(text)
    return marked(Unknown.join(unknown) if unknown else run.joined(texts), mark)


def evaluate_text(_run: Evaluation, node: syntax.TemplateText, _: Scope) -> Value:
    """Literal text of a template."""
    return nfc(node.value)


def evaluate_interpolation(run: Evaluation, node: syntax.Interpolation, scope: Scope) -> Value:
    """`${x}` among other parts: it becomes text."""
    value, mark = outer_bare(run.value(node.expr, scope))
    try:
        return marked(expect(value, STRING, "a value in a template", 0), mark)
    except OperationError as wrong:
        return run.fail(wrong, node, node.expr, mark=mark)


def evaluate_template_if(run: Evaluation, node: syntax.TemplateIf, scope: Scope) -> Value:
    """`%{ if }`."""
    condition, mark = run.truth(node.condition, scope, "the condition")
    if isinstance(condition, Unknown):
        return marked(condition, mark)
    branch = node.then if condition else node.otherwise
    return marked("" if branch is None else run.value(branch, scope), mark)


def evaluate_template_for(run: Evaluation, node: syntax.TemplateFor, scope: Scope) -> Value:
    """`%{ for }`: the texts of all elements."""
    elements, mark = run.elements(node.collection, scope)
    if isinstance(elements, Unknown):
        return marked(elements, mark)
    texts = run.collect(elements, lambda pair: run.value(node.body, bind(scope, node, *pair)))
    return marked(_joined(run, texts) if isinstance(texts, tuple) else texts, mark)
