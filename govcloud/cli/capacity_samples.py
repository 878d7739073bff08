"""Where samples of use come from: the options that `capacity usage`, `review` and `tune` share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ..errors import GovcloudError, InputError, Problem
from .common import App, nearest

if TYPE_CHECKING:
    from ..capacity.figures import Review
    from ..capacity.measuring import Measured
    from ..capacity.samples import Unknown
    from .capacity_entries import Seen

F = TypeVar("F", bound=Callable[..., Any])
# Days of samples that a Prometheus is asked for where nobody says how many; as long as many keep.
PERIOD_DAYS = 30.0
# Names of strangers that are told.
MOST_NAMED = 5


class Measures(NamedTuple):
    """The use of each instance by name, what the samples are in a sentence, and strangers among them."""

    used: dict[str, Measured]
    document: str
    unknown: Unknown


def samples_options(function: F) -> F:
    """``--samples``, ``--prometheus`` and ``--period``, passed as such."""
    kind = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option(
            "--period",
            type=click.FloatRange(min=0, min_open=True, max=3660),
            metavar="DAYS",
            help="Look at so many days until now; of a file: all it holds; of a Prometheus: 30.",
        ),
        click.option("--prometheus", metavar="URL", help="Ask this Prometheus for samples of use."),
        click.option("--samples", type=kind, metavar="FILE", help="Samples of use: a CSV file."),
    ):
        function = option(function)
    return function


def measures(
    app: App, seen: Seen, samples: Path | None, prometheus: str | None, period: float | None
) -> Measures | None:
    """What the samples say; None where there is no source of any.

    Raises ``InputError`` with every row that is wrong, ``GovcloudError`` where a Prometheus does not answer.
    """
    if samples is None and prometheus is None:
        if period is not None:
            raise InputError([Problem("--period is of samples")], hint="give --samples or --prometheus too")
        return None
    if samples is not None and prometheus is not None:
        raise InputError([Problem("--samples and --prometheus: one of both")])
    from ..capacity.figures import Review, figures
    from ..capacity.measuring import measure
    from ..capacity.reviewing import pauses
    from ..capacity.samples import Unknown
    from ..model.cloud import Instance

    numbers = figures(Review, seen.catalogue)
    index = {name: at for at, name in enumerate(sorted(seen.catalogue.all(Instance)))}
    unknown, until = Unknown(), time.time()
    since = until - (period or PERIOD_DAYS) * 86400
    if samples is not None:
        from ..capacity.samples import batches

        source, document = batches(samples, index, unknown), f"samples in {samples.name}"
        since = since if period is not None else -math.inf
    else:
        from ..capacity import prometheus as asking

        assert prometheus is not None
        # Whoever types an address is not who says where the token goes.
        url = asking.checked(prometheus, token=False)
        token = _token(app, numbers) if asking.is_of_token(url, numbers) else None
        source = asking.batches(url, token, index, unknown, numbers, since, until)
        document = f"samples of {url}"
    found = measure(len(index), source, numbers, pauses(seen.catalogue, index), since)
    names = list(index)
    used = {names[at]: one for at, one in found.items()}
    if not used:
        raise InputError([_nothing(document, unknown, names)])
    first = min((one.since for one in used.values() if one.samples), default=0.0)
    last = max((one.until for one in used.values() if one.samples), default=0.0)
    document += f", {_day(first)} to {_day(last)}" if last else ""
    return Measures(used, document, unknown)


def _nothing(document: str, unknown: Unknown, names: list[str]) -> Problem:
    stranger = next(iter(unknown.names), "")
    if not stranger:
        return Problem(f"{document}: there are none in this time")
    guess = nearest(stranger, names)
    hint = f"did you mean {guess}?" if guess else "`govcloud ls instance` shows what is known"
    return Problem(
        f"{document}: none is of an instance that the ledger knows; the first is of {stranger}", hint=hint
    )


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def _token(app: App, numbers: Review) -> bytes:
    """The token that the policy names; it is resolved here and goes into a header, nowhere else.

    That somebody used it is in the audit trail. Raises ``DeniedError`` for whoever may not plan.
    """
    from ..access import enforce
    from ..ledger import audit, open_ledger
    from ..ledger.entries import among
    from ..model.secret import Secret
    from ..plan.fetching import Fetching

    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "plan")
    with ledger.write() as connection:
        data = {"secret": numbers.token, "address": numbers.address}
        audit.append(connection, str(identity), "samples asked for", data)
    with ledger.read() as connection:
        key = ("secret", numbers.token)
        known = among(connection, [key]).get(key)
        if known is None:
            raise InputError(
                [
                    Problem(
                        f"profile/capacity-review: `token` is {numbers.token}, and no such secret is accepted"
                    )
                ]
            )
        import msgspec

        reference = msgspec.convert(known.fields, Secret).reference()
        try:
            return Fetching(app.workspace, connection).value(numbers.token, reference)
        except GovcloudError as error:
            error.message = f"secret/{numbers.token}: {error.message}"
            raise


def told_unknown(unknown: Unknown) -> str:
    """That the samples name strangers, in a sentence; empty where they do not."""
    if not unknown.names:
        return ""
    named = ", ".join(list(unknown.names)[:MOST_NAMED])
    more = f" and {len(unknown.names) - MOST_NAMED} more" if len(unknown.names) > MOST_NAMED else ""
    return f"the samples are of {len(unknown.names)} that the ledger does not know, too: {named}{more}"
