"""No stack file passes the check and then fails to become resources."""

import string
from typing import Any

import pulumi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.load import ConfigurationError, build
from tests.unit.program import HOST, run

NAMES = ["auth-service", "order-service", "frontend", "search", "billing-worker", "api-gateway"]
WORDS = st.text(string.ascii_letters + string.digits + "-_./:{}$'\"\\ %", max_size=12)
MEMORY = st.one_of(st.integers(1, 4096).map(lambda n: f"{n}MB"), WORDS)
SPAN = st.one_of(st.integers(0, 300).map(lambda n: f"{n}s"), st.integers(0, 9999).map(lambda n: f"{n}ms"), WORDS)
PORT = st.one_of(st.integers(-1, 70000), st.sampled_from([80, 3000, 8080]))
IDENTIFIER = st.one_of(st.sampled_from(["auth", "order", "search", "new"]), WORDS)

SERVICE = st.fixed_dictionaries(
    {},
    optional={
        "port": PORT,
        "image": st.one_of(st.just("example.org/a:1"), WORDS),
        "networks": st.lists(st.sampled_from(["frontend", "backend", "data", "dmz"]), max_size=3),
        "database": IDENTIFIER,
        "redis": IDENTIFIER,
        "poolSize": st.integers(0, 60),
        "nats": st.fixed_dictionaries(
            {"subjects": IDENTIFIER}, optional={"stream": st.sampled_from(["NEW", "ORDERS"])}
        ),
        "variables": st.dictionaries(st.sampled_from(["A", "B_SERVICE_URL", "TOKEN"]), WORDS, max_size=2),
        "secrets": st.dictionaries(
            st.sampled_from(["KEY"]), st.fixed_dictionaries({}, optional={"generated": IDENTIFIER})
        ),
        "migrate": st.lists(WORDS, max_size=2),
        "egress": st.lists(st.one_of(st.sampled_from(["api.example.org", "b.example.org:99999"]), WORDS), max_size=2),
        "routes": st.lists(
            st.fixed_dictionaries({"path": st.one_of(st.sampled_from(["/", "/api/", "/x/"]), WORDS)}), max_size=2
        ),
        "limits": st.fixed_dictionaries(
            {}, optional={"memory": MEMORY, "cpus": st.floats(0, 4), "pids": st.integers(0, 99)}
        ),
        "health": st.fixed_dictionaries({}, optional={"interval": SPAN, "path": WORDS}),
        "grace": SPAN,
    },
)
STACK = st.fixed_dictionaries(
    {},
    optional={
        "services": st.dictionaries(st.one_of(st.sampled_from(NAMES), WORDS), SERVICE, max_size=3),
        "postgres": st.fixed_dictionaries({}, optional={"maxConnections": st.integers(0, 500), "workMem": MEMORY}),
        "redis": st.fixed_dictionaries({}, optional={"maxMemory": MEMORY}),
        "edge": st.fixed_dictionaries({}, optional={"httpPort": PORT, "drain": SPAN}),
        "networks": st.fixed_dictionaries(
            {},
            optional={
                "data": st.fixed_dictionaries({"subnet": st.sampled_from(["10.1.0.0/24", "172.20.0.0/16", "x"])})
            },
        ),
        "rotations": st.dictionaries(st.sampled_from(["jwt", "nats-order", "nothing"]), st.integers(-1, 3), max_size=2),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(sections=STACK)
def test_what_passes_the_check_becomes_resources(sections: dict[str, Any]) -> None:
    try:
        build("test", {"host": HOST, "environment": "development", **sections})
    except ConfigurationError:
        with pytest.raises(pulumi.RunError, match="nothing was changed"):
            run(**sections)
        return
    recorded = run(**sections)
    assert "release" in recorded.commands
