"""What the gate engine refuses, always with the place and the way to mend it."""

from __future__ import annotations


class GateError(ValueError):
    """Base of everything the engine refuses. `message` says what is wrong, `how` how to mend it."""

    def __init__(self, message: str, *, how: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.how = how

    def diagnostics(self) -> str:
        """The message with its remedy, for a terminal or a page."""
        return f"{self} {self.how}".strip()


class PolicyError(GateError):
    """A policy that cannot be loaded or published.

    line and column count from 1, in code points of the file; caret_text is what a compiler prints: the
    place, the line of the file and a caret under it.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int,
        column: int,
        filename: str = "<policy>",
        source_line: str = "",
        how: str = "",
        code: str = "policy",
    ) -> None:
        super().__init__(message, how=how)
        self.line = line
        self.column = column
        self.filename = filename
        self.code = code
        self.caret_text = f"{filename}:{line}:{column}: {message}"
        if source_line:
            # A very long line is cut around the place, so that the caret stays in sight.
            start = max(0, column - 81)
            shown = source_line[start : start + 120].replace("\t", " ")
            self.caret_text += f"\n  {shown}\n  {' ' * (column - 1 - start)}^"
        if how:
            self.caret_text += f"\n  {how}"

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}:{self.column}: {self.message}"


class FactsError(GateError):
    """A facts document that is not what the schema says. `path` is where, such as `bias[3].ratio`."""

    def __init__(self, path: str, message: str, how: str = "") -> None:
        super().__init__(message, how=how)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path or 'document'}: {self.message}"


class ParamsError(GateError):
    """A parameter value that the policy does not declare, or of another type."""

    def __init__(self, policy: str, name: str, message: str, how: str = "") -> None:
        super().__init__(f"{policy}: parameter {name!r}: {message}", how=how)
        self.policy = policy
        self.name = name
