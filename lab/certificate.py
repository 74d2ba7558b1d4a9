"""Certificates of what stands beside the lab host."""

from pathlib import Path

from lab.steps import Step


def certify(step: Step, name: str, *, authority: Path, key: Path, certificate: Path) -> None:
    """A certificate for a name on the lab's network and this machine, by an authority that signs no further one."""
    authority_key = authority.with_suffix(".key")
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650")
    for command in (
        (*request, "-subj", "/CN=lab", "-keyout", authority_key, "-out", authority),
        (
            *request, "-CA", authority, "-CAkey", authority_key, "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ),
    ):  # fmt: skip
        step.run(*command, way_out="install OpenSSL 3")
    authority_key.unlink()
