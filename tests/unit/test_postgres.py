"""The password verifier is the one that PostgreSQL itself computes."""

from components.postgres import scram_verifier


def test_verifier_is_stable_and_shows_no_password() -> None:
    verifier = scram_verifier("correct horse", salt="auth-app")
    assert verifier == scram_verifier("correct horse", salt="auth-app")
    assert verifier.startswith("SCRAM-SHA-256$4096:")
    assert "horse" not in verifier


def test_verifier_depends_on_role_and_password() -> None:
    assert len({scram_verifier(p, salt=s) for p in ("a", "b") for s in ("x", "y")}) == 4
