# SPDX-License-Identifier: Apache-2.0
"""Functions that pass keyword options on to another function, with a signature that lists them all."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def accepts(options: Any, *callees: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function whose ``**options`` are passed on to `callees`.

    `inspect.signature` and `help` then list the options with their defaults, and an unknown name is refused
    in the name of the function that was called.

    Parameters
    ----------
    options : TypedDict
        The type of the options.
    callees : callable
        Functions with these keyword-only parameters.
    """
    wanted = options.__required_keys__ | options.__optional_keys__

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        names = {p.name for p in own}
        passed_on = [
            p
            for callee in callees
            for p in inspect.signature(callee).parameters.values()
            if p.kind is p.KEYWORD_ONLY and p.name in wanted - names
        ]
        allowed = names | {p.name for p in passed_on}

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if name not in allowed:
                    called = function.__qualname__.removesuffix(".__init__")
                    raise TypeError(f"{called}() got an unexpected keyword argument {name!r}")
            return function(*args, **kwargs)

        checked.__signature__ = signature.replace(parameters=[*own, *passed_on])  # type: ignore[attr-defined]
        return checked

    return decorate
