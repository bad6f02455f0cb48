"""The options by which commands find a cluster: its log, its customers, its name."""

from typing import Annotated

import typer

StreamOption = Annotated[
    str,
    typer.Option(metavar="kafka://HOST:PORT", help="Where the log is.", envvar="ATTUNE_STREAM"),
]
StateOption = Annotated[
    str,
    typer.Option(
        metavar="redis://HOST:PORT", help="Where customers are kept.", envvar="ATTUNE_STATE"
    ),
]
NameOption = Annotated[
    str,
    typer.Option(help="The installation: what its topics' names begin with.", envvar="ATTUNE_NAME"),
]
PartitionsOption = Annotated[
    int,
    typer.Option(
        min=1,
        help="Partitions of the log, if it is not there yet: the most workers.",
        envvar="ATTUNE_PARTITIONS",
    ),
]
CopiesOption = Annotated[
    int,
    typer.Option(
        min=1, help="Copies of everything in Kafka, if it is not there yet.", envvar="ATTUNE_COPIES"
    ),
]
