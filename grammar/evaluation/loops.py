"""Rules of `for` and of templates (HCL specification, "For Expressions", "Templates")."""

from __future__ import annotations

from grammar import syntax
from grammar.conversion import quote
from grammar.diagnostics import has_errors
from grammar.evaluation.evaluation import Evaluation, bind
from grammar.kinds import HclMap, Unknown, Value, nfc
from grammar.operators import OperationError, expect
from grammar.scope import Scope
from grammar.types import STRING


def evaluate_for_tuple(run: Evaluation, node: syntax.ForTuple, scope: Scope) -> Value:
    """`[for …]`."""
    elements = run.elements(node.collection, scope)
    if isinstance(elements, Unknown):
        return elements
    results: list[Value] = []
    for key, value in elements:
        inner = bind(scope, node, key, value)
        keep = _keep(run, node.condition, inner)
        if isinstance(keep, Unknown):
            return keep
        if keep:
            found = len(run.diagnostics)
            results.append(run.value(node.result, inner))
            if has_errors(run.diagnostics[found:]):
                return Unknown()
    return run.meter.admit(tuple(results))


def _keep(run: Evaluation, condition: syntax.Expression | None, scope: Scope) -> bool | Unknown:
    return True if condition is None else run.truth(condition, scope, "the condition of a for")


def evaluate_for_object(run: Evaluation, node: syntax.ForObject, scope: Scope) -> Value:
    """`{for …}`."""
    elements = run.elements(node.collection, scope)
    if isinstance(elements, Unknown):
        return elements
    groups: dict[str, list[Value]] = {}
    for key, value in elements:
        inner = bind(scope, node, key, value)
        keep = _keep(run, node.condition, inner)
        if isinstance(keep, Unknown):
            return keep
        if not keep:
            continue
        found = len(run.diagnostics)
        name = run.key(run.value(node.result_key, inner), node.result_key)
        result = run.value(node.result_value, inner)
        if isinstance(name, Unknown) or has_errors(run.diagnostics[found:]):
            return name if isinstance(name, Unknown) else Unknown()
        if name in groups and not node.grouped:
            detail = "Two elements have this key. Put ... after the value to gather all values of a key."
            return run.report("duplicate-key", f"duplicate key {quote(name)}", detail, node.result_key.span)
        groups.setdefault(name, []).append(result)
    pairs = [(name, tuple(group) if node.grouped else group[0]) for name, group in groups.items()]
    return run.meter.admit(HclMap(pairs))


def evaluate_template(run: Evaluation, node: syntax.Template, scope: Scope) -> Value:
    """A quoted string or heredoc."""
    texts: list[str] = []
    unknown: list[Unknown] = []
    for part in node.parts:
        text = run.eval(part, scope)
        if isinstance(text, Unknown):
            unknown.append(text)
        else:
            assert isinstance(text, str)
            texts.append(text)
    return Unknown.join(unknown) if unknown else run.joined(texts)


def evaluate_text(_run: Evaluation, node: syntax.TemplateText, _: Scope) -> Value:
    """Literal text of a template."""
    return nfc(node.value)


def evaluate_interpolation(run: Evaluation, node: syntax.Interpolation, scope: Scope) -> Value:
    """`${x}` among other parts: it becomes text."""
    try:
        return expect(run.value(node.expr, scope), STRING, "a value in a template", 0)
    except OperationError as wrong:
        return run.fail(wrong, node, node.expr)


def evaluate_template_if(run: Evaluation, node: syntax.TemplateIf, scope: Scope) -> Value:
    """`%{ if }`."""
    condition = run.truth(node.condition, scope, "the condition")
    if isinstance(condition, Unknown):
        return condition
    branch = node.then if condition else node.otherwise
    return "" if branch is None else run.value(branch, scope)


def evaluate_template_for(run: Evaluation, node: syntax.TemplateFor, scope: Scope) -> Value:
    """`%{ for }`: the texts of all elements."""
    elements = run.elements(node.collection, scope)
    if isinstance(elements, Unknown):
        return elements
    texts = run.collect(elements, lambda pair: run.value(node.body, bind(scope, node, *pair)))
    if not isinstance(texts, tuple):
        return texts
    unknown = [text for text in texts if isinstance(text, Unknown)]
    return Unknown.join(unknown) if unknown else run.joined([text for text in texts if isinstance(text, str)])
