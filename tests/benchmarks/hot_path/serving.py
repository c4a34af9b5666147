"""How the other services of a benchmark are served: by uvicorn with the settings that the service has."""

import uvicorn
from starlette.types import ASGIApp

from service.serving.connections import KEEP_ALIVE_SECONDS


def serve(app: ASGIApp, port: int) -> None:
    """Serve an application on loopback until SIGTERM, in this process."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
