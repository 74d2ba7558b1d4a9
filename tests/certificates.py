"""Certificates of every kind, good and bad, with a small authority of their own."""

import subprocess
from pathlib import Path

AUTHORITY = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign"


class Pair:
    """A certificate with its key, and who signed it."""

    def __init__(self, folder: Path, *, name: str = "shop.example.org") -> None:
        self.folder, self.name = folder, name
        folder.mkdir(parents=True)
        for who in ("root", "middle", "leaf", "other"):
            self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{who}.key")
        self.certify("root", "root", days=(-3000, 3000), extensions=AUTHORITY)
        self.certify("middle", "root", days=(-2000, 2000), extensions=AUTHORITY)

    def sign(self, names: list[str], *, days: tuple[int, int] = (-1, 90)) -> "Pair":
        alternative = ",".join(f"DNS:{name}" for name in names)
        extensions = f"subjectAltName={alternative}" if names else "basicConstraints=CA:false"
        self.certify("leaf", "middle", days=days, extensions=extensions)
        return self

    def read(self, *files: str) -> str:
        return "".join((self.folder / file).read_text() for file in files)

    @property
    def chain(self) -> str:
        return self.read("leaf.crt", "middle.crt")

    @property
    def key(self) -> str:
        return self.read("leaf.key")

    def certify(self, name: str, signer: str, *, days: tuple[int, int], extensions: str) -> None:
        """By `openssl ca`, which alone takes any two dates."""
        when = [
            subprocess.check_output(["date", "-u", "-d", f"{day} days", "+%y%m%d%H%M%SZ"], text=True).strip()
            for day in days
        ]
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=ours\n[ours]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=any\nunique_subject=no\n[any]\ncommonName=supplied\n"
        )
        (self.folder / "extensions").write_text(
            f"{extensions}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        (self.folder / "index").touch()
        self._openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={self.name} {name}", "-out", f"{name}.csr")
        signed = ["-selfsign"] if name == signer else ["-cert", f"{signer}.crt"]
        self._openssl(
            "ca", "-batch", "-config", "ca.cnf", "-rand_serial", "-notext", *signed, "-keyfile", f"{signer}.key",
            "-in", f"{name}.csr", "-extfile", "extensions", "-startdate", when[0], "-enddate", when[1],
            "-out", f"{name}.crt",
        )  # fmt: skip

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=True)
