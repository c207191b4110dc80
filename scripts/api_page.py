"""Writes docs/developer/api.md's list of calls from the API itself: `python -m scripts.api_page`."""

from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter
from fastapi.routing import APIRoute

from services.api.app import PREFIX, ROUTERS

PAGE = Path(__file__).parent.parent / "docs" / "developer" / "api.md"
BEGIN = "<!-- calls: made by python -m scripts.api_page -->"
END = "<!-- calls end -->"


def main() -> None:
    """Write the list into the page."""
    PAGE.write_text(with_calls(PAGE.read_text()))


def with_calls(text: str) -> str:
    """Return the page with the list as the API has it now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_table()}\n{END}{after}"


def _table() -> str:
    return "\n".join(["| call | does |", "|---|---|", *_rows()])


def _rows() -> Iterator[str]:
    for module in ROUTERS:
        router: APIRouter = module.router
        for route in router.routes:
            if isinstance(route, APIRoute):
                method = ", ".join(sorted(route.methods or ()))
                does = (route.endpoint.__doc__ or "").strip().partition("\n")[0]
                yield f"| `{method} {PREFIX}{route.path}` | {does} |"


if __name__ == "__main__":
    main()
