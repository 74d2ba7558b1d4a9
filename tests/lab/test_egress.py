"""The way out: from a service to the hosts that it names, and to no other. Outside is the lab's registry."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.lab.conftest import PREFIX, Lab, until
from tests.lab.load import Load
from tests.lab.stack import Stack, exactly_once, with_parrot

Note = Callable[[str, str], None]
OUTSIDE = "registry.lab:5000"  # speaks TLS, with a certificate that no service trusts
NOT_TRUSTED = {"UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "SELF_SIGNED_CERT_IN_CHAIN"}
NO_CONNECTION = {"ENOTFOUND", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"}
# What a proxy says to the secret of the service in which this runs.
_CONNECT = """
const { username, password } = new URL(process.env.HTTPS_PROXY)
const key = Buffer.from(`${username}:${password}`).toString('base64')
const [host, path] = process.argv.slice(1)
const headers = { 'proxy-authorization': `Basic ${key}` }
require('http').request({ host, port: 3128, method: 'CONNECT', path, headers })
  .on('connect', (answer, socket) => { console.log(answer.statusCode); socket.destroy() })
  .on('error', (error) => console.log(error.code)).end()
"""
_DIRECT = """
fetch(process.argv[1]).then(({ status }) => console.log(status), ({ cause }) => console.log(cause.code))
"""
_STRIPE = """
import { connectStripe } from './dist/provider.js'
await connectStripe('sk_test_1').balance.retrieve().catch((error) => console.log(error.type))
"""


@pytest.fixture(scope="module")
def leading(laid_over: Stack) -> Stack:
    """The parrot and the payment service may call the registry, and nobody else."""
    names: dict[str, Any] = {"egress": [OUTSIDE]}
    return with_parrot(laid_over).change(services={"parrot": names, "payment-service": names}).live()


def said(lab: Lab, service: str) -> list[dict[str, Any]]:
    """The log of a service's proxy."""
    name = lab.inspect()[f"{service}-egress"]["Name"].lstrip("/")
    return [json.loads(line) for line in lab.run("docker", "logs", name).splitlines()]


def refused(lab: Lab, service: str, host: str) -> set[int]:
    """With what a service's proxy has refused a host so far."""
    return {line["status"] for line in said(lab, service) if line["event"] == "refused" and line["host"] == host}


def ask(base: str, url: str) -> dict[str, Any]:
    """What the parrot gets from an address."""
    return httpx.get(f"{base}/parrot/outside", params={"url": url}, timeout=30).raise_for_status().json()


def within(lab: Lab, service: str, *command: str) -> str:
    """Run a command in a service's container."""
    return lab.run("docker", "exec", lab.inspect()[service]["Id"], *command).strip()


def test_a_host_that_is_named_is_reached(leading: Stack, lab: Lab, base: str) -> None:
    assert ask(base, f"https://{OUTSIDE}/v2/")["error"] in NOT_TRUSTED, "it has seen the certificate"

    def ended() -> list[dict[str, Any]]:
        return [line for line in said(lab, "parrot") if line["event"] == "tunnel"]

    tunnel = until(ended, within_s=10, what="the tunnel is logged")[-1]
    assert tunnel["host"] == OUTSIDE
    assert tunnel["received"] > 500


@pytest.mark.parametrize("host", ["registry.lab:443", "registry.lab:5001", "example.org:443", "169.254.169.254:443"])
def test_a_host_that_is_not_named_is_refused_and_logged(leading: Stack, lab: Lab, base: str, host: str) -> None:
    assert "error" in ask(base, f"https://{host}/")
    assert refused(lab, "parrot", host) == {403}


def test_a_service_is_asked_directly(leading: Stack, lab: Lab, base: str) -> None:
    assert "SSL" in ask(base, "https://order-service:3000/")["error"], "it speaks no TLS"
    assert "order-service:3000" not in [line.get("host") for line in said(lab, "parrot")]


def test_without_the_proxy_nothing_is_reached(leading: Stack, lab: Lab) -> None:
    address = lab.run("sh", "-c", "getent ahostsv4 registry.lab | awk '{print $1; exit}'").strip()
    for host in (OUTSIDE, f"{address}:5000"):
        # Without the image's entrypoint no secret is a variable.
        answer = within(lab, "parrot", "node", "-e", _DIRECT, f"https://{host}/")
        assert answer in NO_CONNECTION, f"{host}: {answer}"


def test_each_proxy_knows_its_own_service_alone(leading: Stack, lab: Lab) -> None:
    for proxy, expected in (("parrot", "200"), ("payment-service", "407")):
        name = lab.inspect()[f"{proxy}-egress"]["Name"].lstrip("/")
        assert within(lab, "parrot", "with-secrets", "node", "-e", _CONNECT, name, OUTSIDE) == expected
    assert refused(lab, "payment-service", OUTSIDE) == {407}


def test_stripe_is_asked_through_the_proxy(leading: Stack, lab: Lab) -> None:
    # It is not named here: nothing leaves the lab.
    answer = within(lab, "payment-service", "with-secrets", "node", "--input-type=module", "-e", _STRIPE)
    assert answer == "StripeConnectionError"
    assert refused(lab, "payment-service", "api.stripe.com:443") == {403}


def test_a_proxy_is_on_the_two_networks_between_which_it_stands(leading: Stack, lab: Lab) -> None:
    container = lab.inspect()["parrot-egress"]
    assert container["NetworkSettings"]["Networks"].keys() == {f"{PREFIX}-backend-net", f"{PREFIX}-frontend-net"}
    assert container["Config"]["User"] == "1001:1001"


@pytest.mark.timeout(600)
def test_nobody_notices_another_way_out_or_another_password(
    leading: Stack, lab: Lab, base: str, record_property: Note
) -> None:
    before = lab.inspect()
    with Load(base) as load, load.during():
        leading.change(rotations={"egress-payment": 2}).up()
        leading.parrot(egress=[OUTSIDE, "api.example.org"]).up()
    record_property("load", load.report("another password, then another host to call"))
    assert load.failures == []
    exactly_once(load)
    after = lab.inspect()
    replaced = {name for name in after if after[name]["Id"] != before[name]["Id"]}
    assert replaced == {f"{service}{part}" for service in ("parrot", "payment-service") for part in ("", "-egress")}
    assert ask(base, f"https://{OUTSIDE}/v2/")["error"] in NOT_TRUSTED
    proxies = lab.run("docker", "ps", "-aq", "--filter", "label=a4co.component=parrot-egress").split()
    assert len(proxies) == 1, "the old one is gone"


def test_who_names_no_host_has_no_proxy(leading: Stack, lab: Lab, base: str) -> None:
    leading.parrot(egress=[]).up()
    try:
        assert "parrot-egress" not in lab.inspect()
        assert ask(base, f"https://{OUTSIDE}/v2/")["error"] in NO_CONNECTION
    finally:
        leading.parrot(egress=[OUTSIDE]).up()
