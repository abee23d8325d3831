"""doctor"""


def command() -> None:
    """later"""
