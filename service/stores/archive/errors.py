"""What can go wrong with the archive."""


class ArchiveError(Exception):
    """A file of the archive cannot be read or written; the message names it."""


class ArchiveConflict(ArchiveError):  # noqa: N818 - what happened
    """Another process has changed the archive meanwhile: nothing of this change is visible; begin anew."""


class ArchiveMismatch(ArchiveError):  # noqa: N818 - what was found
    """The log in Redis has been drained into another archive than this one."""
