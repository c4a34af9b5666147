"""The front: calls of fixed paths go straight to their resource, everything else through Starlette."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.types import ExceptionHandler, Lifespan, Receive, Scope, Send

from service.routes.resource import Resource


class Front(Starlette):
    """The application of some resources.

    Starlette's middleware and routing take 13 µs, and a resource needs nothing of them: it judges methods and
    answers its own errors. So they are left to paths with parameters, to unknown paths and to the lifespan.

    Args:
        resources: in the order in which their paths are tried.
        exception_handlers: for what is no resource's.
        lifespan: of the application.
    """

    def __init__(
        self,
        resources: Sequence[Resource],
        *,
        exception_handlers: Mapping[Any, ExceptionHandler],
        lifespan: Lifespan["Front"],
    ) -> None:
        super().__init__(
            routes=[resource.route() for resource in resources],
            exception_handlers=exception_handlers,
            lifespan=lifespan,
        )
        self.router.redirect_slashes = False
        self._fixed = {resource.path: resource for resource in resources if resource.path is not None}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live one life."""
        resource = self._fixed.get(scope["path"]) if scope["type"] == "http" else None
        if resource is None:
            await super().__call__(scope, receive, send)
        else:
            await resource(scope, receive, send)
