"""What must hold of the templates. Each check gives its complaints; `complaints` gathers them."""

from collections.abc import Callable, Iterable, Iterator

# What a check looks at: these templates together, or each of them by itself.
TOGETHER: list[tuple[Callable[[dict], Iterable[str]], frozenset]] = []
EACH: list[Callable[[str, dict], Iterable[str]]] = []


def check(*reads: str):
    """Registers a check of these templates together."""

    def register(function):
        TOGETHER.append((function, frozenset(reads)))
        return function

    return register


def check_each(function):
    """Registers a check of each template by itself."""
    EACH.append(function)
    return function


def complaints(templates: dict, changed: str | None = None) -> Iterator[str]:
    """The complaints about the templates; where only one has `changed`, of the checks that read it."""
    for file in [changed] if changed else templates:
        for function in EACH:
            yield from _guarded(function, file, templates[file])
    for function, reads in TOGETHER:
        if changed is None or changed in reads:
            yield from _guarded(function, templates)


def _guarded(function, *given) -> Iterator[str]:
    try:
        for it in function(*given):
            yield f"{function.__name__}: {it}"
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        # What a check looks for is not where it has to be.
        yield f"{function.__name__}: {type(error).__name__}: {error}"


def differ(what: str, is_: object, should: object) -> list[str]:
    """A complaint when two things are not the same."""
    return [] if is_ == should else [f"{what} is {is_}, not {should}"]


from . import api, conditions, data, events, form, functions, observed, wellformed  # noqa: E402, F401

# Last, as it looks at many cases.
from . import network  # noqa: E402, F401
