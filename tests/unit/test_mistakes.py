"""A mistake in a stack file is said before anything is touched, at the place where it is, with a way out."""

from typing import Any

import pulumi
import pytest

from config.load import ConfigurationError, build
from config.program import weaknesses
from tests.unit.program import HOST, run

DIGEST = "@sha256:" + "a" * 64
NAMES = [
    *("auth-service", "product-service", "inventory-service", "order-service", "payment-service"),
    *("api-gateway", "frontend", "dashboard-client"),
]


def problems(environment: str = "development", **sections: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        build("test", {"host": HOST, "environment": environment, **sections})
    return str(caught.value)


def order(**entry: Any) -> dict[str, Any]:
    return {"services": {"order-service": entry}}


def production(**entry: Any) -> dict[str, Any]:
    """A production stack in which only the order service can be wrong."""
    services: dict[str, Any] = {name: {"image": f"example.org/{name}{DIGEST}"} for name in NAMES}
    services["order-service"] |= entry
    return {"services": services, "edge": {"hosts": ["shop.example.org"], "tls": {"acme": {}}}}


FIELDS: list[tuple[dict[str, Any], str]] = [
    (order(port=70000), "services.order-service.port: .*65535.*70000"),
    (order(port=0), "services.order-service.port: .*greater than or equal to 1"),
    (order(port="http"), "services.order-service.port: .*integer.*'http'"),
    (order(prt=3000), r"services.order-service.prt: is not a known key; did you mean port\?"),
    (order(colour="blue"), "services.order-service.colour: is not a known key; known here: build, database"),
    (order(limits={"memori": "1GB"}), r"services.order-service.limits.memori: .*did you mean memory\?"),
    (order(limits={"memory": "512 mib"}), "limits.memory: '512 mib' is not an amount of memory.*512MB or 2GB"),
    (order(limits={"memory": "0MB"}), "limits.memory: .*greater than or equal to 1"),
    (order(limits={"reservedMemory": "1GB"}), "limits: 1024 MB reserved, but the limit is 512 MB"),
    (order(limits={"cpus": 0}), "limits.cpus: .*greater than 0"),
    (order(limits={"cpus": "many"}), "limits.cpus: .*'many'"),
    (order(limits={"pids": 1}), "limits.pids: .*greater than or equal to 10"),
    (order(limits="small"), "limits: .*'small'"),
    (order(grace="half a minute"), "grace: 'half a minute' is not a time span.*30s"),
    (order(health={"interval": "-1s"}), "health.interval: '-1s' is not a time span"),
    (order(health={"path": "health"}), "health.path: String should match.*'health'"),
    (order(health={"retries": 0}), "health.retries: .*greater than or equal to 1"),
    (order(networks=["dmz"]), "networks.0: Input should be 'frontend', 'backend' or 'data'.*'dmz'"),
    (order(image="Order Service"), "image: String should match.*'Order Service'"),
    (order(database="Order"), "database: String should match.*'Order'"),
    (order(poolSize=0), "poolSize: .*greater than or equal to 1"),
    (order(nats={"stream": "orders"}), "nats.stream: String should match.*'orders'"),
    (order(routes=[{"path": "api"}]), "routes.0.path: String should match.*'api'"),
    (order(routes={"path": "/a/"}), "routes: .*tuple"),
    (order(variables={"lower": "x"}), "variables.lower: String should match"),
    (order(variables={"LIMIT": 3}), "variables.LIMIT: .*string"),
    (order(secrets={"KEY": {}}), "secrets.KEY: give either `generated` or `config`"),
    (order(secrets={"KEY": {"generated": "a", "config": "b"}}), "secrets.KEY: give either"),
    (order(migrate="node migrate.js"), "migrate: .*tuple"),
    ({"services": {"Ninth": {"port": 1}}}, "services.Ninth: String should match"),
    ({"services": {"ninth": {"port": 3003}}}, "services.ninth: give `image`"),
    ({"services": {"ninth": {"image": "a/b"}}}, "services.ninth.port: Field required"),
    ({"services": ["order-service"]}, "services: .*dictionary"),
    ({"networks": {"data": {"subnet": "8.8.8.0/24", "internal": True}}}, "8.8.8.0/24 is not a private network"),
    ({"networks": {"data": {"subnet": "10.1.2.3/24", "internal": True}}}, "networks.data.subnet: .*host bits"),
    ({"networks": {"data": {"subnet": "10.0.0.0/30", "internal": True}}}, "between /16 and /28"),
    ({"networks": {"web": {}}}, "networks.web: is not a known key; known here: backend, data, frontend"),
    ({"images": {"redis": "Redis:7"}}, "images.redis: String should match"),
    ({"images": {"mirror": "https://example.org"}}, "images.mirror: String should match"),
    (
        {"registry": {"address": "https://ghcr.io/shop"}},
        "registry.address: String should match.*'https://ghcr.io/shop'",
    ),
    ({"registry": {"address": "shop"}}, "registry.address: String should match.*'shop'"),
    ({"registry": {"user": "me"}}, "registry.address: Field required"),
    ({"registry": {"address": "ghcr.io/shop", "password": "x"}}, "registry.password: is not a known key"),
    ({"postgres": {"maxConnections": "lots"}}, "postgres.maxConnections: .*'lots'"),
    ({"edge": {"httpPort": 65536}}, "edge.httpPort: .*65535"),
    ({"edge": {"hosts": ["*.example.org"]}}, "edge.hosts.0: String should match"),
    ({"edge": {"corsOrigins": ["*"]}}, "edge.corsOrigins.0: String should match"),
    ({"edge": {"corsOrigins": ["https://app.example.org/"]}}, "edge.corsOrigins.0: String should match"),
    ({"edge": {"trustedProxies": ["0.0.0.0/0"]}}, "trustedProxies.0: 0.0.0.0/0 is everybody: name the addresses"),
    ({"edge": {"trustedProxies": ["10.0.0.1/8"]}}, "trustedProxies.0: .*host bits"),
    ({"edge": {"rates": {"general": {"perSecond": 0, "burst": 1}}}}, "rates.general.perSecond: .*equal to 1"),
    ({"edge": {"rates": {"login": {}}}}, "edge.rates.login: is not a known key"),
    ({"edge": {"tls": {"chain": "my certificate"}}}, "edge.tls.chain: String should match"),
    (
        {"edge": {"tls": {"acme": {}, "chain": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"}}},
        "edge.tls: give either `acme` or `chain`",
    ),
    ({"edge": {"tls": {"acme": {"directory": "http://ca/dir"}}}}, "acme.directory: String should match"),
    (order(routes=[{"path": "/a/", "zone": "fast"}]), "routes.0.zone: Input should be 'general', 'api' or 'auth'"),
    (order(routes=[{"path": "/a/", "contentSecurityPolicy": 'a"b'}]), "contentSecurityPolicy: String should match"),
    (order(egress=["https://api.stripe.com"]), "egress.0: String should match"),
    (order(egress=["*"]), "egress.0: String should match"),
    (order(egress=["api.example.org:65536"]), "egress.0: 65536 is no port: 1 to 65535"),
    ({"logLevel": "loud"}, "logLevel: Input should be 'debug', 'info', 'warn' or 'error'.*'loud'"),
    ({"protectData": "perhaps"}, "protectData: .*boolean"),
    ({"environment": "live"}, "environment: Input should be 'production'"),
    ({"host": {**HOST, "address": ""}}, "host.address: .*at least 1 character"),
    ({"host": {"address": "a"}}, "host.hostKey: Field required"),
    ({"host": {**HOST, "hostKey": "AAAA"}}, "host.hostKey: String should match"),
    ({"host": {**HOST, "user": "Deploy User"}}, "host.user: String should match"),
    ({"host": {**HOST, "directory": "relative"}}, "host.directory: String should match"),
    ({"host": {"file": "nowhere.yaml"}}, "host.file: nowhere.yaml is missing: `make up`"),
    ({"postgress": {}}, r"postgress: is not a known key; did you mean postgres\?"),
]

CROSS: list[tuple[dict[str, Any], str]] = [
    ({"networks": {"data": {"subnet": "172.20.0.128/25", "internal": True}}}, "data.subnet: .* overlaps frontend"),
    ({"networks": {"data": {"subnet": "172.17.0.0/24", "internal": True}}}, "overlaps Docker's own bridge"),
    ({"networks": {"data": {"subnet": "192.0.2.0/24", "internal": True}}}, "holds the host's own address 192.0.2.10"),
    ({"networks": {"data": {"subnet": "172.22.0.0/24", "internal": False}}}, "data.internal: false would give"),
    ({"edge": {"httpPort": 443}}, "edge.httpsPort: 443 is published as httpPort already"),
    (order(port=8081), "order-service.port: 8081 is nginx's own"),
    (order(networks=["backend"]), "order-service.database: is on the data network, the service is not"),
    (order(networks=["frontend"], nats={"subjects": "order"}), "order-service.nats: is on backend and data"),
    ({"services": {"auth-service": {"database": "product"}}}, "product-service.database: product belongs to auth"),
    ({"services": {"auth-service": {"redis": "product"}}}, "product-service.redis: product belongs to auth-service"),
    (order(nats={"subjects": "inventory"}), "order-service.nats.subjects: inventory belongs to inventory-service"),
    (order(nats={"stream": "INVENTORY"}), "order-service.nats.stream: INVENTORY belongs to inventory-service"),
    (order(nats={"consumes": ["NOPE"]}), "nats.consumes.0: no service owns the stream NOPE"),
    (
        {"services": {"api-gateway": {"variables": {"CORS_ORIGINS": "*"}}}},
        "CORS_ORIGINS: has no effect: nginx answers other web sites' pages, list them under `edge.corsOrigins`",
    ),
    ({"services": {"redis": {"image": "a/b", "port": 1}}}, "services.redis: redis belongs to the platform already"),
    ({"services": {"node": {"image": "a/b", "port": 1}}}, "services.node: node belongs to the platform already"),
    ({"services": {"order": {"image": "a/b", "port": 1}}}, "services.order: order belongs to order-service already"),
    ({"services": {"frontend": {"routes": [{"path": "/api/"}]}}}, "routes.0.path: /api/ belongs to api-gateway"),
    ({"edge": {"tls": {"acme": {}}}}, "edge.tls.acme: an authority certifies names: give `hosts`"),
    (
        {"services": {"api-gateway": {"egress": ["api.example.org"]}}},
        "api-gateway.egress: is on the frontend network, and so reaches everything",
    ),
    (order(networks=["data"], egress=["api.example.org"]), "order-service.egress: its proxy is on the backend network"),
    (order(secrets={"KEY": {"config": "tlsKey"}}), "secrets.KEY: tlsKey is the platform's own"),
    (order(variables={"X_SERVICE_URL": "http://nobody:1"}), "variables.X_SERVICE_URL: there is no service nobody"),
    (order(variables={"X_SERVICE_URL": "http://auth-service:1"}), "auth-service answers on port 4000, not on 1"),
    (order(variables={"X_SERVICE_URL": "http://frontend:80"}), "frontend can only be called from backend to backend"),
    (order(variables={"SMTP_PASSWORD": "x"}), "variables.SMTP_PASSWORD: is a secret in clear"),
    (order(variables={"UPSTREAM": "https://me:pw@example.org"}), "variables.UPSTREAM: holds a password in clear"),
    ({"postgres": {"workMem": "64MB"}}, "postgres.workMem: .*= 13312 MB, but limits.memory is 2048 MB"),
    ({"postgres": {"maxConnections": 50}}, "postgres.maxConnections: 50 are too few: pools of 50 twice"),
    ({"redis": {"maxMemory": "400MB"}}, "redis.maxMemory: 400 MB can double while saving"),
    ({"nats": {"memoryStore": "400MB"}}, "nats.memoryStore: 400 MB is more than half"),
    ({"nats": {"maxPayload": "65MB"}}, "nats.maxPayload: 65 MB"),
    ({"host": {**HOST, "memory": "4GB"}}, "host.memory: 4096 MB, but 4768 MB are reserved"),
    ({"host": {**HOST, "cpus": 1}}, "host.cpus: 1, but .* are reserved"),
    (
        {"registry": {"address": "ghcr.io/shop", "user": "me"}, "registryPassword": "x"},
        "registryPassword: is written in clear: `pulumi config set --secret",
    ),
    ({"registry": {"address": "ghcr.io/shop"}, "registryPassword": "x"}, "registryPassword: is not a known key"),
    (order(secrets={"KEY": {"config": "registryPassword"}}), "secrets.KEY: registryPassword is the platform's own"),
    ({"stripeSecretKey": "sk_live_x"}, "stripeSecretKey: is written in clear: `pulumi config set --secret"),
]

PRODUCTION: list[tuple[dict[str, Any], str]] = [
    (production(image="example.org/order:1"), "order-service.image: example.org/order:1 can change under its tag"),
    (production(image=None), "order-service.image: production runs what staging has proved"),
    (production(variables={"CALLBACK": "http://localhost/x"}), "variables.CALLBACK: http://localhost/x is an example"),
    (production() | {"images": {"nginx": "lab/nginx:1.30"}}, "images.nginx: is an image of the lab"),
    (production() | {"edge": {"httpsOnly": False}}, "edge.httpsOnly: false would send passwords"),
    (production() | {"edge": {}}, "edge.tls: visitors would be warned of a self-signed certificate"),
    (production() | {"protectData": False}, "protectData: false would let `pulumi destroy` take the data"),
]


@pytest.mark.parametrize(
    ("sections", "message"), FIELDS + CROSS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_mistake_is_named(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build("test", {"host": HOST, "environment": "development", **sections})


@pytest.mark.parametrize(("sections", "message"), PRODUCTION)
def test_production_is_stricter(sections: dict[str, Any], message: str) -> None:
    assert build("test", {"host": HOST, **production()})
    with pytest.raises(ConfigurationError, match=message):
        build("test", {"host": HOST, **sections})


def test_all_mistakes_in_one_report_the_fields_and_the_fit() -> None:
    report = problems(
        **order(port=0) | {"logLevel": "loud", "edge": {"httpPort": 443}, "redis": {"maxMemory": "400MB"}}
    )
    assert "4 mistake(s), nothing was changed" in report
    for where in ("services.order-service.port", "logLevel", "edge.httpsPort", "redis.maxMemory"):
        assert where in report


def test_a_part_that_is_wrong_in_itself_is_no_reason_to_say_that_others_miss_it() -> None:
    assert "1 mistake(s)" in problems(**order(port=0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": "short"}, "a has 5 characters: 16 at least"),
        ({"a": "changeme-changeme-changeme"}, "a looks like an example"),
        ({"a": "aaaaaaaaaaaaaaaaaaaaaaaa"}, "can be guessed"),
        ({"a": "Zk3v9QpX7LmT2wRy", "b": "Zk3v9QpX7LmT2wRy"}, "b is the same as a"),
    ],
)
def test_weak_secrets_are_named_but_not_shown(values: dict[str, str], message: str) -> None:
    (found,) = weaknesses(values)
    assert message in found
    assert not any(value in found for value in values.values())


def test_a_good_secret_is_fine() -> None:
    assert weaknesses({"a": "Zk3v9QpX7LmT2wRy"}) == []


def test_an_empty_value_is_a_mistake_like_any_other() -> None:
    with pytest.raises(pulumi.RunError, match="colour: is not a known key"):
        run(colour="")
