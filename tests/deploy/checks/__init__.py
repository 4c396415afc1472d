"""What must hold of the templates. Each check gives its complaints; `complaints` gathers them."""

from collections.abc import Callable, Iterable

CHECKS: list[tuple[Callable[[dict], Iterable[str]], frozenset]] = []


def check(*reads: str):
    """Registers a check that reads these templates."""

    def register(function):
        CHECKS.append((function, frozenset(reads)))
        return function

    return register


def complaints(templates: dict, changed: str | None = None) -> list[str]:
    """The complaints about the templates; where only one has `changed`, of the checks that read it."""
    found = []
    for function, reads in CHECKS:
        if changed is None or changed in reads:
            try:
                found += [f"{function.__name__}: {it}" for it in function(templates)]
            except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
                # What a check looks for is not where it has to be.
                found.append(f"{function.__name__}: {type(error).__name__}: {error}")
    return found


def differ(what: str, is_: object, should: object) -> list[str]:
    """A complaint when two things are not the same."""
    return [] if is_ == should else [f"{what} is {is_}, not {should}"]


from . import api, data, events, form, functions, network, observed  # noqa: E402, F401
