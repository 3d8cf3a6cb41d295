"""The one exception that a user's mistake raises."""


class MixwrightError(Exception):
    """A mistake told in one line that names the fix; the command line prints it without a traceback."""
