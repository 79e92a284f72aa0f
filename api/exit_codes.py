"""Exit codes: one for each branch of the error tree, so that a script can tell what to do."""

EXIT_CODES = {
    "NotFound": 3,
    "Conflict": 4,
    "Invalid": 5,
    "Unavailable": 6,
    "Corrupt": 7,
    "StorageFull": 8,
    "NotAllowed": 9,
}
NOT_OFFERED = 10  # no error, yet what would follow with && has nothing to go on with
INTERRUPTED, TERMINATED = 130, 143  # as a shell has them

MEANINGS = {
    0: "done",
    1: "another error",
    2: "the command line is not understood",
    EXIT_CODES["NotFound"]: "a store, collection, item or file is not there",
    EXIT_CODES["Conflict"]: "it contradicts what is stored, or the store is in use",
    EXIT_CODES[
        "Invalid"
    ]: "input that cannot succeed as it is, or of which nothing could be indexed",
    EXIT_CODES["Unavailable"]: "a package, device, port or database is missing now",
    EXIT_CODES["Corrupt"]: "stored bytes are damaged",
    EXIT_CODES["StorageFull"]: "the disk is full or read-only",
    EXIT_CODES["NotAllowed"]: "the key may not do that",
    NOT_OFFERED: "trained, but no better than before, so not offered; --force offers it",
    INTERRUPTED: "stopped by Ctrl-C; what was stored is safe",
    TERMINATED: "stopped by SIGTERM; what was stored is safe",
}


def exit_code(error: Exception) -> int:
    """Give the exit code of an error by its branch of the error tree; 1 for the root.

    A picture that is not there is not there, and no bad picture.
    """
    if type(error).__name__ == "BadImage" and isinstance(error.__cause__, FileNotFoundError):
        return EXIT_CODES["NotFound"]
    return next(
        (EXIT_CODES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in EXIT_CODES),
        1,
    )


def told() -> str:
    """Give all exit codes as the end of a help text."""
    lines = [f"  {code:3}  {meaning}" for code, meaning in MEANINGS.items()]
    return "\n".join(["\b", "Exit codes:", *lines])
