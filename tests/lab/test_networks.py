"""Who reaches whom, tried from inside: the image of nginx has the tool, and joins any network."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from config.platform import Platform
from tests.lab.conftest import PREFIX, Lab

# What wget says when no connection came about: busybox's, and GNU's.
_NO_CONNECTION = ("timed out", "can't connect", "bad address", "failed: ", "unable to resolve", "unreachable")


@pytest.fixture(scope="module")
def image(platform: Platform) -> str:
    return platform.images.reference("nginx")


def reach(lab: Lab, image: str, network: str, url: str) -> bool:
    """Whether a container on a network gets any answer from an address; a refusal of HTTP itself is an answer too."""
    answer = lab.run(
        *("docker", "run", "--rm", "--network", f"{PREFIX}-{network}-net", "--cap-drop", "ALL", "--read-only"),
        *("--entrypoint", "sh", image, "-c", 'wget -T 3 -t 1 -O /dev/null "$1" 2>&1; echo "exit $?"', "sh", url),
    )
    print(url, "from", network, answer)  # shown when a test fails
    return not any(sign in answer for sign in _NO_CONNECTION)


@pytest.fixture(scope="module")
def outside(lab: Lab) -> Iterator[str]:
    """A web server outside of the lab host, on the network that it stands on."""
    gateway = lab.run("sh", "-c", "ip -4 route show default | awk '{print $3}'").strip()
    server = http.server.ThreadingHTTPServer((gateway, 0), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{gateway}:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_frontend_network_leads_out(lab: Lab, image: str, outside: str) -> None:
    assert reach(lab, image, "frontend", outside)


@pytest.mark.parametrize("network", ["backend", "data"])
def test_the_inner_networks_do_not(lab: Lab, image: str, outside: str, network: str) -> None:
    assert not reach(lab, image, network, outside)


def test_data_is_reached_from_its_own_network(lab: Lab, image: str) -> None:
    assert reach(lab, image, "data", "http://nats:8222/healthz")


@pytest.mark.parametrize(("server", "port"), [("postgres", 5432), ("redis", 6379), ("nats", 4222)])
@pytest.mark.parametrize("by", ["name", "address"])
def test_data_is_out_of_reach_from_the_frontend_network(lab: Lab, image: str, server: str, port: int, by: str) -> None:
    networks = lab.inspect()[server]["NetworkSettings"]["Networks"]
    target = server if by == "name" else networks[f"{PREFIX}-data-net"]["IPAddress"]
    assert not reach(lab, image, "frontend", f"http://{target}:{port}/")


def test_services_answer_to_their_names_on_the_backend_network_alone(lab: Lab, image: str, platform: Platform) -> None:
    for name, service in platform.services.items():
        if "backend" in service.networks:
            assert reach(lab, image, "backend", f"http://{name}:{service.port}{service.health.path}"), name
            assert not reach(lab, image, "frontend", f"http://{name}:{service.port}{service.health.path}"), name


def test_nginx_is_no_bridge_from_the_frontend_network(lab: Lab, image: str, platform: Platform) -> None:
    address = lab.inspect()["nginx"]["NetworkSettings"]["Networks"][f"{PREFIX}-frontend-net"]["IPAddress"]
    for port in {service.port for service in platform.services.values() if "backend" in service.networks}:
        assert not reach(lab, image, "frontend", f"http://{address}:{port}/")
    assert reach(lab, image, "frontend", f"http://{address}:8080/health")
