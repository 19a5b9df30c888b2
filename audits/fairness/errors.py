"""The one error this package raises for input that cannot be measured."""


class PredictionsError(ValueError):
    """A predictions file, or a question asked of it, that cannot give a right number.

    message: what is wrong, in one sentence, without the rows of the file.
    code: a stable machine name, lower case with underscores.
    column: the column it is about. row: the data row, counted from 1 without the header.
    line: the line of the text file, counted from 1 with the header, where only the parser knows the place.
    how: what the person can do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid",
        column: str | None = None,
        row: int | None = None,
        line: int | None = None,
        how: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.column = column
        self.row = row
        self.line = line
        self.how = how

    def __str__(self) -> str:
        return f"{self.message} {self.how}".strip()

    def as_document(self) -> dict[str, str | int]:
        """JSON-able form; keys that do not apply are left out."""
        found = {
            "message": self.message,
            "code": self.code,
            "column": self.column,
            "row": self.row,
            "line": self.line,
            "how": self.how,
        }
        return {key: value for key, value in found.items() if value not in (None, "")}
