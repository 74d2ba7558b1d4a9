"""Whether a server still takes a password, asked as any container on its network could ask."""

import json

from config.platform import Platform
from tests.lab.conftest import PREFIX, Lab, pulumi

_ASK = """
const socket = require('net').connect(Number(process.argv[1]), process.argv[2])
socket.on('connect', () => socket.write(require('fs').readFileSync(0)))
socket.on('data', (data) => process.stdout.write(data))
socket.on('error', (error) => { console.log(error.message) })
setTimeout(() => process.exit(), 1000)
"""


def generated(name: str) -> str:
    """A generated secret's current value, from the stack's state."""
    state = json.loads(pulumi("stack", "export", "--show-secrets").stdout)
    found = {
        resource["urn"].rpartition("::")[2]: json.loads(resource["outputs"]["result"]["plaintext"])
        for resource in state["deployment"]["resources"]
        if resource["type"] == "random:index/randomPassword:RandomPassword"
    }
    newest = max(int(key.rpartition("-")[2]) for key in found if key.rpartition("-")[0] == name)
    return found[f"{name}-{newest}"]


def accepted(lab: Lab, platform: Platform, name: str, number: int, password: str) -> bool:
    """Whether the `number`-th user of a secret is let in with a password."""
    kind, _, rest = name.partition("-")
    if kind == "database":
        database = rest.removesuffix("-owner")
        role = f"{database}_owner" if rest.endswith("-owner") else f"{database}_app_{number}"
        url = f"postgres://{role}:{password}@postgres:5432/{database}"
        answer = lab.run(
            "docker",
            "exec",
            "-i",
            f"{PREFIX}-postgres",
            "sh",
            "-c",
            'psql "$(cat)" -XAtc "select 42"',
            stdin=url,
            check=False,
        )
        return answer.strip() == "42"
    user = rest if number == 1 else f"{rest}_{number}"
    if kind == "nats":
        login = json.dumps({"user": user, "pass": password, "verbose": False})
        return "PONG" in _ask(lab, platform, "nats", 4222, f"CONNECT {login}\r\nPING\r\n")
    return "+OK" in _ask(lab, platform, "redis", 6379, f"AUTH {user} {password}\r\n")


def _ask(lab: Lab, platform: Platform, server: str, port: int, message: str) -> str:
    return lab.run(
        *("docker", "run", "--rm", "-i", "--network", f"{PREFIX}-data-net", "--entrypoint", "node"),
        *(platform.images.reference("node"), "-e", _ASK, str(port), server),
        stdin=message,
    )
