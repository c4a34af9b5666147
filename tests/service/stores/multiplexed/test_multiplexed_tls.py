"""TLS to a real server, with a certificate that the URL tells to trust."""

import asyncio
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from service.stores.connection import StoreUnavailable, connected
from service.stores.multiplexed.scripts import Multiplexed
from tests.lua_script import LuaScript
from tests.redis_servers import redis_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"], indirect=True
    ),
]

PATIENT_SECONDS = 20.0


def _certificate(folder: Path, openssl: str) -> tuple[Path, Path]:
    """Return files of a certificate for 127.0.0.1 and of its key."""
    certificate, key = folder / "server.crt", folder / "server.key"
    arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=kabin-test"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run([openssl, *arguments.split(), *files], check=True, capture_output=True)  # noqa: S603 - found on this machine, no shell
    return certificate, key


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_scripts_run_over_tls_and_an_unknown_certificate_is_refused(tmp_path: Path) -> None:
    """With the certificate named in the URL it works; without it nothing is sent."""
    binary, openssl = shutil.which("redis-server"), shutil.which("openssl")
    if binary is None or openssl is None:
        pytest.skip("redis-server or openssl is not installed (Debian: apt-get install redis-server openssl)")
    certificate, key = _certificate(tmp_path, openssl)
    tls_port = _free_port()
    options = ["--tls-port", str(tls_port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    with redis_server(tmp_path / "server", *options, "--tls-auth-clients", "no", binary=binary):
        url = f"rediss://127.0.0.1:{tls_port}?ssl_ca_certs={certificate}"
        async with connected(url, timeout_seconds=PATIENT_SECONDS) as client:
            shared = Multiplexed()
            await shared.open(url, client)
            scripts = shared.within(PATIENT_SECONDS)
            script = LuaScript("return ARGV[1]")
            replies = await asyncio.gather(*(scripts.run(script, ["k"], [str(n) * n]) for n in range(200)))
            assert replies == [str(n).encode() * n for n in range(200)]
            await shared.close()
            with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await shared.open(f"rediss://127.0.0.1:{tls_port}", client)
