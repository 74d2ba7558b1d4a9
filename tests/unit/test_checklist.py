"""Each item accepts what it should and nothing else; an answer that is missing proves nothing."""

import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.load import read
from ops.checklist import run
from ops.checklist.ask import Answer, _ask, _here, facts
from ops.checklist.docs import page
from ops.checklist.item import SECTIONS, Item, sections
from ops.checklist.run import BY_HAND, FAILED, OK, UNPROVED, judge
from ops.stack import OperationError, Stack

ROOT = Path(__file__).parents[2]
ITEMS = {item.id: item for section in sections() for item in section.items}
PROVED = {id: item for id, item in ITEMS.items() if item.command}

# What the command prints when the item does not hold. Where the whole answer `is` a text, any other is as bad.
BAD = {
    "host-01": "2 of 4 too few",
    "host-02": "3800 of 8192 too few",
    "host-03": " 61%",
    "host-04": " 97%",
    "host-05": "df: /var/lib/docker: No such file",
    "host-06": "debian 10",
    "host-07": 'APT::Periodic::Unattended-Upgrade "0";',
    "host-10": "35",
    "host-12": "1 swap areas, swappiness 60",
    "host-13": "[always] madvise never",
    "host-14": "a4co-prod-redis true",
    "access-02": "0",
    "access-05": "deploy@host: Permission denied (publickey,password).",
    "docker-01": "24.0.9",
    "docker-02": "27.5.1",
    "docker-04": "json-file",
    "docker-08": "[name=seccomp,profile=builtin]",
    "docker-09": "[name=seccomp,profile=unconfined]",
    "docker-10": "[name=seccomp,profile=builtin]",
    "docker-13": "vfs",
    "docker-16": "docker.io true\nregistry.example.com false",
    "network-01": "a4co-prod-backend-net true\na4co-prod-data-net false",
    "network-02": "wget: server returned error: HTTP/1.1 404 Not Found",
    "network-03": "wget: download timed out",
    "network-04": "172.22.0.131:5432 Connecting to 172.22.0.131:5432 wget: error getting response",
    "network-05": "3000 Connecting to nginx:3000 wget: server returned error: HTTP/1.1 421 Misdirected Request",
    "network-06": "/a4co-prod-postgres a4co-prod-data-net bridge",
    "network-07": "172.20.0.0/16 dev wg0 scope link",
    "network-08": "open: 0.0.0.0:5432\n8 listeners",
    "network-09": "5432 closed\n6379 open",
    "network-11": "payment-service 0",
    "network-13": "shop.example.com ",
    "containers-01": "order-service:2 1",
    "containers-02": "a4co-prod-nats exited unhealthy",
    "containers-03": "a4co-prod-nats 17",
    "containers-04": "a4co-prod-nats 0:0",
    "containers-05": "a4co-prod-nats [ALL] [NET_ADMIN]",
    "containers-06": "a4co-prod-nats [no-new-privileges:true seccomp=unconfined]",
    "containers-07": "a4co-prod-nats false",
    "containers-08": "a4co-prod-nats false 0 host/private/bridge//",
    "containers-09": "a4co-prod-nats 536870912 -1",
    "containers-10": "a4co-prod-nats 0",
    "containers-11": "a4co-prod-nats 200\na4co-prod-redis -1",
    "containers-12": "a4co-prod-nats 93.10%",
    "containers-13": "a4co-prod-nats NONE",
    "containers-14": "a4co-prod-nats no",
    "containers-15": "a4co-prod-nats <nil>",
    "containers-16": "a4co-prod-nats json-file  ",
    "containers-17": "a4co-prod-nats  mode=1777",
    "containers-18": "a4co-prod-nats  volume:true bind:true",
    "containers-19": "a4co-prod-nats  /run/docker.sock",
    "containers-20": "a4co-prod-nats nats:2.10-alpine",
    "containers-21": "a4co-prod-nats nats 1",
    "containers-22": "a4co-prod-nats <nil>",
    "containers-23": "a4co-prod-nats ",
    "secrets-03": "Pulumi.prod.yaml: 1 mistake(s), nothing was changed",
    "secrets-04": "19 encrypted, 1 in clear",
    "secrets-05": "755 deploy",
    "secrets-07": "18 secrets, 2 found",
    "secrets-08": "0 secrets, 0 found",
    "secrets-09": "18 secrets, 1 found",
    "secrets-10": "70 variables, 1 secret",
    "edge-03": "200 ",
    "edge-04": "shop.example.com 200\nwww.example.com curl: (60) SSL certificate problem",
    "edge-06": "612 cron\n# 17 4 * * * bash certificate.sh",
    "edge-07": "New, TLSv1.1, Cipher is ECDHE-ECDSA-AES256-SHA",
    "edge-08": "New, TLSv1.2, Cipher is AES128-SHA",
    "edge-09": "tlsv1 alert protocol version",
    "edge-10": "HTTP/2 200  strict-transport-security: max-age=63072000\nHTTP/2 404",
    "edge-13": "HTTP/2 200  server: nginx/1.30.6",
    "edge-15": "/metrics 200",
    "edge-16": "404 text/html 404 text/html",
    "edge-17": "x-request-id: -",
    "edge-18": '10.0.0.1 - - [01/Jan/2026] "GET / HTTP/1.1" 200',
    "edge-19": "HTTP/2 404  access-control-allow-origin: *",
    "edge-20": "access-control-allow-origin: *",
    "edge-22": "nginx: [emerg] host not found in upstream",
    "edge-23": "/api/ 503",
    "edge-24": "0 refused",
    "postgres-01": "127.0.0.1:5432 - rejecting connections",
    "postgres-02": "15.8",
    "postgres-03": "28 set, 1 not applied",
    "postgres-08": "1900000000",
    "postgres-09": "15 roles, 1 too mighty",
    "postgres-10": "1 superusers, 1 passwords",
    "postgres-11": "md5, 10 passwords, 0 of another kind",
    "postgres-12": "7 rules, 1 open",
    "postgres-13": "10 roles, 2 without",
    "postgres-14": "260 of 200 are too many",
    "postgres-15": "93",
    "postgres-16": "0",
    "postgres-17": "-1 on",
    "postgres-18": "5 databases, 1 of another",
    "postgres-19": "5 databases, 4 strangers",
    "nats-01": '{"status":"unavailable"}',
    "nats-02": "PONG",
    "nats-03": "3 users, 1 twice",
    "nats-04": "6 permissions, 1 without end",
    "nats-05": "4 users, 3 services",
    "nats-06": '"max_memory": 134217728\n"max_storage": 0',
    "nats-07": "91%",
    "nats-08": "120",
    "nats-10": "134217728",
    "nats-11": "3 streams, 1 endless",
    "nats-12": "52011",
    "redis-02": "Redis server v=6.2.1",
    "redis-03": "+PONG",
    "redis-04": "user default on nopass ~* +@all",
    "redis-05": "maxmemory\n268435456\nNOPERM this user has no permissions",
    "redis-06": "2 users, 1 twice",
    "redis-07": "2 users, 1 too mighty",
    "redis-08": "4 users, 1 in clear",
    "redis-09": "3 users, 2 services",
    "redis-10": "maxmemory 0 maxmemory-policy noeviction",
    "redis-12": "ls: /data/appendonlydir: No such file or directory",
    "services-01": "order-service ok\nwget: server returned error: HTTP/1.1 503",
    "services-02": "order-service debug",
    "services-03": "order-service 4",
    "delivery-01": "Pulumi.prod.yaml: 2 mistake(s), nothing was changed",
    "delivery-02": "error: limits: order-service has no limit of memory and processors",
    "delivery-05": "0 kept",
    "delivery-06": "9a3faba9e8b9-dirty",
    "delivery-08": "131 resources, 2 pending",
    "delivery-09": "3 volumes, 1 unprotected",
    "delivery-10": "file:///home/somebody/.pulumi",
}


def test_there_are_enough_and_half_are_proved() -> None:
    assert len(ITEMS) >= 100
    assert len(PROVED) * 2 >= len(ITEMS)
    assert len(ITEMS) == sum(len(section.items) for section in sections()), "an id stands for one item"


def test_an_id_says_its_section() -> None:
    for name, section in zip(SECTIONS, sections(), strict=True):
        assert {item.id.partition("-")[0] for item in section.items} == {name}


@pytest.mark.parametrize("id", PROVED)
def test_an_item_accepts_what_it_shows_and_nothing_else(id: str) -> None:
    item = PROVED[id]
    assert judge(item, Answer(0, item.sample or "")).state == OK
    bad = BAD.get(id) or f"{item.exactly}?"
    for answer in (Answer(0, bad), Answer(0, ""), Answer(1, item.sample or ""), Answer(124, ""), None):
        result = judge(item, answer)
        assert result.state == FAILED, answer
        assert str(item.otherwise) in result.said


@pytest.mark.parametrize("id", ["containers-18", "containers-19"])
def test_a_container_without_mounts_has_none_that_is_wrong(id: str) -> None:
    assert judge(PROVED[id], Answer(0, "a4co-prod-nats \na4co-prod-frontend")).state == OK


def test_every_pattern_and_every_bound_has_its_bad_case() -> None:
    assert BAD.keys() == {id for id, item in PROVED.items() if item.exactly is None}


def test_a_tool_that_is_missing_proves_nothing_and_fails_nothing() -> None:
    result = judge(PROVED["edge-07"], Answer(127, "openssl: command not found"))
    assert (result.state, result.said) == (UNPROVED, "openssl: command not found")


@pytest.mark.parametrize("id", PROVED)
def test_every_command_parses(id: str) -> None:
    done = subprocess.run(["bash", "-n"], input=PROVED[id].command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "true", "is": "x"},
        {"host": "true", "here": "true", "is": "x", "otherwise": "mend it"},
        {"host": "true", "is": "x", "each": "x", "otherwise": "mend it"},
        {"host": "true", "each": "x", "shows": "y", "otherwise": "mend it"},
        {"host": "true", "is": "x", "otherwise": "mend it", "by": "somebody", "how": "somehow"},
        {"by": "somebody"},
        {"by": "somebody", "how": "somehow", "whoever": "x"},
    ],
)
def test_an_item_that_proves_nothing_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Item.model_validate({"id": "host-99", "what": "something holds", **wrong})


def test_one_question_spoils_no_other() -> None:
    commands = [
        "echo $stack",
        "exit 3",
        "echo said >&2; false",
        "no-such-tool",
        "cat",
        "exit 0; echo never",
        "echo 'a\nb'",
    ]
    answers = _ask(_here, "here", commands, {"stack": "it's a test"})
    assert [answers[one].status for one in commands] == [0, 3, 1, 127, 0, 0, 0]
    assert [answers[one].text for one in commands[:3]] == ["it's a test", "", "said"]
    assert "no-such-tool" in answers["no-such-tool"].text
    assert [answers[one].text for one in commands[4:]] == ["", "", "a\nb"]


def test_a_host_that_is_out_of_reach_fails_what_is_asked_there() -> None:
    def unreachable(script: str) -> str:
        raise OperationError("production.example.com: Connection timed out")

    answer = _ask(unreachable, "host", ["id -u"], {})["id -u"]
    result = judge(PROVED["access-02"], answer)
    assert result.state == FAILED
    assert "Connection timed out" in result.said


def test_an_item_is_spared_for_what_the_stack_has() -> None:
    known = facts(read("prod").platform)
    reasons = {who for item in ITEMS.values() for who in item.unless}
    assert reasons <= {"development", *(f"no {name}" for name in known)}
    assert known["acme"]
    assert known["https"] == "https://shop.example.com:443"
    assert not known["origin"]
    assert 0 < int(known["flood"]) <= 1000


def test_the_list_is_filled_and_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {item.command: Answer(0, item.sample or "") for item in PROVED.values()}
    asked: list[Item] = []

    def answer(stack: Stack, items: list[Item]) -> dict[str | None, Answer]:
        asked.extend(items)
        return good | {PROVED["docker-03"].command: Answer(0, "false")}

    def nothing(stack: Stack) -> list[object]:
        return []

    monkeypatch.setattr(run, "ask", answer)
    monkeypatch.setattr(run, "known", nothing)
    path = tmp_path / "list.md"
    assert run.checklist(Stack("prod"), path) == 1
    printed = capsys.readouterr().out
    assert 'found: false; do: `"live-restore": true` in /etc/docker/daemon.json' in printed
    ok = len([item for item in asked if item.command]) - 1
    by_hand = len(ITEMS) - len(PROVED)
    assert printed.splitlines()[-1].startswith(f"{ok} ok, 1 failed, {by_hand} by hand")
    written = path.read_text()
    assert "# Checklist of prod" in written
    assert written.count("\n| ") == len(ITEMS) + len(list(sections()))
    # On a developer's own stack, some are spared, and say why.
    filled = run.fill(Stack("dev"))
    assert "not for development" in run.counts(filled)
    states = {one.state for _, results in filled for one in results}
    assert states == {OK, FAILED, BY_HAND, "not for development"}


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "PRODUCTION_CHECKLIST.md").read_text() == page(), "python -m ops.checklist"
