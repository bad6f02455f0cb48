"""What can be exported, and how it can be written."""

from enum import StrEnum


class Export(StrEnum):
    """What can be exported."""

    MODELS = "models"
    PREDICTORS = "predictors"
    INTERACTIONS = "interactions"


class FileFormat(StrEnum):
    """How it is written; ZIP holds JSON lines, as Pega's own exports do."""

    PARQUET = "parquet"
    CSV = "csv"
    ZIP = "zip"
