"""Where the service listens, where it keeps its files, and who may do what."""

import ipaddress
from pathlib import Path

from pydantic import BaseModel, Field

from service.settings.value_types import Key, Keys, Origins, TokenKeys


class ListeningSettings(BaseModel):
    """Address, processes, folder, and the keys and origins that open the service."""

    # Where it listens, and how many processes do.
    host: str = Field(
        default="127.0.0.1", description="Address to listen on. A public one needs `KABIN_SERVER_KEY`."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    workers: int = Field(
        default=1, ge=1, le=256, description="Worker processes; one per core is a good start."
    )
    data_dir: Path = Field(
        default=Path("var"),
        description="Folder of models, archive, generated signing keys and the embedded server's files.",
    )

    # Who may do what.
    server_key: Key | None = Field(
        default=None,
        description="Bearer key of the shop's own servers: imports, catalog, any visitor id. "
        "At least 16 characters; without it those calls are refused.",
    )
    signing_keys: Keys = Field(
        default=(),
        description="Comma-separated keys that sign visitor ids, newest first: the first one signs, all of "
        "them verify. Empty: one is generated and kept in `KABIN_DATA_DIR` (several hosts must share theirs).",
    )
    customer_key: Key | None = Field(
        default=None,
        description="Key from which customers' visitor ids are made; never change it. Not set: one is generated and "
        "kept in `KABIN_DATA_DIR` (several hosts must share theirs; back it up with the archive).",
    )
    customer_token_key: TokenKeys = Field(
        default=(),
        description="Key with which the shop's backend signs customer tokens for `POST /identify`, at least 32 "
        "characters; several, comma-separated, while it is being changed. Empty: browsers cannot identify customers.",
    )
    allowed_origins: Origins = Field(
        default=(),
        description="Comma-separated exact origins whose pages may call Kabin, such as "
        "`https://www.shop.example`. Pages of Kabin's own origin always may.",
    )

    @property
    def is_public(self) -> bool:
        """Whether the address to listen on can be reached from other machines."""
        return not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether ``host`` names this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
