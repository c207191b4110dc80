"""How the client's calls are sent, and their answers read."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from justin.errors import BadReply
from justin.schemas.views import Page
from justin.transport import Repeat, Transport

PAGE_ITEMS = 500

Reply = TypeVar("Reply")


class Calls:
    """What the methods of the client are made of."""

    _transport: Transport

    def _get(self, path: str, shape: type[Reply], params: Mapping[str, Any] | None = None) -> Reply:
        return self._read(self._transport.request("GET", path, params=params), shape)

    def _post(
        self,
        path: str,
        message: BaseModel,
        shape: type[Reply],
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: Repeat = Repeat.IF_NOT_DONE,
    ) -> Reply:
        content = message.model_dump_json(exclude_unset=True).encode()
        response = self._transport.request("POST", path, params=params, content=content, headers=headers, repeat=repeat)
        return self._read(response, shape)

    def _read(self, response: httpx.Response, shape: type[Reply]) -> Reply:
        try:
            return TypeAdapter(shape).validate_json(response.content)
        except ValidationError as error:
            raise BadReply(
                f"{response.request.url} gave an answer that this version of the client cannot read: {error}"
            ) from error

    def _pages(
        self,
        path: str,
        shape: type[Page[Reply]],
        filters: Mapping[str, Any],
        limit: int | None,
        after: int | None = None,
    ) -> Iterator[Reply]:
        """Yield the items of page after page, until `limit`."""
        left = limit
        while left is None or left > 0:
            size = PAGE_ITEMS if left is None else min(left, PAGE_ITEMS)
            page = self._get(path, shape, {**filters, "limit": size, "after": after})
            yield from page.items
            left = None if left is None else left - len(page.items)
            after = page.next_after
            if after is None:
                return
