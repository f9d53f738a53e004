"""How functions are compiled: for the types that their parameters declare, once per machine, free of Python's lock.

Nothing else is compiled later: an array of another type is a TypeError, not another ten seconds; a number is converted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from threading import Event, Lock
from typing import Annotated, Any, TypeVar, cast, get_args, get_type_hints

import numpy as np
from numba import from_dtype, njit, types
from numba.core.dispatcher import Dispatcher
from numpy.typing import NDArray

from smartaccounts.engine.threads import threads

_WRITTEN, _STRIDED = "written", "strided"
_SCALARS = {int: types.int64, float: types.float64, bool: types.boolean}

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])

Ints = Annotated[NDArray[np.int32], 1]
IntTable = Annotated[NDArray[np.int32], 2]
Longs = Annotated[NDArray[np.int64], 1]
LongTable = Annotated[NDArray[np.int64], 2]
LongCube = Annotated[NDArray[np.int64], 3]
Hashes = Annotated[NDArray[np.uint64], 1]
Bools = Annotated[NDArray[np.bool_], 1]
ByteTable = Annotated[NDArray[np.int8], 2]
Singles = Annotated[NDArray[np.float32], 1]
SingleTable = Annotated[NDArray[np.float32], 2]
Floats = Annotated[NDArray[np.float64], 1]
FloatTable = Annotated[NDArray[np.float64], 2]
FloatCube = Annotated[NDArray[np.float64], 3]
"""Arrays of so many dimensions that lie in one piece and are only read."""
Out = Annotated[T, _WRITTEN]
"""An array that is written to."""
Strided = Annotated[T, _STRIDED]
"""An array whose numbers may lie apart, such as a column of a table."""
Column = TypeVar("Column", Ints, Longs)
Table = TypeVar("Table", IntTable, LongTable)

_waiting: dict[str, list[Dispatcher]] = {}
_lock = Lock()


def compiled(function: Function) -> Function:
    """Compile a function when `ready` is called; it takes numbers and arrays of the kinds above.

    A type variable stands for each of its types, the same in all of its places.
    """
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder may be written to: a read-only image, a user without a home
        made = njit(nogil=True)(function)
    if isinstance(made, Dispatcher):  # numba's NUMBA_DISABLE_JIT=1 leaves Python
        _waiting.setdefault(function.__module__, []).append(made)
    return cast("Function", made)


def ready(*modules: str) -> None:
    """Compile the functions of some modules, else of all that were imported, or load what numba kept of them.

    It keeps them in NUMBA_CACHE_DIR, beside the module or in the user's cache, whichever can be written to first. Where
    nothing is kept yet, the largest module is compiled in a process beside this one. Not in the first thread: there a
    Ctrl-C in the middle of a compilation would be lost in LLVM's callbacks.
    """
    with _lock:
        asked = {name: _waiting.pop(name) for name in modules or list(_waiting) if name in _waiting}
        if not asked:
            return
        stop = Event()
        with ThreadPoolExecutor(1) as pool:
            try:
                pool.submit(_compile, asked, stop).result()
            except BaseException:
                stop.set()
                pool.shutdown()
                _waiting.update({name: functions for name, functions in asked.items() if functions})
                raise


def _compile(modules: Mapping[str, list[Dispatcher]], stop: Event) -> None:
    largest = max(modules, key=lambda m: sum(len(f.py_func.__code__.co_code) for f in modules[m]))
    beside: subprocess.Popen[bytes] | None = None
    try:
        for module in sorted(modules, key=largest.__eq__):  # what others call was imported first
            while module == largest and beside is not None and beside.poll() is None and not stop.wait(0.05):
                pass
            new = _compile_each(modules[module], stop)
            if new and beside is None and module != largest and threads() > 1:
                beside = _beside(largest)
    finally:
        if beside is not None:
            beside.terminate()
            beside.wait()


def _compile_each(functions: list[Dispatcher], stop: Event) -> bool:
    """Compile functions and take them out of the list; say whether one was not kept before and is now."""
    new = False
    while functions and not stop.is_set():
        function = functions[0]
        for signature in signatures(function.py_func):
            function.compile(signature)
        function.disable_compile()
        new = new or (function.stats.cache_path is not None and bool(function.stats.cache_misses))
        del functions[0]
    return new


def _beside(module: str) -> subprocess.Popen[bytes] | None:
    """Start to compile a module in another process; one that fails leaves the work to this one."""
    code = f"import {module}; from {__name__} import ready; ready()"
    command = [sys.executable, "-P", "-c", code]  # without the modules of the folder that a command runs in
    nothing, alone = subprocess.DEVNULL, {**os.environ, "SMARTACCOUNTS_THREADS": "1"}
    try:
        return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, env=alone)
    except OSError:
        return None


def signatures(function: Callable[..., Any]) -> Iterator[tuple[types.Type, ...]]:
    """Yield the types of a function's parameters as numba knows them, for each choice of its type variables.

    >>> def found(places: Longs, table: Out[Table], at: int) -> None: ...
    >>> [str(t) for t in next(signatures(found))]
    ['readonly array(int64, 1d, C)', 'array(int32, 2d, C)', 'int64']
    """
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    variables = dict.fromkeys(v for h in hints.values() for v in _variables(h))
    for chosen in product(*(v.__constraints__ for v in variables)):
        choice = dict(zip(variables, chosen, strict=True))
        yield tuple(_numba(_chosen(h, choice)) for h in hints.values())


def _variables(hint: Any) -> tuple[TypeVar, ...]:
    return (hint,) if isinstance(hint, TypeVar) else getattr(hint, "__parameters__", ())


def _chosen(hint: Any, choice: Mapping[TypeVar, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return choice[hint]
    variables = _variables(hint)
    return hint[tuple(choice[v] for v in variables)] if variables else hint


def _numba(hint: Any) -> types.Type:
    if hint in _SCALARS:
        return _SCALARS[hint]
    array, dimensions, *said = get_args(hint)
    (dtype,) = get_args(get_args(array)[1])
    return types.Array(from_dtype(np.dtype(dtype)), dimensions, "A" if _STRIDED in said else "C", _WRITTEN not in said)
