"""The hooks of a project as a whole (`on_deploy_failed`), which a deployment keeps by the hash of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cronicle.runs.spec import RunSpec, spec_from_bytes, spec_to_bytes
from cronicle.store.interface import Store
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord

ON_DEPLOY_FAILED = "on_deploy_failed"
"""As what a deployment's settings have them."""


def with_own_hooks(settings: Mapping[str, Any], hooks: RunSpec | None, store: Store) -> dict[str, Any]:
    """The settings that a deployment keeps, with what names its hooks; their spec is stored."""
    if hooks is None:
        return dict(settings)
    return {**settings, ON_DEPLOY_FAILED: {"spec": store.put_spec(spec_to_bytes(hooks))}}


def own_hooks_of(store: StoreReader, deployment: DeploymentRecord) -> RunSpec | None:
    """The hooks of a deployment; None if it has none.

    Raises:
        UnknownError: The store lacks their spec.
        UnreadableSpecError: It is damaged.
    """
    kept = (deployment.settings or {}).get(ON_DEPLOY_FAILED)
    return None if not kept else spec_from_bytes(store.get_spec(kept["spec"]))


def compared_hooks(hooks: RunSpec | None) -> dict[str, Any]:
    """Hooks as a plan compares them with those of another deployment; nothing if there are none."""
    if hooks is None:
        return {}
    fields = ("command", "script", "env", "timeout")
    each = [{name: msgspec.to_builtins(getattr(hook, name)) for name in fields} for hook in hooks.hooks]
    if len(each) == 1:
        return {ON_DEPLOY_FAILED: each[0]}
    return {f"{ON_DEPLOY_FAILED}[{place}]": one for place, one in enumerate(each)}
