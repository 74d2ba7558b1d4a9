"""What a commit changes about a stack, told to somebody who has neither its state nor any credential."""

from typing import Any

from ops import answers
from ops.impact import Change, changes, table
from ops.plan import NETWORK, ROOT, VOLUME, Plan, PlanError, Resource, checked_out, plan
from ops.policy import is_kept, judge, kept

# What Docker changes on a running container, and what it reads only when it stops one; all else is a new container.
_IN_PLACE = {"memory", "memorySwap", "memoryReservation", "restart", "destroyGraceSeconds", "mustRun"}
_REPLACED = {VOLUME, NETWORK, answers.FOUND_IMAGE, answers.PASSWORD}

_NOTHING = Plan("development", {}, frozenset())


def report(stack: str, base: str) -> tuple[str, bool]:
    """The comment on a pull request: mistakes, warnings, changes, broken rules; and whether it can be merged."""
    heading = f"### {stack}\n\n"
    try:
        after = plan(ROOT, stack)
        with checked_out(base) as root:
            before = plan(root, stack) if (root / f"Pulumi.{stack}.yaml").exists() else _NOTHING
    except PlanError as error:
        return f"{heading}```\n{error}\n```\n", False
    breaches = judge(after)
    said = "".join(f"- {line}\n" for line in (*after.warnings, *breaches))
    changed = table(compare(before, after))
    return f"{heading}{changed}\n{kept(breaches)}.\n" + (f"\n{said}" if said else ""), is_kept(breaches)


def compare(before: Plan, after: Plan) -> list[Change]:
    """The changes by part of the platform, most noticed first."""
    urns = [*after.resources, *(urn for urn in before.resources if urn not in after.resources)]
    return changes({"steps": [_step(urn, before.resources.get(urn), after.resources.get(urn)) for urn in urns]})


def _step(urn: str, old: Resource | None, new: Resource | None) -> dict[str, Any]:
    """What `pulumi preview` would say of one resource."""
    differing = _paths(old.inputs, new.inputs) if old and new else []
    if new is None:
        op = "delete"
    elif old is None:
        op = "create"
    elif not differing:
        op = "same"
    else:
        op = (
            "replace"
            if _is_replaced(new.kind, {path.partition(".")[0].partition("[")[0] for path in differing})
            else "update"
        )
    return {
        "op": op,
        "urn": urn,
        "oldState": {"inputs": old.inputs if old else {}},
        "newState": {"inputs": new.inputs if new else {}},
        "detailedDiff": {path: {} for path in differing},
    }


def _is_replaced(kind: str, fields: set[str]) -> bool:
    return kind in _REPLACED or (kind == answers.CONTAINER and not fields <= _IN_PLACE)


def _paths(old: Any, new: Any, at: str = "") -> list[str]:
    """Where two values differ, like `healthcheck.interval` or `envs[7]`."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*new, *(key for key in old if key not in new)]
        return [path for key in keys for path in _paths(old.get(key), new.get(key), f"{at}.{key}" if at else key)]
    if isinstance(old, list) and isinstance(new, list):
        pairs = [
            tuple(side[i] if i < len(side) else None for side in (old, new)) for i in range(max(len(old), len(new)))
        ]
        return [path for i, (left, right) in enumerate(pairs) for path in _paths(left, right, f"{at}[{i}]")]
    return [] if old == new else [at]
