"""The measure of all costs: one Starlette function route that reads the body and answers a constant.

python -m tests.benchmarks.hot_path.bare --port 8001
"""

import argparse

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.benchmarks.hot_path.serving import serve


async def personalize(request: Request) -> JSONResponse:
    """Read the body and answer."""
    await request.body()
    return JSONResponse({"ok": True})


async def healthz(_request: Request) -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"ok": True})


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    routes = [
        Route("/healthz", healthz),
        Route("/personalize", personalize, methods=["POST"]),
    ]
    serve(Starlette(routes=routes), parser.parse_args().port)


if __name__ == "__main__":
    main()
