"""Scripts that tests bring along."""

from hashlib import sha1

from service.stores.connection import Script


class LuaScript(Script):
    """A script with a source of its own."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = sha1(source.encode(), usedforsecurity=False).hexdigest()
