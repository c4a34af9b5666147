"""The rules of the tree: which way imports run, and that importing a module does nothing."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("recommender", "service")
    for path in sorted((ROOT / package).rglob("*.py"))
}

LAYERS = ["service.cli", "service.demo", "service.app", "service.routes", "use cases", "service.stores"]
"""From the outside in; a module imports from its own layer and those behind it."""

ROOMS: dict[str, set[str]] = {
    "service.settings": set(),
    "service.metrics": set(),
    "service.contract": set(),
    "service.identity": {"service.contract", "service.stores"},
}
"""Packages that know little of the others: from which a room imports, besides itself and the recommender."""


def layer(module: str) -> int:
    """Return the layer of a module of ``service``; what has no place of its own is a use case."""
    for place, prefix in enumerate(LAYERS):
        if module == prefix or module.startswith(prefix + "."):
            return place
    return LAYERS.index("use cases")


@cache
def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module, parsed once for all rules."""
    return ast.parse(MODULES[module].read_text())


@cache
def nodes_of(module: str) -> tuple[ast.AST, ...]:
    """Return every node of a module."""
    return tuple(ast.walk(tree_of(module)))


@cache
def imports_of(module: str) -> tuple[tuple[str, int], ...]:
    """Return the modules of this project that a module imports, wherever in it, and the lines."""
    found: list[tuple[str, int]] = []
    for node in nodes_of(module):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{MODULES[module]}:{node.lineno}: relative import; write the whole name"
            package = node.module or ""
            names = [f"{package}.{alias.name}" for alias in node.names]
            found += [(name if name in MODULES else package, node.lineno) for name in names]
    return tuple(found)


def statements_at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield every statement that runs when the module is imported."""
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        statement = pending.pop()
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield statement
        for field in ("body", "orelse", "finalbody"):
            pending += getattr(statement, field, [])
        for handler in getattr(statement, "handlers", []):
            pending += handler.body


def runs_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every node that is evaluated when the module is imported."""
    for statement in statements_at_import(tree):
        pending: list[ast.AST] = [
            child
            for child in ast.iter_child_nodes(statement)
            if not isinstance(child, ast.stmt | ast.ExceptHandler)
        ]
        while pending:
            node = pending.pop()
            yield node
            if not isinstance(node, ast.Lambda):
                pending += ast.iter_child_nodes(node)


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("recommender")])
def test_the_recommender_knows_nothing_of_the_service(module: str) -> None:
    """What decides is usable without HTTP, Redis or an environment."""
    for imported, line in imports_of(module):
        assert not imported.startswith("service"), f"{MODULES[module]}:{line} imports {imported}"
        package = imported.split(".")[0]
        assert package not in {"starlette", "uvicorn", "redis", "click", "pydantic_settings"}, (
            f"{module}:{line}"
        )


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("service")])
def test_imports_run_from_the_edge_to_the_stores_and_never_back(module: str) -> None:
    """Cli → demo → app → routes → use cases → stores: nothing imports what stands before it."""
    for imported, line in imports_of(module):
        if imported.startswith("service.") and imported in MODULES:
            assert layer(imported) >= layer(module), f"{MODULES[module]}:{line} imports {imported}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_can_be_understood_without_the_others(room: str) -> None:
    """What a token is, what a request holds or what is counted depends on no connection and no route."""
    inside = [name for name in MODULES if name == room or name.startswith(room + ".")]
    assert inside
    for module in inside:
        for imported, line in imports_of(module):
            if imported in MODULES and imported.startswith("service."):
                home = ".".join(imported.split(".")[:2])
                assert home in {room, *ROOMS[room]}, f"{MODULES[module]}:{line} imports {imported}"


def test_no_module_imports_itself_in_a_circle() -> None:
    """Modules can be understood one after the other."""
    graph = {
        name: {imported for imported, _ in imports_of(name) if imported in MODULES} - {name}
        for name in MODULES
    }
    done: set[str] = set()
    while ready := {name for name, needs in graph.items() if name not in done and needs <= done}:
        done |= ready
    assert done == set(graph), f"in circles: {sorted(set(graph) - done)}"


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_reads_no_environment_file_or_clock(module: str) -> None:
    """Settings are read when a command runs; tests and workers can import anything in any order."""
    for node in runs_at_import(tree_of(module)):
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            assert dotted not in {"os.environ", "os.getenv", "os.getcwd", "Path.cwd"}, (
                f"{MODULES[module]}:{node.lineno}"
            )
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            forbidden = {
                "open",
                "time.time",
                "time.monotonic",
                "datetime.now",
                "load_settings",
                "Settings",
                "Path.home",
            }
            assert called not in forbidden, f"{MODULES[module]}:{node.lineno} calls {called} at import"


@pytest.mark.parametrize("module", MODULES)
def test_no_module_keeps_state(module: str) -> None:
    """No ``global``, and what a module names in lower case is never an empty container waiting to be filled."""
    for node in nodes_of(module):
        assert not isinstance(node, ast.Global), f"{MODULES[module]}:{getattr(node, 'lineno', 0)}: global"
    for statement in tree_of(module).body:
        value = (
            getattr(statement, "value", None) if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        )
        is_empty = (isinstance(value, ast.Dict) and not value.keys) or (
            isinstance(value, ast.List) and not value.elts
        )
        is_empty = is_empty or (
            isinstance(value, ast.Call)
            and not value.args
            and ast.unparse(value.func) in {"dict", "list", "set", "deque"}
        )
        assert not is_empty, f"{MODULES[module]}:{statement.lineno}: an empty container at module level"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("recommender")])
def test_the_recommender_reads_no_clock_and_rolls_no_unseeded_dice(module: str) -> None:
    """``now`` and ``rng`` are arguments, so every decision can be replayed. Durations may be measured."""
    for node in nodes_of(module):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            where = f"{MODULES[module]}:{node.lineno} calls {called}"
            assert called not in {
                "time.time",
                "datetime.now",
                "datetime.utcnow",
                "date.today",
                "datetime.today",
            }, where
            assert not called.startswith("random."), where
            assert not (called.endswith("default_rng") and not node.args and not node.keywords), where


def test_every_module_says_what_it_is() -> None:
    """A module with code starts with a sentence about itself."""
    silent = [name for name in MODULES if tree_of(name).body and not ast.get_docstring(tree_of(name))]
    assert not silent
